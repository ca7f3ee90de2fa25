//! Headers that mirror a tool's arguments: `x-mcp-header` in its input schema (2026-07-28, Streamable
//! HTTP, "Custom Headers from Tool Parameters").

mod number;
mod schema;

use std::borrow::Cow;

use crate::headers::{HeaderMismatch, HeaderProblem, PARAM_PREFIX, decode_value, encode_value};
use crate::json::{self, JsonKind, Object};

/// The arguments of one tool that headers mirror; for most tools none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParamHeaders {
    mirrored: Vec<Mirrored>,
}

/// One mirrored argument.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mirrored {
    /// The names that lead to it from the arguments' root.
    path: Vec<String>,
    /// The header's name after [`PARAM_PREFIX`], as the schema has it.
    suffix: String,
}

/// Why a tool's schema may not be used over HTTP: the tool is left out of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamHeaderFault {
    /// The definition is not an object.
    #[error("the definition is not an object")]
    NotAnObject,
    /// An annotation is not a string.
    #[error("x-mcp-header is not a string")]
    NotAString,
    /// An annotation names no header.
    #[error("x-mcp-header is empty")]
    Empty,
    /// An annotation cannot be part of a header's name (RFC 9110 section 5.6.2).
    #[error("x-mcp-header is not a token")]
    NotAToken,
    /// Two annotations name the same header, letter case aside.
    #[error("x-mcp-header names a header twice")]
    Repeated,
    /// The annotated argument is not a string, an integer or a boolean.
    #[error("x-mcp-header marks what is not a string, an integer or a boolean")]
    NotPrimitive,
    /// The annotation does not stand on a property that `properties` alone lead to.
    #[error("x-mcp-header does not stand on a property")]
    NotReachable,
}

impl ParamHeaders {
    /// Reads a tool's definition, as its server lists it.
    ///
    /// # Errors
    /// When an annotation breaks one of the specification's rules.
    pub fn of_tool(tool_definition: &str) -> Result<Self, ParamHeaderFault> {
        Ok(ParamHeaders {
            mirrored: schema::annotations(tool_definition)?,
        })
    }

    /// Whether no argument is mirrored.
    pub fn is_empty(&self) -> bool {
        self.mirrored.is_empty()
    }

    /// The headers for a call with these raw arguments: what follows [`PARAM_PREFIX`], and the
    /// encoded value. Arguments that are absent, `null`, or an object or array have none.
    pub fn write(&self, arguments: Option<&str>) -> Vec<(String, String)> {
        self.mirrored
            .iter()
            .filter_map(|mirrored| {
                let value = Value::at(arguments?, &mirrored.path)?;
                Some((
                    mirrored.suffix.clone(),
                    encode_value(&value.written()).into_owned(),
                ))
            })
            .collect()
    }

    /// Whether the headers of a call say what its raw arguments say. `sent` is every header whose
    /// name starts with [`PARAM_PREFIX`]: what follows that, in any letter case, and the value. Those
    /// that this tool does not know are ignored.
    ///
    /// # Errors
    /// The first header that is missing, repeated, malformed or different; also one that mirrors an
    /// argument which the call does not have.
    pub fn agree(
        &self,
        arguments: Option<&str>,
        sent: &[(String, String)],
    ) -> Result<(), HeaderMismatch> {
        for mirrored in &self.mirrored {
            let mut given = sent
                .iter()
                .filter(|(suffix, _)| suffix.eq_ignore_ascii_case(&mirrored.suffix))
                .map(|(_, value)| value.as_str());
            let (first, second) = (given.next(), given.next());
            let value = arguments.and_then(|arguments| Value::at(arguments, &mirrored.path));
            let problem = match (first, second, value) {
                (None, _, None) => continue,
                (None, _, Some(_)) => HeaderProblem::Missing,
                (Some(_), Some(_), _) => HeaderProblem::Repeated,
                (Some(first), None, value) => match decode_value(first) {
                    Err(problem) => problem,
                    Ok(said) if value.is_some_and(|value| value.says(&said)) => continue,
                    Ok(_) => HeaderProblem::Differs,
                },
            };
            return Err(HeaderMismatch {
                header: [PARAM_PREFIX, &mirrored.suffix].concat().into(),
                problem,
            });
        }
        Ok(())
    }
}

/// An argument that a header can carry.
enum Value<'a> {
    /// A string's text, or `true` or `false`.
    Text(Cow<'a, str>),
    /// A number as written.
    Number(&'a str),
}

impl<'a> Value<'a> {
    /// The value that the names lead to; `None` where there is none, or one that no header carries.
    fn at(arguments: &'a str, path: &[String]) -> Option<Self> {
        let mut value = arguments;
        for name in path {
            value = Object::parse(value).ok()?.get(name)?.value;
        }
        match json::kind(value) {
            JsonKind::String => json::as_string(value).map(Value::Text),
            JsonKind::Bool => Some(Value::Text(Cow::Borrowed(value))),
            JsonKind::Number => Some(Value::Number(value)),
            JsonKind::Object | JsonKind::Array | JsonKind::Null => None,
        }
    }

    /// Its form in a header, before encoding ("Type conversion"): whole numbers in plain decimal.
    fn written(&self) -> Cow<'a, str> {
        match self {
            Value::Text(text) => text.clone(),
            Value::Number(raw) => {
                number::whole(raw).map_or(Cow::Borrowed(*raw), |whole| whole.to_string().into())
            }
        }
    }

    /// Whether a decoded header says the same.
    fn says(&self, said: &str) -> bool {
        match self {
            Value::Text(text) => text == said,
            Value::Number(raw) => number::equal(raw, said),
        }
    }
}

#[cfg(test)]
mod tests;
