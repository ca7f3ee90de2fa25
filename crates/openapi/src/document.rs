//! A whole document.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use http::Method;

use crate::operation::{self, Context, Operation, Read};
use crate::parameter::credentials;
use crate::pointer::{Node, Tree};
use crate::problem::{Problem, Problems};
use crate::schema::Fault;
use crate::{Limits, OpenApiError, text};

/// Methods of a Path Item Object that become tools, in their order.
const METHODS: [(&str, Method); 6] = [
    ("get", Method::GET),
    ("head", Method::HEAD),
    ("post", Method::POST),
    ("put", Method::PUT),
    ("patch", Method::PATCH),
    ("delete", Method::DELETE),
];

/// An OpenAPI document, read and checked. Its operations are sorted by path.
#[derive(Clone)]
pub struct Document {
    title: String,
    version: String,
    operations: Vec<Operation>,
    by_name: BTreeMap<String, usize>,
    omitted: Vec<Omitted>,
}

/// Something that is allowed in OpenAPI and has no part in the tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Omitted {
    /// Where it stands: a JSON pointer.
    pub pointer: String,
    /// Why: a lower-case fragment.
    pub reason: String,
}

impl Document {
    /// Reads a document: JSON when it starts with `{`, else YAML 1.2.
    ///
    /// # Errors
    /// Everything that breaks OpenAPI 3.0 or 3.1 where it matters here, each with its place;
    /// of one operation the first.
    pub fn parse(text: &[u8], limits: &Limits) -> Result<Self, OpenApiError> {
        let value = text::read(text, limits)?;
        let root = Node::root(&value);
        root.object()?;
        let tree = Tree {
            root: &value,
            is_3_0: is_3_0(&root)?,
        };
        let mut problems = Problems::default();
        let (title, version) = read_info(&root, &mut problems);
        let mut reader = Reader {
            tree,
            limits,
            taken: BTreeSet::new(),
            left: limits.max_total_bytes,
            operations: Vec::new(),
            omitted: Vec::new(),
            problems,
        };
        match root.get("paths") {
            Some(paths) => reader.paths(&paths),
            None => reader.problems.push(root.problem("`paths` is missing")),
        }
        let by_name = reader
            .operations
            .iter()
            .enumerate()
            .map(|(at, operation)| (operation.name().to_owned(), at))
            .collect();
        reader.problems.finish(Self {
            title,
            version,
            operations: reader.operations,
            by_name,
            omitted: reader.omitted,
        })
    }

    /// `info.title`.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// `info.version`: the version of the API, not of OpenAPI.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Every operation, sorted by path, then GET, HEAD, POST, PUT, PATCH, DELETE.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operation behind a tool's name.
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        self.operations.get(*self.by_name.get(name)?)
    }

    /// What was left out, and why.
    pub fn omitted(&self) -> &[Omitted] {
        &self.omitted
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("title", &self.title)
            .field("version", &self.version)
            .field("operations", &self.operations.len())
            .field("omitted", &self.omitted.len())
            .finish()
    }
}

impl fmt::Display for Omitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.pointer, self.reason)
    }
}

/// Which of the two dialects; anything else is refused.
fn is_3_0(root: &Node<'_>) -> Result<bool, Problem> {
    if let Some(old) = root.get("swagger") {
        let message = "swagger 2.0 is not supported; convert the document to openapi 3";
        return Err(old.problem(message));
    }
    let version = root.string("openapi")?;
    let version = version.ok_or_else(|| root.problem("`openapi`, the version, is missing"))?;
    match version.split('.').collect::<Vec<_>>().as_slice() {
        ["3", "0", ..] => Ok(true),
        ["3", "1", ..] => Ok(false),
        _ => Err(Problem::new(
            "/openapi",
            "only openapi 3.0 and 3.1 are supported",
        )),
    }
}

fn read_info(root: &Node<'_>, problems: &mut Problems) -> (String, String) {
    let mut text = |key: &str| {
        let found = match root.get("info") {
            Some(info) => info.string(key),
            None => Ok(None),
        };
        match found {
            Ok(Some(text)) => text.to_owned(),
            Ok(None) => {
                problems.push(Problem::new("/info", format!("`{key}` is missing")));
                String::new()
            }
            Err(problem) => {
                problems.push(problem);
                String::new()
            }
        }
    };
    (text("title"), text("version"))
}

struct Reader<'a, 'l> {
    tree: Tree<'a>,
    limits: &'l Limits,
    taken: BTreeSet<String>,
    /// Bytes that further schemas may take.
    left: usize,
    operations: Vec<Operation>,
    omitted: Vec<Omitted>,
    problems: Problems,
}

impl Reader<'_, '_> {
    fn paths(&mut self, paths: &Node<'_>) {
        let credentials = match credentials(&self.tree) {
            Ok(credentials) => credentials,
            Err(fault) => return self.fault("/components/securitySchemes", fault),
        };
        let members = match paths.members() {
            Ok(members) => members,
            Err(problem) => return self.problems.push(problem),
        };
        let mut ids = BTreeSet::new();
        for (path, item) in members {
            if path.starts_with("x-") {
                continue;
            }
            let at = item.pointer.clone();
            let item = match self.tree.follow(item) {
                Ok(item) => Node {
                    // Problems are told where the path stands, not where it is described.
                    pointer: at,
                    ..item
                },
                Err(problem) => {
                    self.problems.push(problem);
                    continue;
                }
            };
            if let Err(problem) = item.object() {
                self.problems.push(problem);
                continue;
            }
            for (key, method) in METHODS {
                let Some(node) = item.get(key) else { continue };
                if let Ok(Some(id)) = node.string("operationId")
                    && !ids.insert(id.to_owned())
                {
                    let message = "another operation has this `operationId`";
                    self.problems.push(node.problem(message));
                    continue;
                }
                let context = Context {
                    tree: self.tree,
                    path,
                    item: &item,
                    method,
                    credentials: &credentials,
                    max_bytes: self.limits.max_tool_bytes.min(self.left),
                };
                if !self.operation(&context, &node) {
                    return;
                }
            }
            for key in ["options", "trace"] {
                if let Some(node) = item.get(key) {
                    self.omit(node.pointer, "its method is not offered as a tool");
                }
            }
        }
    }

    /// Reads one operation; `false` when there are too many.
    fn operation(&mut self, context: &Context<'_>, node: &Node<'_>) -> bool {
        if self.operations.len() >= self.limits.max_operations {
            let most = self.limits.max_operations;
            let message = format!("there are more than {most} operations");
            self.problems.push(Problem::new("/paths", message));
            return false;
        }
        match operation::read(context, node, &mut self.taken) {
            Ok(Read {
                operation,
                left_out,
                bytes,
            }) => {
                self.left = self.left.saturating_sub(bytes);
                for (pointer, reason) in left_out {
                    self.omit(pointer, reason);
                }
                self.operations.push(operation);
            }
            Err(fault) => self.fault(&node.pointer, fault),
        }
        true
    }

    fn fault(&mut self, pointer: &str, fault: Fault) {
        match fault {
            Fault::Problem(problem) => self.problems.push(problem),
            Fault::Unsupported(reason) => self.omit(pointer.to_owned(), reason),
        }
    }

    fn omit(&mut self, pointer: String, reason: impl Into<String>) {
        self.omitted.push(Omitted {
            pointer,
            reason: reason.into(),
        });
    }
}

#[cfg(test)]
mod tests;
