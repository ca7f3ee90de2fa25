//! The MCP configurations of hosts: where they are, what they say, and how they become a
//! `portcullis.toml`.
//!
//! The crate does no IO: paths come out of [`locations`], the text of a file goes into [`read`],
//! and [`import`] writes the text of a new configuration. Values of environment variables and
//! headers are treated as secrets throughout: no `Debug` prints them, no written text holds them.

mod entry;
mod host;
mod import;
mod location;
mod read;

pub use entry::{Entry, Transport};
pub use host::Host;
pub use import::{Import, SecretToMove, import};
pub use location::{Environment, Location, Os, Scope, locations};
pub use read::{HostError, Note, Reading, read, read_all};
