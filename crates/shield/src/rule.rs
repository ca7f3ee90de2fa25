//! What a rule says about itself.

use serde::Serialize;

/// A kind of thing the shield finds. The reference pages are generated from
/// these.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rule {
    /// The stable id, kebab-case; also the name of the rule's file.
    pub id: &'static str,
    /// One line, for lists.
    pub title: &'static str,
    /// How bad it is if the finding is right.
    pub severity: Severity,
    /// How likely the finding is right.
    pub confidence: Confidence,
    /// Why it matters, what is found and what is left alone.
    pub rationale: &'static str,
    /// What the author of the text does about it.
    pub fix: &'static str,
    /// Where to read on: addresses.
    pub references: &'static [&'static str],
}

/// How bad a finding is if it is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth cleaning up.
    Low,
    /// Can mislead a reader or a model.
    Medium,
    /// Made to mislead.
    High,
    /// Carries a hidden message.
    Critical,
}

impl Severity {
    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// How likely a finding is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Often harmless.
    Low,
    /// Sometimes harmless.
    Medium,
    /// Hardly ever harmless.
    High,
}

impl Confidence {
    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}
