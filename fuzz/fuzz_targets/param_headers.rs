//! Headers that mirror arguments: the same tools are refused as by a plain reading of the
//! specification with another parser, what is written agrees, and what agrees is what the arguments
//! say.
//!
//! Input: a tool's definition, arguments, and headers, one on a line, as `suffix: value`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_fuzz::parts;
use portcullis_mcp::headers::decode_value;
use portcullis_mcp::json::{self, JsonKind, Limits};
use portcullis_mcp::param_headers::ParamHeaders;
use serde_json::{Map, Value};

const LIMITS: Limits = Limits {
    max_bytes: 64 * 1024,
    max_depth: 64,
};
const ANNOTATION: &str = "x-mcp-header";

fuzz_target!(|data: &[u8]| {
    let Some([tool, arguments, headers]) = parts::<3>(data) else {
        return;
    };
    if json::check(tool.as_bytes(), &LIMITS).is_err() || json::kind(tool) != JsonKind::Object {
        return;
    }
    let found = ParamHeaders::of_tool(tool);
    let marks = serde_json::from_str::<Value>(tool).ok().and_then(|tool| {
        let schema = tool.get("inputSchema").cloned();
        assert_eq!(
            found.is_ok(),
            schema.as_ref().is_none_or(is_lawful),
            "{tool}"
        );
        schema
    });
    let Ok(found) = found else {
        return;
    };
    let arguments = (!arguments.is_empty()).then_some(arguments);
    if arguments.is_some_and(|text| json::check(text.as_bytes(), &LIMITS).is_err()) {
        return;
    }
    let written = found.write(arguments);
    assert_eq!(found.agree(arguments, &written), Ok(()));
    let sent: Vec<(String, String)> = headers
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(suffix, value)| (suffix.to_owned(), value.to_owned()))
        .collect();
    if found.agree(arguments, &sent).is_ok()
        && let Some(schema) = marks
        && let Ok(arguments) = serde_json::from_str(arguments.unwrap_or("{}"))
    {
        assert_eq!(found.is_empty(), marked(&schema).is_empty());
        said_by_the_arguments(&schema, &arguments, &sent);
    }
});

fn said_by_the_arguments(schema: &Value, arguments: &Value, sent: &[(String, String)]) {
    for (path, mark) in marked(schema) {
        let name = mark[ANNOTATION].as_str().expect("a lawful annotation");
        let given: Vec<_> = sent
            .iter()
            .filter(|(suffix, _)| suffix.eq_ignore_ascii_case(name))
            .collect();
        let value = path
            .iter()
            .try_fold(arguments, |value, key| value.as_object()?.get(*key));
        let expected = match value {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Bool(flag)) => flag.to_string(),
            Some(Value::Number(_)) => {
                assert_eq!(given.len(), 1);
                continue;
            }
            _ => {
                assert!(given.is_empty());
                continue;
            }
        };
        assert_eq!(given.len(), 1);
        let said = decode_value(&given[0].1).expect("a header that agrees");
        assert_eq!(said, expected);
    }
}

/// Whether a schema keeps the rules of "Schema Extension".
fn is_lawful(schema: &Value) -> bool {
    let mut names: Vec<String> = Vec::new();
    !misplaced(schema, false, true)
        && marked(schema).iter().all(|(_, mark)| {
            let name = mark
                .get(ANNOTATION)
                .and_then(Value::as_str)
                .unwrap_or_default();
            let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            let new = !names.contains(&name.to_ascii_lowercase());
            names.push(name.to_ascii_lowercase());
            let kind = mark.get("type").and_then(Value::as_str).unwrap_or_default();
            new && !name.is_empty()
                && name.chars().all(token)
                && ["string", "integer", "boolean"].contains(&kind)
        })
}

/// The annotated properties that `properties` alone lead to, with their paths.
fn marked(schema: &Value) -> Vec<(Vec<&str>, &Map<String, Value>)> {
    let mut found = Vec::new();
    let mut open: Vec<(Vec<&str>, &Value)> = vec![(Vec::new(), schema)];
    while let Some((path, schema)) = open.pop() {
        let Some(schema) = schema.as_object() else {
            continue;
        };
        if schema.contains_key(ANNOTATION) && !path.is_empty() {
            found.push((path.clone(), schema));
        }
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            for (name, property) in properties {
                let mut path = path.clone();
                path.push(name);
                open.push((path, property));
            }
        }
    }
    found
}

/// Whether an annotation stands anywhere else.
fn misplaced(value: &Value, allowed: bool, on_chain: bool) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| misplaced(item, false, false)),
        Value::Object(schema) => schema.iter().any(|(key, inner)| match key.as_str() {
            ANNOTATION => !allowed,
            "default" | "const" | "enum" | "examples" => false,
            "properties" | "patternProperties" | "dependentSchemas" | "$defs" | "definitions" => {
                let chain = on_chain && key == "properties";
                inner
                    .as_object()
                    .is_some_and(|map| map.values().any(|one| misplaced(one, chain, chain)))
            }
            _ => misplaced(inner, false, false),
        }),
        _ => false,
    }
}
