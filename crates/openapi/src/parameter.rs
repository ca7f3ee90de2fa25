//! Parameters of an operation: what they are called, where they go and how they are written.

use std::collections::{BTreeMap, BTreeSet};

use http::HeaderName;

use crate::pointer::{Node, Tree};
use crate::schema::Fault;

/// Where a parameter goes. The order decides which of two keeps its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Path,
    Query,
    Header,
}

/// How a value is written (OpenAPI 3.1, Style Values).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Items side by side with this between them, encoded already.
    Joined(&'static str),
    /// `name=item` for each item (`form`, exploded).
    Repeated,
    /// The value as JSON (`content`).
    Json,
}

/// One parameter that a caller can give.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    /// The name of the argument.
    pub(crate) argument: String,
    /// The name on the wire.
    pub(crate) wire: String,
    pub(crate) place: Place,
    pub(crate) style: Style,
}

/// A parameter as the document has it.
pub(crate) struct Declared<'a> {
    pub(crate) wire: &'a str,
    pub(crate) place: Place,
    pub(crate) style: Style,
    pub(crate) required: bool,
    pub(crate) description: Option<&'a str>,
    pub(crate) schema: Option<Node<'a>>,
}

/// The parameters of an operation, and what is left out of them and why.
pub(crate) struct Declarations<'a> {
    pub(crate) parameters: Vec<Declared<'a>>,
    /// Pointer and reason.
    pub(crate) left_out: Vec<(String, String)>,
}

/// Names of the parameters by which the API takes credentials: `(in, lower-case name)`. What a
/// caller says must not replace what the configuration says.
pub(crate) fn credentials(tree: &Tree<'_>) -> Result<BTreeSet<(String, String)>, Fault> {
    let mut out = BTreeSet::new();
    let schemes = Node::root(tree.root)
        .get("components")
        .and_then(|components| components.get("securitySchemes"));
    let Some(schemes) = schemes else {
        return Ok(out);
    };
    for (_, scheme) in schemes.members()? {
        let scheme = tree.follow(scheme)?;
        if scheme.string("type")? == Some("apiKey")
            && let (Some(place), Some(name)) = (scheme.string("in")?, scheme.string("name")?)
        {
            out.insert((place.to_owned(), name.to_ascii_lowercase()));
        }
    }
    Ok(out)
}

/// Reads the parameters of a path item and of an operation in it, which replace those of the same
/// name and place.
pub(crate) fn read<'a>(
    tree: &Tree<'a>,
    sources: [Option<Node<'a>>; 2],
    credentials: &BTreeSet<(String, String)>,
) -> Result<Declarations<'a>, Fault> {
    let mut found: BTreeMap<(&'a str, &'a str), Node<'a>> = BTreeMap::new();
    for source in sources.into_iter().flatten() {
        let mut here = BTreeSet::new();
        for element in source.elements()? {
            let node = tree.follow(element)?;
            let (Some(name), Some(place)) = (node.string("name")?, node.string("in")?) else {
                return Err(node.problem("a parameter needs `name` and `in`").into());
            };
            let same = match place {
                "header" => name.to_ascii_lowercase(),
                _ => name.to_owned(),
            };
            if !here.insert((place, same)) {
                return Err(node
                    .problem("another parameter has this name and place")
                    .into());
            }
            found.insert((place, name), node);
        }
    }
    let mut out = Declarations {
        parameters: Vec::new(),
        left_out: Vec::new(),
    };
    for ((place, name), node) in found {
        let required = node.flag("required")?.unwrap_or(false);
        let is_credential = credentials.contains(&(place.to_owned(), name.to_ascii_lowercase()));
        let read = match place {
            "header" | "query" if is_credential => Err(Left::Anyway(
                "a credential, which only the configuration gives",
            )),
            "path" => match required {
                true => read_one(tree, &node, Place::Path, name),
                false => return Err(node.problem("a path parameter must be required").into()),
            },
            "query" => read_one(tree, &node, Place::Query, name),
            "header" => match is_reserved(name) {
                true => Err(Left::Anyway("a header that callers cannot set")),
                false => match HeaderName::from_bytes(name.as_bytes()) {
                    Ok(_) => read_one(tree, &node, Place::Header, name),
                    Err(_) => return Err(node.problem("its name is no header name").into()),
                },
            },
            "cookie" => Err(Left::Unsupported("a cookie, which is not sent")),
            _ => {
                return Err(node
                    .problem("`in` must be path, query, header or cookie")
                    .into());
            }
        };
        match read {
            Ok(parameter) => out.parameters.push(parameter),
            Err(Left::Fault(fault)) => return Err(fault),
            Err(Left::Unsupported(reason)) if required => {
                let at = &node.pointer;
                return Err(Fault::Unsupported(format!("it needs {at}: {reason}")));
            }
            Err(Left::Unsupported(reason) | Left::Anyway(reason)) => {
                out.left_out.push((node.pointer, reason.to_owned()));
            }
        }
    }
    out.parameters
        .sort_by(|a, b| (a.place, a.wire).cmp(&(b.place, b.wire)));
    Ok(out)
}

/// Why a parameter is not among the arguments.
enum Left {
    Fault(Fault),
    /// It cannot be sent; an operation that requires it neither.
    Unsupported(&'static str),
    /// It is not for callers, required or not.
    Anyway(&'static str),
}

fn read_one<'a>(
    tree: &Tree<'a>,
    node: &Node<'a>,
    place: Place,
    wire: &'a str,
) -> Result<Declared<'a>, Left> {
    let (style, schema) = match node.get("content") {
        Some(content) => {
            let [(kind, media)] = content
                .members()?
                .try_into()
                .map_err(|_| Left::from(content.problem("must name exactly one media type")))?;
            if !crate::body::is_json(kind) {
                return Err(Left::Unsupported("a value in a format other than json"));
            }
            (Style::Json, media.get("schema"))
        }
        None => {
            let schema = node.get("schema");
            (read_style(tree, node, place, schema.as_ref())?, schema)
        }
    };
    Ok(Declared {
        wire,
        place,
        style,
        required: node.flag("required")?.unwrap_or(false),
        description: node.string("description")?,
        schema,
    })
}

fn read_style<'a>(
    tree: &Tree<'a>,
    node: &Node<'a>,
    place: Place,
    schema: Option<&Node<'a>>,
) -> Result<Style, Left> {
    if let Some(schema) = schema {
        let schema = tree.follow(schema.clone())?;
        let is_object = schema.value.get("type").and_then(|kind| kind.as_str()) == Some("object");
        if is_object {
            return Err(Left::Unsupported(
                "an object, whose members could be any parameter",
            ));
        }
    }
    let style = node.string("style")?;
    let explode = node.flag("explode")?;
    match (place, style) {
        (Place::Path | Place::Header, None | Some("simple")) => Ok(Style::Joined(",")),
        (Place::Query, None | Some("form")) => match explode {
            Some(false) => Ok(Style::Joined(",")),
            _ => Ok(Style::Repeated),
        },
        (Place::Query, Some("spaceDelimited")) => Ok(match explode {
            Some(true) => Style::Repeated,
            _ => Style::Joined("%20"),
        }),
        (Place::Query, Some("pipeDelimited")) => Ok(match explode {
            Some(true) => Style::Repeated,
            _ => Style::Joined("%7C"),
        }),
        (Place::Path, Some("label" | "matrix")) | (Place::Query, Some("deepObject")) => {
            Err(Left::Unsupported("a style that is not supported"))
        }
        _ => Err(node
            .problem("a style that does not go with its place")
            .into()),
    }
}

/// Headers that belong to the connection, to the protocol or to credentials, and those by which
/// some servers let a request change its own method or path.
pub(crate) fn is_reserved(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let prefixes = [
        "proxy-",
        "content-",
        "mcp-",
        "sec-",
        "x-forwarded-",
        "x-http-method",
    ];
    prefixes.iter().any(|prefix| name.starts_with(prefix))
        || matches!(
            name.as_str(),
            "accept"
                | "accept-encoding"
                | "authorization"
                | "connection"
                | "cookie"
                | "cookie2"
                | "expect"
                | "forwarded"
                | "host"
                | "keep-alive"
                | "last-event-id"
                | "origin"
                | "referer"
                | "set-cookie"
                | "te"
                | "trailer"
                | "transfer-encoding"
                | "upgrade"
                | "user-agent"
                | "via"
                | "x-method-override"
                | "x-original-url"
                | "x-real-ip"
                | "x-rewrite-url"
        )
}

impl<T: Into<Fault>> From<T> for Left {
    fn from(fault: T) -> Self {
        Self::Fault(fault.into())
    }
}

#[cfg(test)]
mod tests;
