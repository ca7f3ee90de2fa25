//! The configuration files that the demo writes.

use std::fmt::Write as _;
use std::net::SocketAddr;

use portcullis_lab::ServerKind;
use portcullis_mcp::json::quote;

use crate::exit::Failure;

/// A configuration with the profile `research`, which the shipped policy is written for.
pub(super) struct Configuration<'a> {
    pub(super) heading: &'a str,
    pub(super) address: SocketAddr,
    /// Relative to the configuration file.
    pub(super) store: &'a str,
    /// Relative to the configuration file.
    pub(super) policies: Vec<&'a str>,
    pub(super) servers: Vec<Server>,
    /// Entries as `portcullis key new` prints them.
    pub(super) keys: Vec<&'a str>,
    /// Controls to switch off.
    pub(super) without: &'a [&'static str],
}

/// One server of the profile.
pub(super) struct Server {
    name: &'static str,
    reached: Reached,
    tools: Option<&'static [&'static str]>,
}

enum Reached {
    Command {
        command: String,
        kind: ServerKind,
        env: Vec<(String, String)>,
    },
    Url(String),
}

impl Server {
    /// A server of the lab, run by this very program.
    pub(super) fn lab(
        name: &'static str,
        kind: ServerKind,
        env: Vec<(impl Into<String>, String)>,
        tools: Option<&'static [&'static str]>,
    ) -> Result<Self, Failure> {
        let command = super::stage::program()?.to_string_lossy().into_owned();
        let env = env
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect();
        let reached = Reached::Command { command, kind, env };
        Ok(Self {
            name,
            reached,
            tools,
        })
    }

    pub(super) fn at(
        name: &'static str,
        url: String,
        tools: Option<&'static [&'static str]>,
    ) -> Self {
        Self {
            name,
            reached: Reached::Url(url),
            tools,
        }
    }
}

impl Configuration<'_> {
    /// The text of the file. TOML's basic strings are JSON's, so one way of quoting does for both.
    pub(super) fn to_toml(&self) -> String {
        let mut text = format!(
            "# {}\nstore = {}\n",
            self.heading,
            quote(&format!("sqlite:{}", self.store))
        );
        let mut line = |line: String| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{line}");
        };
        line(format!("\n[listen]\naddress = \"{}\"", self.address));
        line(format!("\n[policies]\nfiles = {}", list(&self.policies)));
        line("\n# Nothing is shown to a host before somebody approved it.\n[registry]\nmode = \"review\"".to_owned());
        for server in &self.servers {
            line(format!("\n[servers.{}]", server.name));
            match &server.reached {
                Reached::Command { command, kind, env } => {
                    line(format!("command = {}", quote(command)));
                    line(format!("args = {}", list(&["lab", kind.as_str()])));
                    if !env.is_empty() {
                        let pairs: Vec<String> = env
                            .iter()
                            .map(|(name, value)| format!("{name} = {}", quote(value)))
                            .collect();
                        line(format!("plain-env = {{ {} }}", pairs.join(", ")));
                    }
                }
                Reached::Url(url) => line(format!("url = {}", quote(url))),
            }
        }
        let names: Vec<&str> = self.servers.iter().map(|server| server.name).collect();
        line(format!("\n[profiles.research]\nservers = {}", list(&names)));
        let chosen: Vec<String> = self
            .servers
            .iter()
            .filter_map(|server| Some(format!("{} = {}", server.name, list(server.tools?))))
            .collect();
        if !chosen.is_empty() {
            line(format!(
                "\n[profiles.research.tools]\n{}",
                chosen.join("\n")
            ));
        }
        for key in &self.keys {
            line(format!("\n{key}"));
        }
        if !self.without.is_empty() {
            line("\n[controls]".to_owned());
            for control in self.without {
                line(format!("{control} = false"));
            }
        }
        text
    }
}

fn list(items: &[&str]) -> String {
    let items: Vec<String> = items.iter().map(|item| quote(item)).collect();
    format!("[{}]", items.join(", "))
}

/// A policy that lets researchers call exactly these tools (`server/tool`) of the lab, which the
/// shipped policy knows nothing of.
pub(super) fn permits(tools: &[&str]) -> String {
    let tools: Vec<String> = tools
        .iter()
        .map(|tool| format!("        Tool::{}", quote(tool)))
        .collect();
    format!(
        "// Tools of this scenario that the research policy does not know. Permitted, so that\n\
         // whatever stops the attack is not the mere lack of a policy.\n\
         @id(\"scenario-tools\")\n\
         permit (\n    principal in Group::\"researchers\",\n    action == Action::\"tools/call\",\n    resource\n)\n\
         when {{\n    context.profile == \"research\" &&\n    [\n{}\n    ].contains(resource)\n}};\n",
        tools.join(",\n")
    )
}

#[cfg(test)]
mod tests;
