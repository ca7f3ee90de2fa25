use serde_json::json;

use super::*;

/// The converted schema with its definitions.
fn convert(is_3_0: bool, schema: Value, schemas: Value) -> Result<Value, String> {
    let root = json!({"here": schema, "components": {"schemas": schemas}});
    let tree = Tree {
        root: &root,
        is_3_0,
    };
    let mut converter = Converter::new(tree, 10_000);
    let told = |fault| match fault {
        Fault::Problem(problem) => problem.to_string(),
        Fault::Unsupported(reason) => reason,
    };
    let node = Node::root(&root).get("here").expect("a schema");
    let mut schema = converter.convert(&node).map_err(told)?;
    let definitions = converter.definitions().map_err(told)?;
    if !definitions.is_empty() {
        schema["$defs"] = definitions.into();
    }
    Ok(schema)
}

#[test]
fn the_dialect_of_3_0_becomes_2020_12() {
    for (schema, expected) in [
        (
            json!({"type": "string", "nullable": true}),
            json!({"type": ["string", "null"]}),
        ),
        (
            json!({"type": "string", "nullable": true, "enum": ["a"]}),
            json!({"type": ["string", "null"], "enum": ["a", null]}),
        ),
        (
            json!({"type": "string", "nullable": false}),
            json!({"type": "string"}),
        ),
        (json!({"nullable": true}), json!({})),
        (
            json!({"minimum": 1, "exclusiveMinimum": true}),
            json!({"exclusiveMinimum": 1}),
        ),
        (
            json!({"maximum": 1, "exclusiveMaximum": false}),
            json!({"maximum": 1}),
        ),
        (
            json!({"type": "object", "properties": {"nullable": {"type": "string", "nullable": true}}}),
            json!({"type": "object", "properties": {"nullable": {"type": ["string", "null"]}}}),
        ),
    ] {
        assert_eq!(
            convert(true, schema.clone(), json!({})),
            Ok(expected),
            "{schema}"
        );
    }
}

#[test]
fn only_known_keywords_are_taken_over() {
    let schema = json!({
        "type": "object", "x-mcp-header": "Evil", "x-internal": {"a": 1}, "example": "hunter2",
        "xml": {}, "discriminator": {"propertyName": "a"}, "externalDocs": {"url": "u"},
        "$comment": "c", "$schema": "s", "default": {"x-data": 1},
        "properties": {"x-real": {"type": "string", "x-gone": 1}}
    });
    assert_eq!(
        convert(false, schema, json!({})),
        Ok(
            json!({"type": "object", "default": {"x-data": 1}, "properties": {"x-real": {"type": "string"}}})
        )
    );
}

#[test]
fn references_become_definitions() {
    let schemas = json!({
        "Tree": {"type": "object", "properties": {"left": {"$ref": "#/components/schemas/Tree"}, "other": {"$ref": "#/components/schemas/a~1b/properties/Tree"}}},
        "a/b": {"properties": {"Tree": {"type": "integer"}}}
    });
    assert_eq!(
        convert(
            false,
            json!({"items": {"$ref": "#/components/schemas/Tree", "description": "kept"}}),
            schemas.clone()
        ),
        Ok(json!({
            "items": {"$ref": "#/$defs/Tree", "description": "kept"},
            "$defs": {
                "Tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/Tree"}, "other": {"$ref": "#/$defs/Tree_2"}}},
                "Tree_2": {"type": "integer"}
            }
        }))
    );
    assert_eq!(
        convert(
            true,
            json!({"$ref": "#/components/schemas/a~1b/properties/Tree", "description": "ignored"}),
            schemas.clone()
        ),
        Ok(json!({"$ref": "#/$defs/Tree", "$defs": {"Tree": {"type": "integer"}}}))
    );
    assert_eq!(
        convert(
            false,
            json!({"$ref": "https://evil.example/schema"}),
            schemas
        ),
        Err("/here/$ref: a reference out of the document, which is not followed".to_owned())
    );
}

#[test]
fn bad_schemas_are_told() {
    for (schema, expected) in [
        (json!(7), "/here: must be an object"),
        (json!({"items": []}), "/here/items: must be an object"),
        (
            json!({"required": true}),
            "/here/required: `required` has a value of the wrong type",
        ),
        (
            json!({"properties": []}),
            "/here/properties: must be an object",
        ),
        (json!({"anyOf": {}}), "/here/anyOf: must be an array"),
        (json!({"$anchor": "a"}), "/here/$anchor is not supported"),
        (
            json!({"description": "x".repeat(20_000)}),
            "its schemas are too large",
        ),
    ] {
        assert_eq!(convert(false, schema, json!({})), Err(expected.to_owned()));
    }
}
