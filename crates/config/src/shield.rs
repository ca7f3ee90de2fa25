//! What is done about findings, per direction.

use crate::problem::Problems;
use crate::section::{Section, choice};

/// The `[shield]` section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shield {
    /// Tool, prompt and resource definitions, and a server's instructions.
    pub definitions: DefinitionAction,
    /// Arguments of calls on their way to a server.
    pub arguments: ArgumentAction,
    /// Results, and everything else a server sends.
    pub results: ResultAction,
}

/// What happens to a definition with findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DefinitionAction {
    /// It is not shown until it is approved.
    #[default]
    Hold,
    /// It is shown; the findings stand in the audit entry.
    Mark,
    /// Nothing; what was found is still reported.
    Allow,
}

/// What happens to arguments with findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ArgumentAction {
    /// They pass; the findings stand in the receipt and the audit entry.
    #[default]
    Mark,
    /// The offending characters are taken out.
    Redact,
    /// The call is refused.
    Block,
    /// Nothing; what was found is still reported.
    Allow,
}

/// What happens to results with findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResultAction {
    /// The offending characters are taken out.
    #[default]
    Redact,
    /// They pass; the findings stand in the receipt and the audit entry.
    Mark,
    /// The result is withheld.
    Block,
    /// Nothing; what was found is still reported.
    Allow,
}

impl Shield {
    pub(crate) fn read(problems: &mut Problems<'_>, root: &mut Section<'_, '_>) -> Self {
        let mut section = root.section(problems, "shield");
        let definitions = choice(
            problems,
            &mut section,
            "definitions",
            &[
                ("hold", DefinitionAction::Hold),
                ("mark", DefinitionAction::Mark),
                ("allow", DefinitionAction::Allow),
            ],
        );
        let arguments = choice(
            problems,
            &mut section,
            "arguments",
            &[
                ("mark", ArgumentAction::Mark),
                ("redact", ArgumentAction::Redact),
                ("block", ArgumentAction::Block),
                ("allow", ArgumentAction::Allow),
            ],
        );
        let results = choice(
            problems,
            &mut section,
            "results",
            &[
                ("redact", ResultAction::Redact),
                ("mark", ResultAction::Mark),
                ("block", ResultAction::Block),
                ("allow", ResultAction::Allow),
            ],
        );
        section.finish(problems);
        Self {
            definitions: definitions.unwrap_or_default(),
            arguments: arguments.unwrap_or_default(),
            results: results.unwrap_or_default(),
        }
    }
}
