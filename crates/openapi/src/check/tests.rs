use serde_json::json;

use super::*;

fn told(schema: &Value, value: &Value) -> String {
    match check(schema, value) {
        Ok(()) => "fits".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn types_and_values() {
    for (schema, value, expected) in [
        (json!(true), json!(1), "fits"),
        (
            json!(false),
            json!(1),
            "argument `arguments` must be left out",
        ),
        (json!({"type": "integer"}), json!(1), "fits"),
        (json!({"type": "integer"}), json!(1.0), "fits"),
        (
            json!({"type": "integer"}),
            json!(1.5),
            "argument `arguments` must be of type integer",
        ),
        (json!({"type": ["string", "null"]}), json!(null), "fits"),
        (
            json!({"type": ["string", "null"]}),
            json!(1),
            "argument `arguments` must be of type string or null",
        ),
        (json!({"enum": [1, "a"]}), json!(1.0), "fits"),
        (
            json!({"enum": [1, "a"]}),
            json!("b"),
            "argument `arguments` must be one of the values that its schema lists",
        ),
        (
            json!({"const": "a"}),
            json!("b"),
            "argument `arguments` must be one of the values that its schema lists",
        ),
        (json!({"minimum": 1}), json!(1), "fits"),
        (
            json!({"exclusiveMinimum": 1}),
            json!(1),
            "argument `arguments` must be more than 1",
        ),
        (
            json!({"maximum": 1}),
            json!(2),
            "argument `arguments` must be at most 1",
        ),
        (
            json!({"maxLength": 2}),
            json!("äöü"),
            "argument `arguments` must be no longer than 2",
        ),
        (json!({"maxLength": 3}), json!("äöü"), "fits"),
        (
            json!({"minItems": 1}),
            json!([]),
            "argument `arguments` must be no shorter than 1",
        ),
    ] {
        assert_eq!(told(&schema, &value), expected, "{schema} {value}");
    }
}

#[test]
fn members_elements_and_references() {
    let schema = json!({
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/A"}, "b": {"items": {"type": "string"}}},
        "required": ["a"],
        "additionalProperties": false,
        "$defs": {"A": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}, "n": {"type": "number"}}, "additionalProperties": {"type": "string"}}}
    });
    for (value, expected) in [
        (json!({"a": {}}), "fits"),
        (json!({}), "argument `a` is missing"),
        (json!({"a": {"a": {"a": {"n": 1}}}}), "fits"),
        (
            json!({"a": {"a": {"n": "x"}}}),
            "argument `a.a.n` must be of type number",
        ),
        (
            json!({"a": {"other thing": 1}}),
            "argument `a.other_thing` must be of type string",
        ),
        (json!({"a": {}, "c": 1}), "unknown argument `c`"),
        (
            json!({"a": {}, "b": ["x", 1]}),
            "argument `b[1]` must be of type string",
        ),
    ] {
        assert_eq!(told(&schema, &value), expected, "{value}");
    }
    let gone = json!({"$ref": "#/$defs/B"});
    assert_eq!(
        told(&gone, &json!(1)),
        "argument `arguments` must be described by a schema that is not there"
    );
}

#[test]
fn schemas_that_refer_to_themselves_end() {
    let once = json!({"allOf": [{"$ref": "#/$defs/A"}], "$defs": {"A": {"allOf": [{"$ref": "#/$defs/A"}]}}});
    assert!(check(&once, &json!(1)).is_err());
    // Without a bound on steps this would take 2^128 of them.
    let twice = json!({"$ref": "#/$defs/0", "$defs": (0..120).map(|at| {
        let next = json!({"$ref": format!("#/$defs/{}", at + 1)});
        (at.to_string(), json!({"allOf": [next, next]}))
    }).chain([("120".to_owned(), json!({}))]).collect::<Map<_, _>>()});
    assert!(check(&twice, &json!(1)).is_err());
}
