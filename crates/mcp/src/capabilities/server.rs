//! What a server offers.

use super::fields::Fields;
use super::{TASKS_EXTENSION, UI_EXTENSION};
use crate::error::{Fault, WireError};
use crate::version::Era;

/// What a server offers. The experimental tasks of 2025-11-25 are not read: they are another
/// protocol than the extension.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ServerCapabilities {
    /// Tools.
    pub tools: bool,
    /// Prompts.
    pub prompts: bool,
    /// Resources and templates.
    pub resources: bool,
    /// `completion/complete`.
    pub completions: bool,
    /// Log messages.
    pub logging: bool,
    /// Says when its tools change.
    pub tools_list_changed: bool,
    /// Says when its prompts change.
    pub prompts_list_changed: bool,
    /// Says when its resources change.
    pub resources_list_changed: bool,
    /// Says when one resource changes.
    pub resources_subscribe: bool,
    /// The extension [`TASKS_EXTENSION`](super::TASKS_EXTENSION).
    pub tasks: bool,
    /// The extension [`UI_EXTENSION`](super::UI_EXTENSION).
    pub ui: bool,
}

impl ServerCapabilities {
    /// Reads a raw capabilities object.
    ///
    /// # Errors
    /// [`WireError::Result`] when a member is of another kind than the schema says, or appears again
    /// in another letter case.
    pub fn read(raw: &str) -> Result<Self, WireError> {
        const MEMBERS: &[&str] = &[
            "tools",
            "prompts",
            "resources",
            "completions",
            "logging",
            "extensions",
        ];
        let fields = Fields::of(raw, "capabilities", MEMBERS, refuse)?;
        let tools = fields.inner("tools", &["listChanged"])?;
        let prompts = fields.inner("prompts", &["listChanged"])?;
        let resources = fields.inner("resources", &["listChanged", "subscribe"])?;
        let extensions = fields.inner("extensions", &[TASKS_EXTENSION, UI_EXTENSION])?;
        let flag = |fields: &Option<Fields<'_>>, key| {
            fields.as_ref().map_or(Ok(false), |fields| fields.flag(key))
        };
        let extension = |key| {
            extensions
                .as_ref()
                .map_or(Ok(false), |fields| fields.has(key))
        };
        Ok(ServerCapabilities {
            tools: tools.is_some(),
            prompts: prompts.is_some(),
            resources: resources.is_some(),
            completions: fields.has("completions")?,
            logging: fields.has("logging")?,
            tools_list_changed: flag(&tools, "listChanged")?,
            prompts_list_changed: flag(&prompts, "listChanged")?,
            resources_list_changed: flag(&resources, "listChanged")?,
            resources_subscribe: flag(&resources, "subscribe")?,
            tasks: extension(TASKS_EXTENSION)?,
            ui: extension(UI_EXTENSION)?,
        })
    }

    /// What either offers.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        ServerCapabilities {
            tools: self.tools || other.tools,
            prompts: self.prompts || other.prompts,
            resources: self.resources || other.resources,
            completions: self.completions || other.completions,
            logging: self.logging || other.logging,
            tools_list_changed: self.tools_list_changed || other.tools_list_changed,
            prompts_list_changed: self.prompts_list_changed || other.prompts_list_changed,
            resources_list_changed: self.resources_list_changed || other.resources_list_changed,
            resources_subscribe: self.resources_subscribe || other.resources_subscribe,
            tasks: self.tasks || other.tasks,
            ui: self.ui || other.ui,
        }
    }

    /// The object to declare to a client of that era. Tasks are left out of the legacy era, and so
    /// is a part whose whole is not offered.
    pub fn write(self, era: Era) -> String {
        let listed = |name: &str, parts: &[(bool, &str)]| {
            let parts: Vec<String> = parts
                .iter()
                .filter(|(offered, _)| *offered)
                .map(|(_, part)| format!(r#""{part}":true"#))
                .collect();
            format!(r#""{name}":{{{}}}"#, parts.join(","))
        };
        let extensions = [
            (self.tasks && era == Era::Modern, TASKS_EXTENSION),
            (self.ui, UI_EXTENSION),
        ]
        .iter()
        .filter(|(offered, _)| *offered)
        .map(|(_, name)| format!(r#""{name}":{{}}"#))
        .collect::<Vec<_>>()
        .join(",");
        let list_changed = "listChanged";
        let members = [
            (
                self.tools,
                listed("tools", &[(self.tools_list_changed, list_changed)]),
            ),
            (
                self.prompts,
                listed("prompts", &[(self.prompts_list_changed, list_changed)]),
            ),
            (
                self.resources,
                listed(
                    "resources",
                    &[
                        (self.resources_subscribe, "subscribe"),
                        (self.resources_list_changed, list_changed),
                    ],
                ),
            ),
            (self.completions, r#""completions":{}"#.to_owned()),
            (self.logging, r#""logging":{}"#.to_owned()),
            (
                !extensions.is_empty(),
                format!(r#""extensions":{{{extensions}}}"#),
            ),
        ];
        let offered: Vec<String> = members
            .into_iter()
            .filter_map(|(offered, text)| offered.then_some(text))
            .collect();
        format!("{{{}}}", offered.join(","))
    }
}

fn refuse(member: &'static str, fault: Fault) -> WireError {
    WireError::Result { member, fault }
}
