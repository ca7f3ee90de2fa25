//! A result as it leaves: in the form of its reader's era, and with its receipt.

use std::borrow::Cow;

use portcullis_mcp::error::WireError;
use portcullis_mcp::json::{Object, Splice};
use portcullis_mcp::method::Method;
use portcullis_mcp::version::Era;

use crate::era;
use crate::receipt::{self, Receipt};

/// Rewrites a result once, from one reading. Every byte that need not change stays as it is.
pub(crate) fn fit<'a>(
    result: &Object<'a>,
    method: Method,
    era: Era,
    receipt: Option<&Receipt<'_>>,
) -> Result<Cow<'a, str>, WireError> {
    let mut splice = Splice::new(result.text());
    era::fit(result, &mut splice, method, era)?;
    receipt::write(result, &mut splice, era, receipt)?;
    Ok(splice.finish())
}
