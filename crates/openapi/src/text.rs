//! From the bytes of a document to a tree: JSON or YAML.

use portcullis_mcp::json;
use serde_json::Value;

use crate::Limits;
use crate::problem::Problem;

/// Nodes of a YAML document after its aliases are replayed.
const MAX_NODES: usize = 2_000_000;
/// Events that aliases may replay. Real documents use few aliases.
const MAX_REPLAYED: usize = 200_000;

/// Reads a document. A text that starts with `{` is JSON, any other is YAML 1.2. Keys that appear
/// twice are refused in both.
pub(crate) fn read(text: &[u8], limits: &Limits) -> Result<Value, Problem> {
    if text.len() > limits.max_bytes {
        let message = format!("the document is longer than {} bytes", limits.max_bytes);
        return Err(Problem::new("", message));
    }
    let text = std::str::from_utf8(text)
        .map_err(|_| Problem::new("", "the document is not utf-8"))?
        .trim_start_matches('\u{feff}');
    let tree = match text.trim_start().starts_with('{') {
        true => read_json(text, limits),
        false => read_yaml(text, limits),
    }?;
    if is_deeper(&tree, limits.max_depth) {
        let message = format!(
            "the document is nested deeper than {} levels",
            limits.max_depth
        );
        return Err(Problem::new("", message));
    }
    Ok(tree)
}

fn read_json(text: &str, limits: &Limits) -> Result<Value, Problem> {
    let strict = json::Limits {
        max_bytes: limits.max_bytes,
        max_depth: limits.max_depth,
    };
    json::check(text.as_bytes(), &strict).map_err(|error| Problem::new("", error.to_string()))?;
    serde_json::from_str(text).map_err(|error| Problem::new("", format!("not valid json: {error}")))
}

fn read_yaml(text: &str, limits: &Limits) -> Result<Value, Problem> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_depth: limits.max_depth,
            max_nodes: MAX_NODES,
            max_events: 2 * MAX_NODES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_REPLAYED,
        },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let told = error.to_string();
        let first = told.lines().next().unwrap_or_default();
        Problem::new("", format!("not valid yaml: {first}"))
    })
}

fn is_deeper(value: &Value, levels: usize) -> bool {
    let within = |value| match levels.checked_sub(1) {
        Some(rest) => is_deeper(value, rest),
        None => true,
    };
    match value {
        Value::Array(items) => levels == 0 || items.iter().any(within),
        Value::Object(members) => levels == 0 || members.values().any(within),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
