//! What was found.

use portcullis_mcp::json::Span;
use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::rule::{Confidence, Severity};

/// What one rule found in one string.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The id of the rule.
    pub rule: &'static str,
    /// How bad it is if it is right.
    pub severity: Severity,
    /// How likely it is right.
    pub confidence: Confidence,
    /// The bytes of the string token, quotes included, in the inspected JSON
    /// text.
    #[serde(serialize_with = "span")]
    pub span: Span,
    /// What it was, in printable characters only, e.g.
    /// `U+202E RIGHT-TO-LEFT OVERRIDE, 2 times`.
    pub note: String,
}

fn span<S: Serializer>(span: &Span, serializer: S) -> Result<S::Ok, S::Error> {
    let mut fields = serializer.serialize_struct("Span", 2)?;
    fields.serialize_field("start", &span.start)?;
    fields.serialize_field("end", &span.end)?;
    fields.end()
}
