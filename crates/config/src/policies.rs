//! Where the Cedar policies are.

use crate::problem::{Mask, Problems};
use crate::section::Section;

/// The `[policies]` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoliciesConfig {
    /// Files, or folders whose `*.cedar` files are all read; relative to the configuration file.
    pub files: Vec<String>,
}

impl Default for PoliciesConfig {
    fn default() -> Self {
        Self {
            files: vec!["policies".to_owned()],
        }
    }
}

impl PoliciesConfig {
    pub(crate) fn read(problems: &mut Problems<'_>, root: &mut Section<'_, '_>) -> Self {
        let mut section = root.section(problems, "policies");
        let files = section.strings(problems, "files");
        if let Some(files) = &files {
            for (path, span) in files {
                if path.is_empty() || path.contains('\0') {
                    let key = section.key("files");
                    let message = format!("`{key}` has an entry that is no path");
                    problems.push(*span, &key, message, None, Mask::OtherStrings);
                }
            }
        }
        section.finish(problems);
        match files {
            Some(files) => Self {
                files: files.into_iter().map(|(path, _)| path).collect(),
            },
            None => Self::default(),
        }
    }
}
