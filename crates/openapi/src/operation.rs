//! One operation as one tool.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Map, Value, json};

use crate::body::{self, Body};
use crate::name;
use crate::parameter::{self, Declared, Parameter, Place};
use crate::path::Template;
use crate::pointer::{Node, Tree};
use crate::schema::{Converter, Fault};

/// An operation of the API, ready to be called.
#[derive(Clone, Debug)]
pub struct Operation {
    pub(crate) name: String,
    pub(crate) method: Method,
    pub(crate) template: Template,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: Option<Body>,
    /// The input schema with its `$defs`.
    pub(crate) schema: Value,
    pub(crate) tool: String,
    pub(crate) returns_object: bool,
}

impl Operation {
    /// The tool's name: 1 to 64 of `A-Z`, `a-z`, `0-9`, `_`, `-` and `.`, unique in its document.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The HTTP method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The tool as `tools/list` has it: a raw JSON object with name, title, description,
    /// inputSchema, annotations, and outputSchema when there is one.
    pub fn tool(&self) -> &str {
        &self.tool
    }

    /// Whether the tool has an output schema, so that success must come with a JSON object.
    pub fn returns_object(&self) -> bool {
        self.returns_object
    }
}

/// Where an operation stands, and what is known about it before it is read.
pub(crate) struct Context<'a> {
    pub(crate) tree: Tree<'a>,
    pub(crate) path: &'a str,
    pub(crate) item: &'a Node<'a>,
    pub(crate) method: Method,
    pub(crate) credentials: &'a BTreeSet<(String, String)>,
    /// Bytes that the schemas may take.
    pub(crate) max_bytes: usize,
}

/// What was read.
pub(crate) struct Read {
    pub(crate) operation: Operation,
    /// Parts that callers cannot give: pointer and reason.
    pub(crate) left_out: Vec<(String, String)>,
    /// Bytes that the schemas take.
    pub(crate) bytes: usize,
}

/// Reads an Operation Object. The name is made unique by the caller.
pub(crate) fn read(
    context: &Context<'_>,
    node: &Node<'_>,
    taken: &mut BTreeSet<String>,
) -> Result<Read, Fault> {
    let tree = context.tree;
    node.object()?;
    if node.get("servers").is_some() || context.item.get("servers").is_some() {
        let reason = "it has servers of its own, other than the configured address";
        return Err(Fault::Unsupported(reason.to_owned()));
    }
    let template = Template::parse(context.path).map_err(|fault| context.item.problem(fault))?;
    let sources = [context.item.get("parameters"), node.get("parameters")];
    let declared = parameter::read(&tree, sources, context.credentials)?;
    check_path(&template, &declared.parameters, node)?;
    let mut left_out = declared.left_out;
    let body = read_body(context, node, &mut left_out)?;

    let mut input = Converter::new(tree, context.max_bytes);
    let (schema, parameters) = input_schema(&mut input, declared.parameters, body.as_ref())?;
    let mut output = Converter::new(tree, input.left());
    let output_schema = match success(&tree, node)? {
        Some(schema) => output_schema(&mut output, &schema)?,
        None => None,
    };

    let id = node.string("operationId")?;
    let name = id
        .and_then(name::clean)
        .unwrap_or_else(|| name::from_path(context.method.as_str(), context.path));
    let described = describe(context, node)?;
    output.spend(described.1.len())?;
    let name = name::unique(taken, name);
    let tool = tool(
        &name,
        described,
        &schema,
        output_schema.as_ref(),
        &context.method,
    );
    Ok(Read {
        operation: Operation {
            name,
            method: context.method.clone(),
            template,
            parameters,
            body: body.map(|(body, _)| body),
            schema,
            tool,
            returns_object: output_schema.is_some(),
        },
        left_out,
        bytes: context.max_bytes - output.left(),
    })
}

/// Every place of the path has a parameter, and every path parameter a place.
fn check_path(
    template: &Template,
    declared: &[Declared<'_>],
    node: &Node<'_>,
) -> Result<(), Fault> {
    let in_path: BTreeSet<&str> = template.parameters().collect();
    let known: BTreeSet<&str> = declared
        .iter()
        .filter(|parameter| parameter.place == Place::Path)
        .map(|parameter| parameter.wire)
        .collect();
    if let Some(name) = in_path.difference(&known).next() {
        let message = format!("the path names the parameter `{name}`, which is not declared");
        return Err(node.problem(message).into());
    }
    if let Some(name) = known.difference(&in_path).next() {
        let message = format!("the path parameter `{name}` has no place in the path");
        return Err(node.problem(message).into());
    }
    Ok(())
}

type ReadBody<'a> = Option<(Body, Option<Node<'a>>)>;

fn read_body<'a>(
    context: &Context<'a>,
    node: &Node<'a>,
    left_out: &mut Vec<(String, String)>,
) -> Result<ReadBody<'a>, Fault> {
    let Some(body) = node.get("requestBody") else {
        return Ok(None);
    };
    let pointer = body.pointer.clone();
    let resolved = context.tree.follow(body)?;
    let required = resolved.flag("required")?.unwrap_or(false);
    let read = match context.method {
        // RFC 9110, 9.3.1 and 9.3.2: a body has no meaning there.
        Method::GET | Method::HEAD => Err(Fault::Unsupported(
            "a body in a request that has none".to_owned(),
        )),
        _ => body::read(&context.tree, resolved),
    };
    match read {
        Ok(body) => Ok(Some(body)),
        Err(Fault::Unsupported(reason)) if !required => {
            left_out.push((pointer, reason));
            Ok(None)
        }
        Err(Fault::Unsupported(reason)) => {
            Err(Fault::Unsupported(format!("it needs {pointer}: {reason}")))
        }
        Err(fault) => Err(fault),
    }
}

/// One object with a member for each parameter, and one for the body.
fn input_schema<'a>(
    converter: &mut Converter<'a>,
    declared: Vec<Declared<'a>>,
    body: Option<&(Body, Option<Node<'a>>)>,
) -> Result<(Value, Vec<Parameter>), Fault> {
    let mut taken = BTreeSet::new();
    let mut properties = Map::new();
    let mut required = Vec::new();
    let mut parameters = Vec::new();
    if let Some((body, schema)) = body {
        let schema = match schema {
            Some(schema) => converter.convert(schema)?,
            None => json!({}),
        };
        taken.insert(body::ARGUMENT.to_owned());
        properties.insert(body::ARGUMENT.to_owned(), schema);
        if body.required {
            required.push(body::ARGUMENT.to_owned());
        }
    }
    for parameter in declared {
        let mut schema = match &parameter.schema {
            Some(schema) => converter.convert(schema)?,
            None => json!({}),
        };
        if let (Some(text), Some(members)) = (parameter.description, schema.as_object_mut()) {
            converter.spend(text.len())?;
            members
                .entry("description")
                .or_insert_with(|| text.to_owned().into());
        }
        let wanted = name::clean(parameter.wire).unwrap_or_else(|| "parameter".to_owned());
        let argument = name::unique(&mut taken, wanted);
        converter.spend(argument.len() + 8)?;
        properties.insert(argument.clone(), schema);
        if parameter.required {
            required.push(argument.clone());
        }
        parameters.push(Parameter {
            argument,
            wire: parameter.wire.to_owned(),
            place: parameter.place,
            style: parameter.style,
        });
    }
    required.sort();
    let definitions = converter.definitions()?;
    let mut schema = Map::new();
    schema.insert("type".to_owned(), "object".into());
    schema.insert("properties".to_owned(), properties.into());
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    schema.insert("additionalProperties".to_owned(), false.into());
    if !definitions.is_empty() {
        schema.insert("$defs".to_owned(), definitions.into());
    }
    Ok((schema.into(), parameters))
}

/// The JSON schema of the answer, when the operation has exactly one kind of success. With
/// several, an output schema would promise what an answer may not keep.
fn success<'a>(tree: &Tree<'a>, node: &Node<'a>) -> Result<Option<Node<'a>>, Fault> {
    let Some(responses) = node.get("responses") else {
        return Ok(None);
    };
    let mut successes = responses
        .members()?
        .into_iter()
        .filter(|(status, _)| status.starts_with('2'));
    let (Some((_, only)), None) = (successes.next(), successes.next()) else {
        return Ok(None);
    };
    let only = tree.follow(only)?;
    let Some(content) = only.get("content") else {
        return Ok(None);
    };
    match content.members()?.as_slice() {
        [(kind, media)] if body::is_json(kind) => Ok(media.get("schema")),
        _ => Ok(None),
    }
}

/// The output schema, when it is one of objects: MCP allows no other at the top.
fn output_schema<'a>(
    converter: &mut Converter<'a>,
    node: &Node<'a>,
) -> Result<Option<Value>, Fault> {
    let mut schema = converter.convert_resolved(node)?;
    let is_object = schema.get("type").and_then(Value::as_str) == Some("object");
    let definitions = converter.definitions()?;
    match schema.as_object_mut() {
        Some(members) if is_object => {
            if !definitions.is_empty() {
                members.insert("$defs".to_owned(), definitions.into());
            }
            Ok(Some(schema))
        }
        _ => Ok(None),
    }
}

/// Title and description.
fn describe<'a>(
    context: &Context<'a>,
    node: &Node<'a>,
) -> Result<(Option<&'a str>, String), Fault> {
    let present = |text: Option<&'a str>| text.map(str::trim).filter(|text| !text.is_empty());
    let summary = present(node.string("summary")?);
    let text = match (summary, present(node.string("description")?)) {
        (Some(summary), Some(text)) if text != summary => format!("{summary}\n\n{text}"),
        (Some(text), _) | (None, Some(text)) => text.to_owned(),
        (None, None) => format!("{} {}", context.method, context.path),
    };
    Ok((summary, text))
}

fn tool(
    name: &str,
    (title, description): (Option<&str>, String),
    input: &Value,
    output: Option<&Value>,
    method: &Method,
) -> String {
    let mut annotations = Map::new();
    let mut hint = |name: &str, value: bool| annotations.insert(name.to_owned(), value.into());
    hint(
        "readOnlyHint",
        matches!(*method, Method::GET | Method::HEAD),
    );
    if *method == Method::DELETE {
        hint("destructiveHint", true);
    }
    // RFC 9110, 9.2.2.
    if matches!(
        *method,
        Method::GET | Method::HEAD | Method::PUT | Method::DELETE
    ) {
        hint("idempotentHint", true);
    }
    let mut tool = Map::new();
    tool.insert("name".to_owned(), name.into());
    if let Some(title) = title {
        tool.insert("title".to_owned(), title.into());
    }
    tool.insert("description".to_owned(), description.into());
    tool.insert("inputSchema".to_owned(), input.clone());
    if let Some(output) = output {
        tool.insert("outputSchema".to_owned(), output.clone());
    }
    tool.insert("annotations".to_owned(), annotations.into());
    Value::from(tool).to_string()
}

#[cfg(test)]
mod tests;
