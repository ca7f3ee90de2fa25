//! The MCP wire: a strict, raw-preserving, sans-IO model of JSON-RPC and of every protocol revision.
//!
//! Bytes come in through [`framing`], become a [`Message`] once, and are judged as borrowed slices:
//! [`params`], [`result`], [`meta`] and [`capabilities`] are shallow views that point into the message's own text.
//! What changes is spliced ([`json::Splice`]), so that every byte nobody touched leaves as it came.

#[cfg(test)]
mod arbitrary;
pub mod capabilities;
pub mod error;
pub mod framing;
pub mod headers;
pub mod json;
pub mod message;
pub mod meta;
pub mod method;
pub mod names;
pub mod param_headers;
pub mod params;
pub mod result;
pub mod version;

pub use error::{WireError, codes};
pub use message::{Kind, Message, RpcError};
pub use method::{Method, Sender};
pub use result::ListKind;
pub use version::{Era, ProtocolVersion};
