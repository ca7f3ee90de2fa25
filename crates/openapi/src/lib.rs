//! OpenAPI 3.0 and 3.1 documents as MCP tools.
//!
//! A [`Document`] is read once and checked; every [`Operation`] in it becomes a tool with a JSON
//! Schema for its arguments. [`Operation::request`] turns arguments into an HTTP request whose
//! method, path and headers the arguments cannot change: values fill their places, encoded.
//! Nothing here does IO, and no reference leaves the document.

mod body;
mod check;
mod document;
mod encode;
mod limits;
mod name;
mod operation;
mod parameter;
mod path;
mod pointer;
mod problem;
mod request;
mod schema;
mod text;

pub use check::ArgumentError;
pub use document::{Document, Omitted};
pub use limits::Limits;
pub use operation::Operation;
pub use problem::{OpenApiError, Problem};
pub use request::HttpRequest;
