//! What the two sides declare that they can do.
//!
//! Capabilities are read into small sets, cut down, and written anew for the revision that the other
//! side speaks; a capability that this module does not know is not passed on.

mod client;
mod fields;
mod server;

pub use client::ClientCapabilities;
pub use server::ServerCapabilities;

/// The extension in which tools answer with tasks (SEP-2663, 2026-07-28).
pub const TASKS_EXTENSION: &str = "io.modelcontextprotocol/tasks";
/// The extension in which tools have pages for the user (MCP Apps, 2026-01-26).
pub const UI_EXTENSION: &str = "io.modelcontextprotocol/ui";
/// The media type of the pages of [`UI_EXTENSION`].
pub const UI_MEDIA_TYPE: &str = "text/html;profile=mcp-app";

#[cfg(test)]
mod tests;
