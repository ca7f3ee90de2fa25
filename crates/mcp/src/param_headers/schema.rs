//! Finding the annotations of an input schema.

use std::collections::HashSet;

use super::{Mirrored, ParamHeaderFault};
use crate::json::{self, JsonKind, Object};

const ANNOTATION: &str = "x-mcp-header";

/// Every annotation of a tool's input schema, in the order of the text.
pub(super) fn annotations(tool_definition: &str) -> Result<Vec<Mirrored>, ParamHeaderFault> {
    // Most definitions hold none; one that is written with escapes still gets the full reading.
    if !tool_definition.contains(ANNOTATION) && !tool_definition.contains("\\u") {
        return Ok(Vec::new());
    }
    let tool = Object::parse(tool_definition).map_err(|_| ParamHeaderFault::NotAnObject)?;
    let Some(schema) = tool.get("inputSchema") else {
        return Ok(Vec::new());
    };
    let mut search = Search::default();
    search.schema(schema.value, Place::Root)?;
    Ok(search.found)
}

/// Where a subschema stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    /// On a property that `properties` alone lead to.
    Property,
    Elsewhere,
}

#[derive(Default)]
struct Search {
    found: Vec<Mirrored>,
    /// The suffixes found, in lower case.
    names: HashSet<String>,
    /// The names that lead to the property in hand.
    path: Vec<String>,
}

impl Search {
    /// Reads one subschema. The depth of the recursion is bounded by that of the message.
    fn schema(&mut self, raw: &str, place: Place) -> Result<(), ParamHeaderFault> {
        let schema = match json::kind(raw) {
            JsonKind::Object => Object::parse(raw).map_err(|_| ParamHeaderFault::NotAnObject)?,
            JsonKind::Array => return self.alternatives(raw),
            _ => return Ok(()),
        };
        if let Some(annotation) = schema.get(ANNOTATION) {
            if place != Place::Property {
                return Err(ParamHeaderFault::NotReachable);
            }
            self.annotation(annotation.value, &schema)?;
        }
        for member in schema.members() {
            match &*member.key {
                ANNOTATION => {}
                // What stands under these is data, not schema.
                "default" | "const" | "enum" | "examples" => {}
                "properties" if place != Place::Elsewhere => {
                    self.named(member.value, Place::Property)?;
                }
                "properties" | "patternProperties" | "dependentSchemas" | "$defs"
                | "definitions" => self.named(member.value, Place::Elsewhere)?,
                _ => self.schema(member.value, Place::Elsewhere)?,
            }
        }
        Ok(())
    }

    /// An object whose members are subschemas by name.
    fn named(&mut self, raw: &str, place: Place) -> Result<(), ParamHeaderFault> {
        let Ok(map) = Object::parse(raw) else {
            return Ok(());
        };
        for member in map.members() {
            self.path.push(member.key.clone().into_owned());
            self.schema(member.value, place)?;
            self.path.pop();
        }
        Ok(())
    }

    /// An array of subschemas, none of which the call must take.
    fn alternatives(&mut self, raw: &str) -> Result<(), ParamHeaderFault> {
        for element in json::elements(raw).unwrap_or_default() {
            self.schema(element.value, Place::Elsewhere)?;
        }
        Ok(())
    }

    fn annotation(&mut self, raw: &str, schema: &Object<'_>) -> Result<(), ParamHeaderFault> {
        let suffix = json::as_string(raw).ok_or(ParamHeaderFault::NotAString)?;
        if suffix.is_empty() {
            return Err(ParamHeaderFault::Empty);
        }
        if !suffix.bytes().all(is_token_char) {
            return Err(ParamHeaderFault::NotAToken);
        }
        if !self.names.insert(suffix.to_ascii_lowercase()) {
            return Err(ParamHeaderFault::Repeated);
        }
        let primitive = matches!(
            schema.string("type"),
            Ok(Some(kind)) if ["string", "integer", "boolean"].contains(&&*kind)
        );
        if !primitive {
            return Err(ParamHeaderFault::NotPrimitive);
        }
        self.found.push(Mirrored {
            path: self.path.clone(),
            suffix: suffix.into_owned(),
        });
        Ok(())
    }
}

/// `tchar` of RFC 9110 section 5.6.2.
fn is_token_char(c: u8) -> bool {
    c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c)
}
