//! What is done about findings, and where.

use serde::{Deserialize, Serialize};

/// What is done about findings, the mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Pass it on unchanged. The findings are still reported.
    Allow,
    /// Pass it on unchanged, marked as untrusted for whoever reads it.
    Mark,
    /// Pass it on without what was found.
    Redact,
    /// Keep it back until a person has looked at it.
    Hold,
    /// Do not pass it on.
    Block,
}

impl Verdict {
    /// Every verdict, the mildest first.
    pub const ALL: &[Verdict] = &[
        Self::Allow,
        Self::Mark,
        Self::Redact,
        Self::Hold,
        Self::Block,
    ];

    /// The stable name, as configuration and audit entries write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Mark => "mark",
            Self::Redact => "redact",
            Self::Hold => "hold",
            Self::Block => "block",
        }
    }

    /// The verdict of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|verdict| verdict.as_str() == name)
    }
}

/// Which way a text goes, and so what it can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// A definition or instructions of a server: read by a model before every
    /// call.
    Definition,
    /// What a caller sends to a server.
    Argument,
    /// What a server sends back: results, messages and errors.
    Result,
}

impl Direction {
    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Definition => "definition",
            Self::Argument => "argument",
            Self::Result => "result",
        }
    }
}

/// The verdict on a text with findings, by direction.
///
/// By default a definition is held, because a server has no reason to hide
/// characters in one; arguments are marked, because changing what a caller
/// sends changes what is done; results are redacted, because nothing that a
/// reader can see is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// For definitions.
    pub definitions: Verdict,
    /// For arguments.
    pub arguments: Verdict,
    /// For results.
    pub results: Verdict,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            definitions: Verdict::Hold,
            arguments: Verdict::Mark,
            results: Verdict::Redact,
        }
    }
}

impl Settings {
    /// The verdict on a text with findings that goes this way.
    #[must_use]
    pub fn verdict(&self, direction: Direction) -> Verdict {
        match direction {
            Direction::Definition => self.definitions,
            Direction::Argument => self.arguments,
            Direction::Result => self.results,
        }
    }
}
