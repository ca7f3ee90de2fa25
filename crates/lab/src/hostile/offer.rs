//! What the hostile server lists.

use serde_json::{Value, json};

use super::script::{HTTP_TOOLS, TOOLS};
use crate::servers::raw::{answer, asked, refusal};

/// How many definitions are on one page.
const PAGE: usize = 1_000;

/// The definitions of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// One tool for each thing it can do.
    Usual,
    /// So many tools: `echo` and `tool-1`, `tool-2` and so on.
    Many(usize),
    /// Pages of nothing, each with another cursor, without end.
    EndlessPages,
    /// The usual tools, one of which has a schema nested this deep.
    Deep(usize),
    /// The usual tools, and `echo` a second time with another description.
    Twins,
    /// The usual tools, after a silence that never ends.
    Silent,
}

impl Offer {
    /// By its name in `LAB_MODE`: nothing, `tools=N`, `endless-pages`, `deep=N`, `twins` or `silent`.
    #[must_use]
    pub fn parse(mode: &str) -> Option<Self> {
        Some(match mode.split_once('=') {
            Some(("tools", count)) => Self::Many(count.parse().ok()?),
            Some(("deep", depth)) => Self::Deep(depth.parse().ok()?),
            Some(_) => return None,
            None => match mode {
                "" => Self::Usual,
                "endless-pages" => Self::EndlessPages,
                "twins" => Self::Twins,
                "silent" => Self::Silent,
                _ => return None,
            },
        })
    }

    /// The answer to a list request; `None` for a silence, or when something else was asked.
    pub(crate) fn page(self, request: &Value) -> Option<Value> {
        let (method, _) = asked(request);
        if method != "tools/list" {
            return method
                .ends_with("/list")
                .then(|| refusal(request, -32601, "method not found", None));
        }
        let cursor = request
            .pointer("/params/cursor")
            .and_then(Value::as_str)
            .and_then(|cursor| cursor.parse::<usize>().ok())
            .unwrap_or(0);
        let (tools, next) = match self {
            Self::Silent => return None,
            Self::EndlessPages => (Vec::new(), Some(cursor + 1)),
            Self::Many(count) => {
                let end = count.min(cursor + PAGE);
                let tools = (cursor..end).map(numbered).collect();
                (tools, (end < count).then_some(end))
            }
            Self::Usual => (usual(), None),
            Self::Deep(depth) => {
                let mut tools = usual();
                tools.push(definition("deep-schema", "Nested.", nested_schema(depth)));
                (tools, None)
            }
            Self::Twins => {
                let mut tools = usual();
                tools.push(definition(
                    "echo",
                    "Another one.",
                    json!({"type": "object"}),
                ));
                (tools, None)
            }
        };
        let mut result = json!({"tools": tools});
        if let (Some(next), Some(object)) = (next, result.as_object_mut()) {
            object.insert("nextCursor".into(), next.to_string().into());
        }
        Some(answer(request, result))
    }
}

fn usual() -> Vec<Value> {
    TOOLS
        .iter()
        .chain(HTTP_TOOLS)
        .map(|name| definition(name, "Does what it is called.", json!({"type": "object"})))
        .collect()
}

fn numbered(number: usize) -> Value {
    let name = match number {
        0 => "echo".to_owned(),
        number => format!("tool-{number}"),
    };
    definition(&name, "One of many.", json!({"type": "object"}))
}

fn definition(name: &str, description: &str, schema: Value) -> Value {
    json!({"name": name, "description": description, "inputSchema": schema})
}

fn nested_schema(depth: usize) -> Value {
    (0..depth).fold(
        json!({"type": "object"}),
        |inner, _| json!({"type": "object", "properties": {"p": inner}}),
    )
}
