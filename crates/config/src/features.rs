//! What a profile lets servers ask of a host, and which extensions it carries.

use crate::problem::{Mask, Problems};
use crate::section::{Section, list, quoted, suggestion};

/// The optional parts of the protocol that a profile carries.
///
/// Sampling spends the host's model on a text that a server wrote, and roots tell a server where
/// files are: both are off unless they are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// Servers may ask the host's model (`sampling/createMessage`).
    pub sampling: bool,
    /// Servers may ask which folders the host works on (`roots/list`).
    pub roots: bool,
    /// Servers may ask the user (`elicitation/create`).
    pub elicitation: bool,
    /// The extension `io.modelcontextprotocol/tasks`.
    pub tasks: bool,
    /// The extension `io.modelcontextprotocol/ui` (MCP Apps).
    pub ui: bool,
}

impl Default for Features {
    fn default() -> Self {
        Self {
            sampling: false,
            roots: false,
            elicitation: true,
            tasks: true,
            ui: true,
        }
    }
}

/// The extensions that can be carried, by the last part of their identifiers.
const EXTENSIONS: &[&str] = &["tasks", "ui"];

impl Features {
    pub(crate) fn read(problems: &mut Problems<'_>, section: &mut Section<'_, '_>) -> Self {
        let default = Self::default();
        let mut features = Self {
            sampling: section
                .boolean(problems, "sampling")
                .unwrap_or(default.sampling),
            roots: section.boolean(problems, "roots").unwrap_or(default.roots),
            elicitation: section
                .boolean(problems, "elicitation")
                .unwrap_or(default.elicitation),
            ..default
        };
        let Some(names) = section.strings(problems, "extensions") else {
            return features;
        };
        let key = section.key("extensions");
        let unknown = names
            .iter()
            .filter(|(name, _)| !EXTENSIONS.contains(&name.as_str()));
        for (name, span) in unknown {
            let message = format!("unknown extension {}", quoted(name));
            let hint = match suggestion(name, EXTENSIONS.iter().copied()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("it can be {}", list(EXTENSIONS)),
            };
            problems.push(*span, &key, message, Some(hint), Mask::OtherStrings);
        }
        features.tasks = names.iter().any(|(name, _)| name == "tasks");
        features.ui = names.iter().any(|(name, _)| name == "ui");
        features
    }
}

#[cfg(test)]
mod tests;
