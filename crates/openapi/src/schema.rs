//! Schemas of a document as JSON Schema 2020-12, which MCP tools use.
//!
//! OpenAPI 3.1 schemas are 2020-12 with additions; those of 3.0 are a dialect of their own. Only
//! known keywords are taken over: no vendor extension and no unknown keyword reaches a tool.
//! References become `#/$defs/…` of the tool's schema, so that schemas may be recursive.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map, Value};

use crate::name;
use crate::pointer::{Node, Tree};
use crate::problem::Problem;

/// Why something of a document gives no tool.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It breaks the specification: the document is refused.
    Problem(Problem),
    /// It is allowed and not supported here: it is left out.
    Unsupported(String),
}

/// Converts the schemas of one tool and collects what they refer to.
pub(crate) struct Converter<'a> {
    tree: Tree<'a>,
    /// Names of definitions by the pointer of their schema.
    names: BTreeMap<String, String>,
    taken: BTreeSet<String>,
    queue: VecDeque<(String, Node<'a>)>,
    /// Bytes that may still be written, roughly.
    left: usize,
}

enum Keyword {
    Schema,
    Schemas,
    SchemasByName,
    Data,
    Foreign,
    LeftOut,
}

impl<'a> Converter<'a> {
    /// A converter that writes at most about `bytes` bytes.
    pub(crate) fn new(tree: Tree<'a>, bytes: usize) -> Self {
        Self {
            tree,
            names: BTreeMap::new(),
            taken: BTreeSet::new(),
            queue: VecDeque::new(),
            left: bytes,
        }
    }

    /// One schema. What it refers to comes with [`Converter::definitions`].
    pub(crate) fn convert(&mut self, node: &Node<'a>) -> Result<Value, Fault> {
        self.spend(2)?;
        if node.value.is_boolean() {
            return Ok(node.value.clone());
        }
        let mut out = Map::new();
        if let Some(reference) = node.reference()? {
            let target = self.tree.resolve(&node.pointer, reference)?;
            let name = self.define(target)?;
            self.spend(name.len())?;
            out.insert("$ref".to_owned(), format!("#/$defs/{name}").into());
            // In 3.0 whatever stands beside a reference is ignored (Reference Object).
            if self.tree.is_3_0 {
                return Ok(out.into());
            }
        }
        for (key, child) in node.members()? {
            let value = match keyword(key) {
                Keyword::Schema => self.convert(&child)?,
                Keyword::Schemas => {
                    let elements = child.elements()?;
                    let schemas: Result<Vec<_>, _> =
                        elements.iter().map(|schema| self.convert(schema)).collect();
                    schemas?.into()
                }
                Keyword::SchemasByName => self.convert_members(&child)?.into(),
                Keyword::Data => self.data(key, &child)?,
                Keyword::Foreign => {
                    let at = &child.pointer;
                    return Err(Fault::Unsupported(format!("{at} is not supported")));
                }
                Keyword::LeftOut => continue,
            };
            self.spend(key.len() + 4)?;
            out.insert(key.to_owned(), value);
        }
        if self.tree.is_3_0 {
            modernise(&mut out);
        }
        Ok(out.into())
    }

    /// The schema itself in place of a reference to it.
    pub(crate) fn convert_resolved(&mut self, node: &Node<'a>) -> Result<Value, Fault> {
        let node = self.tree.follow(node.clone())?;
        self.convert(&node)
    }

    /// Everything that the schemas converted so far refer to, by name.
    pub(crate) fn definitions(&mut self) -> Result<Map<String, Value>, Fault> {
        let mut out = Map::new();
        while let Some((name, node)) = self.queue.pop_front() {
            let schema = self.convert(&node)?;
            out.insert(name, schema);
        }
        Ok(out)
    }

    /// Bytes that were not used.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    pub(crate) fn spend(&mut self, bytes: usize) -> Result<(), Fault> {
        self.left = self
            .left
            .checked_sub(bytes)
            .ok_or_else(|| Fault::Unsupported("its schemas are too large".to_owned()))?;
        Ok(())
    }

    fn convert_members(&mut self, node: &Node<'a>) -> Result<Map<String, Value>, Fault> {
        let mut out = Map::new();
        for (name, schema) in node.members()? {
            self.spend(name.len() + 4)?;
            out.insert(name.to_owned(), self.convert(&schema)?);
        }
        Ok(out)
    }

    fn data(&mut self, key: &str, node: &Node<'a>) -> Result<Value, Fault> {
        let fits = match key {
            "type" => node.value.is_string() || node.value.is_array(),
            "required" | "enum" | "examples" => node.value.is_array(),
            "description" | "title" | "format" | "pattern" => node.value.is_string(),
            _ => true,
        };
        if !fits {
            let message = format!("`{key}` has a value of the wrong type");
            return Err(node.problem(message).into());
        }
        self.spend(node.value.to_string().len())?;
        Ok(node.value.clone())
    }

    /// The name under which a schema is or will be defined.
    fn define(&mut self, node: Node<'a>) -> Result<String, Fault> {
        if let Some(name) = self.names.get(&node.pointer) {
            return Ok(name.clone());
        }
        // A circle of nothing but references means nothing.
        self.tree.follow(node.clone())?;
        let last = node.pointer.rsplit('/').next().and_then(name::clean);
        let name = name::unique(&mut self.taken, last.unwrap_or_else(|| "schema".to_owned()));
        self.names.insert(node.pointer.clone(), name.clone());
        self.queue.push_back((name.clone(), node));
        Ok(name)
    }
}

/// What a keyword of a schema holds (JSON Schema 2020-12; OpenAPI 3.0, Schema Object).
fn keyword(name: &str) -> Keyword {
    match name {
        "items"
        | "additionalProperties"
        | "not"
        | "contains"
        | "propertyNames"
        | "if"
        | "then"
        | "else"
        | "unevaluatedItems"
        | "unevaluatedProperties" => Keyword::Schema,
        "allOf" | "anyOf" | "oneOf" | "prefixItems" => Keyword::Schemas,
        "properties" | "patternProperties" | "dependentSchemas" => Keyword::SchemasByName,
        "type" | "enum" | "const" | "default" | "examples" | "title" | "description" | "format"
        | "multipleOf" | "maximum" | "exclusiveMaximum" | "minimum" | "exclusiveMinimum"
        | "maxLength" | "minLength" | "pattern" | "maxItems" | "minItems" | "uniqueItems"
        | "maxContains" | "minContains" | "maxProperties" | "minProperties" | "required"
        | "dependentRequired" | "deprecated" | "readOnly" | "writeOnly" | "contentEncoding"
        | "contentMediaType" | "nullable" => Keyword::Data,
        // These change what a reference means.
        "$id" | "$anchor" | "$dynamicRef" | "$dynamicAnchor" => Keyword::Foreign,
        // `$ref` is handled apart; `$defs` is taken over by reference; the rest says nothing that
        // a caller needs: discriminator, xml, externalDocs, example, `x-…`.
        _ => Keyword::LeftOut,
    }
}

/// Turns what 3.0 writes in its own way into 2020-12.
fn modernise(schema: &mut Map<String, Value>) {
    let nullable = schema.remove("nullable") == Some(Value::Bool(true));
    if let Some(Value::String(kind)) = schema.get("type").filter(|_| nullable) {
        let kinds = vec![Value::from(kind.as_str()), Value::from("null")];
        schema.insert("type".to_owned(), kinds.into());
        if let Some(Value::Array(values)) = schema.get_mut("enum")
            && !values.contains(&Value::Null)
        {
            values.push(Value::Null);
        }
    }
    for (bound, exclusive) in [
        ("minimum", "exclusiveMinimum"),
        ("maximum", "exclusiveMaximum"),
    ] {
        match schema.get(exclusive) {
            Some(Value::Bool(true)) => {
                schema.remove(exclusive);
                if let Some(value) = schema.remove(bound) {
                    schema.insert(exclusive.to_owned(), value);
                }
            }
            Some(Value::Bool(false)) => {
                schema.remove(exclusive);
            }
            _ => {}
        }
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

#[cfg(test)]
mod tests;
