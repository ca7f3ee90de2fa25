//! What the model makes of answers.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::host::{Answer, ClientError};

/// An answer's text, whatever kind of answer it is.
pub(super) fn into_answer(result: Result<Value, ClientError>) -> Answer {
    match result {
        Ok(result) => Answer {
            text: strings(&result).join("\n"),
            is_error: result
                .get("isError")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            code: None,
            status: None,
        },
        Err(ClientError::Rpc {
            code,
            message,
            data,
        }) => {
            let mut text = message;
            for more in data.iter().flat_map(strings) {
                text.push('\n');
                text.push_str(more);
            }
            Answer {
                text,
                is_error: true,
                code: Some(code),
                status: None,
            }
        }
        Err(ClientError::Status { status, body }) => Answer {
            text: body,
            is_error: true,
            code: None,
            status: Some(status),
        },
        Err(error) => Answer {
            text: error.to_string(),
            is_error: true,
            code: None,
            status: None,
        },
    }
}

/// Every string of a value that a model would be shown: all but `_meta` and the words of the protocol.
pub(super) fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(members) => members
            .iter()
            .filter(|(key, _)| {
                !matches!(
                    key.as_str(),
                    "_meta" | "type" | "mimeType" | "role" | "resultType" | "uri"
                )
            })
            .flat_map(|(_, value)| strings(value))
            .collect(),
        _ => Vec::new(),
    }
}

/// Puts saved answers in place of `{{name}}` in every string.
pub(super) fn fill(value: &Value, saved: &BTreeMap<String, String>) -> Value {
    match value {
        Value::String(text) => {
            let filled = saved.iter().fold(text.clone(), |text, (name, answer)| {
                text.replace(&format!("{{{{{name}}}}}"), answer)
            });
            Value::String(filled)
        }
        Value::Array(items) => items.iter().map(|item| fill(item, saved)).collect(),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(key, value)| (key.clone(), fill(value, saved)))
                .collect(),
        ),
        other => other.clone(),
    }
}
