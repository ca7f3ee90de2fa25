//! What a client lets servers ask of it.

use super::fields::Fields;
use super::{TASKS_EXTENSION, UI_EXTENSION, UI_MEDIA_TYPE};
use crate::error::{Fault, WireError};
use crate::json::Object;
use crate::method::Method;
use crate::params::{self, ElicitMode, Params};
use crate::version::{Era, ProtocolVersion};

/// What a client says that a server may ask it for: a small set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClientCapabilities(u16);

impl ClientCapabilities {
    /// Nothing.
    pub const NONE: Self = ClientCapabilities(0);
    /// `roots/list`
    pub const ROOTS: Self = ClientCapabilities(1);
    /// `notifications/roots/list_changed` (up to 2025-11-25)
    pub const ROOTS_LIST_CHANGED: Self = ClientCapabilities(1 << 1);
    /// `sampling/createMessage`
    pub const SAMPLING: Self = ClientCapabilities(1 << 2);
    /// `tools` and `toolChoice` in sampling (from 2025-11-25)
    pub const SAMPLING_TOOLS: Self = ClientCapabilities(1 << 3);
    /// `includeContext` other than `none` in sampling
    pub const SAMPLING_CONTEXT: Self = ClientCapabilities(1 << 4);
    /// `elicitation/create` with a form (from 2025-06-18)
    pub const ELICITATION_FORM: Self = ClientCapabilities(1 << 5);
    /// `elicitation/create` with a page (from 2025-11-25)
    pub const ELICITATION_URL: Self = ClientCapabilities(1 << 6);
    /// The extension [`TASKS_EXTENSION`] (2026-07-28)
    pub const TASKS: Self = ClientCapabilities(1 << 7);
    /// The extension [`UI_EXTENSION`]
    pub const UI: Self = ClientCapabilities(1 << 8);

    const ALL: Self = ClientCapabilities((1 << 9) - 1);

    /// Whether it holds all of `other`.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What either holds.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        ClientCapabilities(self.0 | other.0)
    }

    /// What both hold.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        ClientCapabilities(self.0 & other.0)
    }

    /// What it holds and `other` does not.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        ClientCapabilities(self.0 & !other.0)
    }

    /// Whether it holds anything that a server can ask for.
    pub const fn intersects_questions(self) -> bool {
        const QUESTIONS: ClientCapabilities = ClientCapabilities::ROOTS
            .union(ClientCapabilities::SAMPLING)
            .union(ClientCapabilities::ELICITATION_FORM)
            .union(ClientCapabilities::ELICITATION_URL);
        !self.intersection(QUESTIONS).is_empty()
    }

    /// Whether it holds nothing.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set as a number, which [`ClientCapabilities::from_bits_truncate`] turns back.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// The set behind a number; bits that mean nothing are dropped.
    pub const fn from_bits_truncate(bits: u16) -> Self {
        ClientCapabilities(bits).intersection(Self::ALL)
    }

    /// Reads a raw capabilities object as a client of revision `version` means it.
    ///
    /// An `elicitation` that names no mode means forms. Before 2025-11-25 sampling had no parts, and
    /// context could always be asked for; a member that the revision does not know is not read.
    /// Extensions are read in every revision, except tasks, which need 2026-07-28.
    ///
    /// # Errors
    /// [`WireError::Params`] when a member is of another kind than the revision says, or appears
    /// again in another letter case.
    pub fn read(raw: &str, version: ProtocolVersion) -> Result<Self, WireError> {
        let has_parts = version >= ProtocolVersion::V2025_11_25;
        let fields = Fields::of(
            raw,
            "capabilities",
            &["roots", "sampling", "elicitation", "extensions"],
            refuse,
        )?;
        let mut set = Self::NONE;
        let mut add = |holds: bool, what| {
            if holds {
                set = set.union(what);
            }
        };
        if let Some(roots) = fields.inner("roots", &["listChanged"])? {
            add(true, Self::ROOTS);
            let announces = version.era() == Era::Legacy && roots.flag("listChanged")?;
            add(announces, Self::ROOTS_LIST_CHANGED);
        }
        if let Some(sampling) = fields.inner("sampling", &["tools", "context"])? {
            add(true, Self::SAMPLING);
            add(has_parts && sampling.has("tools")?, Self::SAMPLING_TOOLS);
            add(
                !has_parts || sampling.has("context")?,
                Self::SAMPLING_CONTEXT,
            );
        }
        if version >= ProtocolVersion::V2025_06_18
            && let Some(elicitation) = fields.inner("elicitation", &["form", "url"])?
        {
            let url = has_parts && elicitation.has("url")?;
            add(url, Self::ELICITATION_URL);
            add(!url || elicitation.has("form")?, Self::ELICITATION_FORM);
        }
        if let Some(extensions) = fields.inner("extensions", &[TASKS_EXTENSION, UI_EXTENSION])? {
            let modern = version.era() == Era::Modern;
            add(modern && extensions.has(TASKS_EXTENSION)?, Self::TASKS);
            if let Some(ui) = extensions.inner(UI_EXTENSION, &["mimeTypes"])? {
                let shows = ui
                    .strings("mimeTypes")?
                    .is_none_or(|types| types.iter().any(|one| one == UI_MEDIA_TYPE));
                add(shows, Self::UI);
            }
        }
        Ok(set)
    }

    /// The object to declare to a server of revision `version`. What that revision does not know is
    /// left out, and so is a part whose whole is not held.
    pub fn write(self, version: ProtocolVersion) -> String {
        let has_parts = version >= ProtocolVersion::V2025_11_25;
        let mut members = Vec::new();
        if self.contains(Self::ROOTS) {
            let announces = version.era() == Era::Legacy && self.contains(Self::ROOTS_LIST_CHANGED);
            members.push(if announces {
                r#""roots":{"listChanged":true}"#.to_owned()
            } else {
                r#""roots":{}"#.to_owned()
            });
        }
        if self.contains(Self::SAMPLING) {
            let parts = self.parts(
                has_parts,
                &[
                    (Self::SAMPLING_TOOLS, "tools"),
                    (Self::SAMPLING_CONTEXT, "context"),
                ],
            );
            members.push(format!(r#""sampling":{{{parts}}}"#));
        }
        let modes = self.parts(
            has_parts,
            &[
                (Self::ELICITATION_FORM, "form"),
                (Self::ELICITATION_URL, "url"),
            ],
        );
        let only_forms = version == ProtocolVersion::V2025_06_18;
        if !modes.is_empty() || (only_forms && self.contains(Self::ELICITATION_FORM)) {
            members.push(format!(r#""elicitation":{{{modes}}}"#));
        }
        let mut extensions = Vec::new();
        if version.era() == Era::Modern && self.contains(Self::TASKS) {
            extensions.push(format!(r#""{TASKS_EXTENSION}":{{}}"#));
        }
        if self.contains(Self::UI) {
            extensions.push(format!(
                r#""{UI_EXTENSION}":{{"mimeTypes":["{UI_MEDIA_TYPE}"]}}"#
            ));
        }
        if !extensions.is_empty() {
            members.push(format!(r#""extensions":{{{}}}"#, extensions.join(",")));
        }
        format!("{{{}}}", members.join(","))
    }

    /// What a client must have declared before a server may send it this request; nothing for a
    /// method that is no such request.
    ///
    /// # Errors
    /// [`WireError::Params`] when the params do not fit the method.
    pub fn needed(method: Method, params: Option<&str>) -> Result<Self, WireError> {
        Ok(match params::view(method, params)? {
            Params::CreateMessage(ask) => {
                let mut needed = Self::SAMPLING;
                if ask.tools.is_some() || has_tool_choice(params) {
                    needed = needed.union(Self::SAMPLING_TOOLS);
                }
                match ask.include_context.as_deref() {
                    None | Some("none") => needed,
                    Some(_) => needed.union(Self::SAMPLING_CONTEXT),
                }
            }
            Params::Elicit(ask) => match ask.mode {
                ElicitMode::Form { .. } => Self::ELICITATION_FORM,
                ElicitMode::Url { .. } => Self::ELICITATION_URL,
            },
            _ if method == Method::RootsList => Self::ROOTS,
            _ => Self::NONE,
        })
    }

    /// The members `"name":{}` of the parts held.
    fn parts(self, known: bool, parts: &[(Self, &str)]) -> String {
        let held: Vec<String> = parts
            .iter()
            .filter(|(part, _)| known && self.contains(*part))
            .map(|(_, name)| format!(r#""{name}":{{}}"#))
            .collect();
        held.join(",")
    }
}

/// Whether sampling params say how the model shall use tools, which needs what tools need.
fn has_tool_choice(params: Option<&str>) -> bool {
    params
        .and_then(|params| Object::parse(params).ok())
        .is_some_and(|params| params.get("toolChoice").is_some())
}

fn refuse(member: &'static str, fault: Fault) -> WireError {
    WireError::Params { member, fault }
}
