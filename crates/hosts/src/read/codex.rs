//! Codex: `[mcp_servers.NAME]` in TOML.

use std::collections::BTreeMap;

use toml_span::value::{Table, Value, ValueInner};

use super::document::line;
use super::{HostError, Note, Reading};
use crate::entry::{Entry, Transport};
use crate::host::Host;

pub(super) fn read(text: &str) -> Result<Reading, HostError> {
    let document = toml_span::parse(text).map_err(|error| {
        let start = error.span.start;
        let before = text.get(..start).unwrap_or_default();
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        HostError {
            host: Host::Codex,
            line: line(text, start),
            column,
            message: error.to_string(),
        }
    })?;
    let mut reading = Reading::default();
    let mut servers: Vec<_> = table(document.as_table(), "mcp_servers")
        .into_iter()
        .flatten()
        .collect();
    servers.sort_by_key(|(key, _)| key.span.start);
    for (key, value) in servers {
        let place = line(text, key.span.start);
        let name = key.name.to_string();
        match transport(value) {
            Ok(transport) => reading.entries.push(Entry {
                name,
                transport,
                disabled: boolean(value, "enabled") == Some(false),
                project: None,
                line: Some(place),
            }),
            Err(reason) => reading.notes.push(Note {
                name,
                line: place,
                text: reason.to_owned(),
            }),
        }
    }
    Ok(reading)
}

fn transport(value: &Value<'_>) -> Result<Transport, &'static str> {
    let server = value.as_table().ok_or("is no table")?;
    let text = |name| server.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(command) = text("command") {
        let mut env = scalars(table(Some(server), "env"));
        for name in forwarded(server) {
            env.entry(name.clone()).or_insert(format!("${{{name}}}"));
        }
        return Ok(Transport::Stdio {
            command,
            args: strings(server.get("args")),
            env,
            cwd: text("cwd"),
        });
    }
    let url = text("url").ok_or("has neither a command nor a URL")?;
    let mut headers = scalars(table(Some(server), "http_headers"));
    for (name, variable) in scalars(table(Some(server), "env_http_headers")) {
        headers.insert(name, format!("${{{variable}}}"));
    }
    if let Some(variable) = text("bearer_token_env_var") {
        headers.insert(
            "Authorization".to_owned(),
            format!("Bearer ${{{variable}}}"),
        );
    }
    Ok(Transport::Http {
        url,
        headers,
        sse: false,
    })
}

/// `env_vars`: variables of Codex's own environment that the server gets too, as names or as
/// tables with a `name`.
fn forwarded(server: &Table<'_>) -> Vec<String> {
    let array = server.get("env_vars").and_then(Value::as_array);
    array
        .into_iter()
        .flatten()
        .filter_map(|item| match item.as_table() {
            Some(entry) => entry.get("name").and_then(Value::as_str),
            None => item.as_str(),
        })
        .map(str::to_owned)
        .collect()
}

fn table<'t, 'a>(of: Option<&'t Table<'a>>, name: &str) -> Option<&'t Table<'a>> {
    of?.get(name)?.as_table()
}

fn boolean(value: &Value<'_>, name: &str) -> Option<bool> {
    value.as_table()?.get(name)?.as_bool()
}

fn strings(value: Option<&Value<'_>>) -> Vec<String> {
    let array = value.and_then(Value::as_array);
    array.into_iter().flatten().filter_map(scalar).collect()
}

fn scalars(table: Option<&Table<'_>>) -> BTreeMap<String, String> {
    table
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.name.to_string(), scalar(value)?)))
        .collect()
}

fn scalar(value: &Value<'_>) -> Option<String> {
    match value.as_ref() {
        ValueInner::String(text) => Some(text.to_string()),
        ValueInner::Integer(number) => Some(number.to_string()),
        ValueInner::Float(number) => Some(number.to_string()),
        ValueInner::Boolean(on) => Some(on.to_string()),
        ValueInner::Array(_) | ValueInner::Table(_) => None,
    }
}
