//! A JSON document with places: lookups that follow `JSON.parse`, where the last duplicate counts.

use std::collections::BTreeMap;

use jsonc_parser::ast::{Array, Object, ObjectProp, Value};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use crate::host::Host;
use crate::read::HostError;

const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Parses the text of a file. `None` for a file with nothing but white space and comments, which
/// editors take for empty settings.
pub(super) fn parse(host: Host, text: &str) -> Result<Option<Object<'_>>, HostError> {
    let parsed = parse_to_ast(text, &CollectOptions::default(), &OPTIONS).map_err(|error| {
        let message = error.kind().to_string();
        HostError {
            host,
            line: error.line_display(),
            column: error.column_display(),
            message: lower_first(&message),
        }
    })?;
    match parsed.value {
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(_) => Err(HostError {
            host,
            line: 1,
            column: 1,
            message: "the file holds no JSON object".to_owned(),
        }),
        None => Ok(None),
    }
}

/// The line of a byte offset, counted from 1.
pub(super) fn line(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

pub(super) fn property<'o, 'a>(object: &'o Object<'a>, name: &str) -> Option<&'o Value<'a>> {
    object
        .properties
        .iter()
        .rev()
        .find(|property| property.name.as_str() == name)
        .map(|property| &property.value)
}

pub(super) fn object<'o, 'a>(object: &'o Object<'a>, name: &str) -> Option<&'o Object<'a>> {
    property(object, name).and_then(Value::as_object)
}

pub(super) fn string<'o>(object: &'o Object<'_>, name: &str) -> Option<&'o str> {
    property(object, name)
        .and_then(Value::as_string_lit)
        .map(|literal| literal.value.as_ref())
}

pub(super) fn boolean(object: &Object<'_>, name: &str) -> Option<bool> {
    property(object, name)
        .and_then(Value::as_boolean_lit)
        .map(|literal| literal.value)
}

/// The strings of an array; other elements are left out.
pub(super) fn strings(object: &Object<'_>, name: &str) -> Vec<String> {
    property(object, name)
        .and_then(Value::as_array)
        .map(array_of_strings)
        .unwrap_or_default()
}

fn array_of_strings(array: &Array<'_>) -> Vec<String> {
    array.elements.iter().filter_map(scalar).collect()
}

/// An object of scalars, as environment variables and headers are written. `null` unsets.
pub(super) fn scalars(object: &Object<'_>, name: &str) -> BTreeMap<String, String> {
    let Some(map) = self::object(object, name) else {
        return BTreeMap::new();
    };
    let mut out = BTreeMap::new();
    for property in &map.properties {
        let key = property.name.as_str().to_owned();
        match scalar(&property.value) {
            Some(value) => out.insert(key, value),
            None => out.remove(&key),
        };
    }
    out
}

fn scalar(value: &Value<'_>) -> Option<String> {
    match value {
        Value::StringLit(literal) => Some(literal.value.to_string()),
        Value::NumberLit(literal) => Some(literal.value.to_owned()),
        Value::BooleanLit(literal) => Some(literal.value.to_string()),
        Value::Array(_) | Value::Object(_) | Value::NullKeyword(_) => None,
    }
}

/// The properties of an object, the last of each name, in the order of the file.
pub(super) fn last_properties<'o, 'a>(object: &'o Object<'a>) -> Vec<&'o ObjectProp<'a>> {
    let mut last = BTreeMap::new();
    for (index, property) in object.properties.iter().enumerate() {
        last.insert(property.name.as_str(), index);
    }
    object
        .properties
        .iter()
        .enumerate()
        .filter(|(index, property)| last.get(property.name.as_str()) == Some(index))
        .map(|(_, property)| property)
        .collect()
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}
