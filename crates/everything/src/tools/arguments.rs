//! Tools whose input schema is the point: JSON Schema 2020-12, and arguments in HTTP headers.

use rmcp::model::{ErrorData, JsonObject};
use serde_json::{Value, json};

use super::{Entry, Run, text_result};

pub(super) const TOOLS: &[Entry] = &[
    Entry::new(
        "json_schema_2020_12_tool",
        "Has an input schema with the keywords of JSON Schema 2020-12",
        schema_2020_12,
        Run::Answer(|arguments| {
            Ok(text_result(format!(
                "Hello, {}!",
                text(arguments, "name").unwrap_or("world")
            )))
        }),
    ),
    Entry::new(
        "test_x_mcp_header",
        "Has arguments that travel in HTTP headers too (2026-07-28, basic/transports)",
        in_headers,
        Run::Answer(|arguments| {
            let region = text(arguments, "region")
                .ok_or_else(|| ErrorData::invalid_params("region is not a string", None))?;
            Ok(text_result(format!("Region: {region}")))
        }),
    ),
];

fn schema_2020_12() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
            },
        },
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}, {"required": ["name"]}]}],
        "if": {
            "properties": {"contactMethod": {"const": "phone"}},
            "required": ["contactMethod"],
        },
        "then": {"required": ["phone"]},
        "else": {"properties": {"email": {"type": "string"}}},
        "additionalProperties": false,
    })
}

fn in_headers() -> Value {
    json!({
        "type": "object",
        "properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "limit": {"type": "integer", "x-mcp-header": "Limit"},
            "query": {"type": "string"},
        },
        "required": ["region"],
    })
}

fn text<'a>(arguments: &'a JsonObject, name: &str) -> Option<&'a str> {
    arguments.get(name)?.as_str()
}
