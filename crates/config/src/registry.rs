//! How a definition that was never seen before is treated.

use crate::section::Section;
use crate::{problem::Problems, section::choice};

/// The `[registry]` section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registry {
    /// What a new definition needs before it is shown.
    pub mode: RegistryMode,
}

/// What a new definition needs before it is shown. A *changed* definition is held in both modes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RegistryMode {
    /// A person approves it first.
    #[default]
    Review,
    /// The first one that is seen is pinned and shown.
    TrustOnFirstUse,
}

impl Registry {
    pub(crate) fn read(problems: &mut Problems<'_>, root: &mut Section<'_, '_>) -> Self {
        let mut section = root.section(problems, "registry");
        let mode = choice(
            problems,
            &mut section,
            "mode",
            &[
                ("review", RegistryMode::Review),
                ("trust-on-first-use", RegistryMode::TrustOnFirstUse),
            ],
        );
        section.finish(problems);
        Self {
            mode: mode.unwrap_or_default(),
        }
    }
}
