//! Whether arguments fit the schema of a tool.
//!
//! Checked are `type`, `enum`, `const`, the bounds of numbers, strings and arrays, `required`,
//! `properties`, `additionalProperties`, `items`, `allOf` and references. Other keywords
//! (`pattern`, `format`, `oneOf` and their kin) are left to the API: a value that is refused here
//! violates its schema, but not every violation is found here.

use std::cell::Cell;

use serde_json::{Map, Number, Value};

use crate::name;

/// Why arguments give no request. Names the argument, never its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArgumentError {
    /// The arguments are no JSON object, or hold a key twice.
    #[error("the arguments are not a valid json object")]
    Malformed,
    /// There is no such argument.
    #[error("unknown argument `{name}`")]
    Unknown {
        /// Its name, with odd characters replaced.
        name: String,
    },
    /// A required argument is not there.
    #[error("argument `{name}` is missing")]
    Missing {
        /// Its name.
        name: String,
    },
    /// The value does not fit the schema.
    #[error("argument `{name}` must be {expected}")]
    Wrong {
        /// Its name.
        name: String,
        /// What would fit: a lower-case fragment.
        expected: String,
    },
    /// The value cannot stand where it belongs in the request.
    #[error("argument `{name}` cannot be sent: {reason}")]
    Unsendable {
        /// Its name.
        name: String,
        /// Why not: a lower-case fragment.
        reason: &'static str,
    },
    /// Path and query together are longer than servers take.
    #[error("the arguments make too long an address")]
    TooLong,
}

/// References and parts of `allOf` inside each other.
const MAX_DEPTH: usize = 256;
/// Steps of one check. Schemas that refer to themselves in many ways end here.
const MAX_STEPS: usize = 1_000_000;

/// Checks `value` against `schema`, whose references point into its own `$defs`.
pub(crate) fn check(schema: &Value, value: &Value) -> Result<(), ArgumentError> {
    let checker = Checker {
        definitions: schema.get("$defs").and_then(Value::as_object),
        steps: Cell::new(MAX_STEPS),
    };
    checker.check(schema, value, &Place::Root, MAX_DEPTH)
}

struct Checker<'s> {
    definitions: Option<&'s Map<String, Value>>,
    steps: Cell<usize>,
}

/// Where a value stands in the arguments.
enum Place<'p> {
    Root,
    Member(&'p Place<'p>, &'p str),
    Element(&'p Place<'p>, usize),
}

impl Checker<'_> {
    fn check(
        &self,
        schema: &Value,
        value: &Value,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<(), ArgumentError> {
        let (Some(depth), Some(steps)) = (depth.checked_sub(1), self.steps.get().checked_sub(1))
        else {
            return Err(place.wrong("less deeply nested"));
        };
        self.steps.set(steps);
        let schema = match schema {
            Value::Object(schema) => schema,
            Value::Bool(false) => return Err(place.wrong("left out")),
            _ => return Ok(()),
        };
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let target = reference
                .strip_prefix("#/$defs/")
                .and_then(|name| self.definitions?.get(name));
            match target {
                Some(target) => self.check(target, value, place, depth)?,
                None => return Err(place.wrong("described by a schema that is not there")),
            }
        }
        for part in array(schema, "allOf") {
            self.check(part, value, place, depth)?;
        }
        check_kind(schema, value, place)?;
        check_bounds(schema, value, place)?;
        match value {
            Value::Object(members) => self.members(schema, members, place, depth),
            Value::Array(elements) => match schema.get("items") {
                Some(items) => elements.iter().enumerate().try_for_each(|(at, element)| {
                    self.check(items, element, &Place::Element(place, at), depth)
                }),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn members(
        &self,
        schema: &Map<String, Value>,
        members: &Map<String, Value>,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<(), ArgumentError> {
        for name in array(schema, "required").iter().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                let name = Place::Member(place, name).shown();
                return Err(ArgumentError::Missing { name });
            }
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        let patterns = schema.contains_key("patternProperties");
        for (name, value) in members {
            let below = Place::Member(place, name);
            let known = properties.and_then(|properties| properties.get(name));
            match (known, schema.get("additionalProperties")) {
                (Some(property), _) => self.check(property, value, &below, depth)?,
                // A name may match a pattern, which is not checked here.
                (None, _) if patterns => {}
                (None, Some(Value::Bool(false))) => {
                    let name = below.shown();
                    return Err(ArgumentError::Unknown { name });
                }
                (None, Some(others)) => self.check(others, value, &below, depth)?,
                (None, None) => {}
            }
        }
        Ok(())
    }
}

impl Place<'_> {
    fn wrong(&self, expected: impl Into<String>) -> ArgumentError {
        ArgumentError::Wrong {
            name: self.shown(),
            expected: expected.into(),
        }
    }

    /// The place for a person. Names may be the caller's own, so odd characters are replaced.
    fn shown(&self) -> String {
        match self {
            Place::Root => "arguments".to_owned(),
            Place::Member(Place::Root, name) => shown(name),
            Place::Member(parent, name) => format!("{}.{}", parent.shown(), shown(name)),
            Place::Element(parent, at) => format!("{}[{at}]", parent.shown()),
        }
    }
}

fn shown(name: &str) -> String {
    name::clean(name).unwrap_or_else(|| "_".to_owned())
}

fn check_kind(
    schema: &Map<String, Value>,
    value: &Value,
    place: &Place<'_>,
) -> Result<(), ArgumentError> {
    let kinds: Vec<&str> = match schema.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is_of(kind, value)) {
        return Err(place.wrong(format!("of type {}", kinds.join(" or "))));
    }
    let fixed = schema.get("const").is_some_and(|only| !same(only, value));
    let listed = schema.get("enum").and_then(Value::as_array);
    let outside = listed.is_some_and(|values| !values.iter().any(|listed| same(listed, value)));
    match fixed || outside {
        true => Err(place.wrong("one of the values that its schema lists")),
        false => Ok(()),
    }
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => match value {
            Value::Number(number) => {
                number.is_i64()
                    || number.is_u64()
                    || number.as_f64().is_some_and(|float| float.fract() == 0.0)
            }
            _ => false,
        },
        _ => false,
    }
}

/// Equality of JSON Schema, for which 1 and 1.0 are the same number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (a, b) => a == b,
    }
}

fn check_bounds(
    schema: &Map<String, Value>,
    value: &Value,
    place: &Place<'_>,
) -> Result<(), ArgumentError> {
    let bound = |name: &str| schema.get(name).and_then(Value::as_number);
    let length = match value {
        Value::Number(number) => return check_range(number, bound, place),
        Value::String(text) => Some(("minLength", "maxLength", text.chars().count())),
        Value::Array(items) => Some(("minItems", "maxItems", items.len())),
        Value::Object(members) => Some(("minProperties", "maxProperties", members.len())),
        Value::Null | Value::Bool(_) => None,
    };
    let Some((least, most, length)) = length else {
        return Ok(());
    };
    let limit = |name| {
        bound(name)
            .and_then(Number::as_u64)
            .and_then(|limit| usize::try_from(limit).ok())
    };
    match (limit(least), limit(most)) {
        (Some(limit), _) if length < limit => Err(place.wrong(format!("no shorter than {limit}"))),
        (_, Some(limit)) if length > limit => Err(place.wrong(format!("no longer than {limit}"))),
        _ => Ok(()),
    }
}

fn check_range<'s>(
    number: &Number,
    bound: impl Fn(&str) -> Option<&'s Number>,
    place: &Place<'_>,
) -> Result<(), ArgumentError> {
    type Holds = fn(f64, f64) -> bool;
    let rules: [(&str, Holds, &str); 4] = [
        ("minimum", |a, b| a >= b, "at least"),
        ("maximum", |a, b| a <= b, "at most"),
        ("exclusiveMinimum", |a, b| a > b, "more than"),
        ("exclusiveMaximum", |a, b| a < b, "less than"),
    ];
    let Some(number) = number.as_f64() else {
        return Ok(());
    };
    for (name, holds, words) in rules {
        if let Some(limit) = bound(name)
            && limit.as_f64().is_some_and(|limit| !holds(number, limit))
        {
            return Err(place.wrong(format!("{words} {limit}")));
        }
    }
    Ok(())
}

fn array<'s>(schema: &'s Map<String, Value>, key: &str) -> &'s [Value] {
    schema
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests;
