//! What lists made of a definition, kept for as long as the configuration is the same.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use portcullis_shield::{Finding, Verdict};

use crate::refusal::Refusal;
use crate::snapshot::Edition;

/// A definition as it stands in a list, and what the shield said about it.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub(crate) text: Text,
    pub(crate) verdict: Verdict,
    pub(crate) findings: Vec<Finding>,
}

/// The JSON object that a list shows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Text {
    /// The very text of the server.
    AsGiven,
    /// Another one.
    Changed(String),
    /// None: a content rule blocks it.
    LeftOut,
}

/// What was made of one definition: under its own name, and under one with the server's before it.
/// There are no other names, so that this is bounded.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    own: ArcSwapOption<(Edition, Rendered)>,
    prefixed: ArcSwapOption<(Edition, Rendered)>,
}

impl Shown {
    /// What was made of it under this configuration. It is made now if it was not before.
    ///
    /// # Errors
    /// Those of `make`; nothing is kept then.
    pub(crate) fn under(
        &self,
        edition: &Edition,
        prefixed: bool,
        make: impl FnOnce() -> Result<Rendered, Refusal>,
    ) -> Result<Arc<(Edition, Rendered)>, Refusal> {
        let slot = if prefixed { &self.prefixed } else { &self.own };
        if let Some(kept) = slot.load_full().filter(|kept| kept.0 == *edition) {
            return Ok(kept);
        }
        let made = Arc::new((edition.clone(), make()?));
        slot.store(Some(Arc::clone(&made)));
        Ok(made)
    }
}
