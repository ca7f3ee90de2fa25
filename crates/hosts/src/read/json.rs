//! The hosts whose configurations are JSON.

use jsonc_parser::ast::{Object, ObjectProp, Value};
use jsonc_parser::common::Ranged;
use portcullis_config::is_variable_name;

use super::document::{
    boolean, last_properties, line, object, parse, property, scalars, string, strings,
};
use super::{HostError, Note, Reading};
use crate::entry::{Entry, Transport};
use crate::host::Host;

pub(super) fn read(host: Host, text: &str) -> Result<Reading, HostError> {
    let mut reading = Reading::default();
    let Some(root) = parse(host, text)? else {
        return Ok(reading);
    };
    let mut file = File {
        host,
        text,
        reading: &mut reading,
    };
    match host {
        Host::ClaudeCode => {
            file.servers(object(&root, "mcpServers"), None, &[]);
            file.projects(&root);
        }
        Host::VsCode => {
            file.servers(object(&root, "servers"), None, &[]);
            // Until 1.102, `settings.json` held them under `mcp`.
            let settings = object(&root, "mcp").and_then(|mcp| object(mcp, "servers"));
            file.servers(settings, None, &[]);
        }
        Host::Zed => file.servers(object(&root, "context_servers"), None, &[]),
        Host::GeminiCli => file.gemini(&root),
        Host::ClaudeDesktop | Host::Cursor | Host::Windsurf | Host::Codex => {
            file.servers(object(&root, "mcpServers"), None, &[]);
        }
    }
    Ok(reading)
}

struct File<'t, 'r> {
    host: Host,
    text: &'t str,
    reading: &'r mut Reading,
}

impl File<'_, '_> {
    /// Claude Code keeps the servers of a project that are one person's own in the user's file.
    fn projects(&mut self, root: &Object<'_>) {
        let Some(projects) = object(root, "projects") else {
            return;
        };
        for project in last_properties(projects) {
            let Some(settings) = project.value.as_object() else {
                continue;
            };
            let disabled = strings(settings, "disabledMcpServers");
            let servers = object(settings, "mcpServers");
            self.servers(servers, Some(project.name.as_str()), &disabled);
        }
    }

    /// Gemini CLI can exclude servers, or allow only some, in a section of its own.
    fn gemini(&mut self, root: &Object<'_>) {
        let servers = object(root, "mcpServers");
        let names: Vec<_> = servers
            .map(last_properties)
            .unwrap_or_default()
            .into_iter()
            .map(|property| property.name.as_str().to_owned())
            .collect();
        let mut disabled = Vec::new();
        if let Some(mcp) = object(root, "mcp") {
            disabled = strings(mcp, "excluded");
            if property(mcp, "allowed").is_some() {
                let allowed = strings(mcp, "allowed");
                disabled.extend(names.into_iter().filter(|name| !allowed.contains(name)));
            }
        }
        self.servers(servers, None, &disabled);
    }

    fn servers(
        &mut self,
        servers: Option<&Object<'_>>,
        project: Option<&str>,
        disabled: &[String],
    ) {
        for property in servers.map(last_properties).unwrap_or_default() {
            let name = property.name.as_str();
            let place = line(self.text, property.range().start);
            match self.transport(property, place) {
                Ok(transport) => {
                    let is_off = |server: &Object<'_>| {
                        boolean(server, "disabled") == Some(true)
                            || boolean(server, "enabled") == Some(false)
                    };
                    self.reading.entries.push(Entry {
                        name: name.to_owned(),
                        transport,
                        disabled: disabled.iter().any(|other| other == name)
                            || property.value.as_object().is_some_and(is_off),
                        project: project.map(str::to_owned),
                        line: Some(place),
                    });
                }
                Err(reason) => self.note(name, place, reason),
            }
        }
    }

    fn transport(
        &mut self,
        property: &ObjectProp<'_>,
        place: usize,
    ) -> Result<Transport, &'static str> {
        let mut transport = self.transport_as_written(property, place)?;
        if self.host == Host::GeminiCli {
            let (Transport::Stdio { env: values, .. }
            | Transport::Http {
                headers: values, ..
            }) = &mut transport;
            values.values_mut().for_each(brace);
        }
        Ok(transport)
    }

    fn transport_as_written(
        &mut self,
        property: &ObjectProp<'_>,
        place: usize,
    ) -> Result<Transport, &'static str> {
        let server = property.value.as_object().ok_or("is no JSON object")?;
        if self::property(server, "envFile").is_some() {
            let text = "the variables of its `envFile` are not taken over";
            self.note(property.name.as_str(), place, text);
        }
        if let Some(transport) = stdio(server) {
            return Ok(transport);
        }
        if let Some(transport) = self.http(server)? {
            return Ok(transport);
        }
        match self.host {
            Host::Zed => Err("comes from an extension, which knows how to start it"),
            _ => Err("has neither a command nor a URL"),
        }
    }

    fn http(&self, server: &Object<'_>) -> Result<Option<Transport>, &'static str> {
        let streamable = string(server, "httpUrl");
        let url = streamable
            .or_else(|| string(server, "serverUrl"))
            .or_else(|| string(server, "url"));
        let Some(url) = url else {
            return Ok(None);
        };
        let kind = string(server, "type").or_else(|| string(server, "transport"));
        let sse = match kind {
            Some("sse") => true,
            Some("ws") => return Err("uses WebSocket, which is no MCP transport"),
            Some(_) => false,
            None if streamable.is_some() => false,
            // Gemini CLI documents `url` as the old transport, `httpUrl` as the new one.
            None if self.host == Host::GeminiCli => true,
            None => has_sse_path(url),
        };
        Ok(Some(Transport::Http {
            url: url.to_owned(),
            headers: scalars(server, "headers"),
            sse,
        }))
    }

    fn note(&mut self, name: &str, line: usize, text: &str) {
        self.reading.notes.push(Note {
            name: name.to_owned(),
            line,
            text: text.to_owned(),
        });
    }
}

fn stdio(server: &Object<'_>) -> Option<Transport> {
    let cwd = string(server, "cwd").map(str::to_owned);
    match property(server, "command")? {
        Value::StringLit(command) => Some(Transport::Stdio {
            command: command.value.to_string(),
            args: strings(server, "args"),
            env: scalars(server, "env"),
            cwd,
        }),
        // The older form of Zed: `"command": { "path": …, "args": …, "env": … }`.
        Value::Object(command) => Some(Transport::Stdio {
            command: string(command, "path")?.to_owned(),
            args: strings(command, "args"),
            env: scalars(command, "env"),
            cwd,
        }),
        _ => None,
    }
}

/// Gemini CLI expands `$NAME` as well as `${NAME}`.
fn brace(value: &mut String) {
    if let Some(name) = value
        .strip_prefix('$')
        .filter(|name| is_variable_name(name))
    {
        *value = format!("${{{name}}}");
    }
}

/// Hosts that do not ask for the transport try both; by convention `/sse` is the old one.
fn has_sse_path(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    path.trim_end_matches('/').ends_with("/sse")
}
