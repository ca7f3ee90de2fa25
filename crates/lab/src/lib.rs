//! Opponents and neighbours of the gateway: the research assistant's servers, hostile servers, a gullible host, and
//! the story that plays them against each other with and without Portcullis.
//!
//! Nothing in here is protected or trusted: the host obeys what it reads, the hostile servers lie, and the client and
//! the raw servers share no code with the gateway's own wire, so that a mistake there cannot hide itself.

pub mod conceal;
pub mod entra;
pub mod host;
pub mod hostile;
pub mod identity_provider;
pub mod issuers;
pub mod jose;
pub mod servers;
pub mod story;
mod web;

pub use issuers::{IssuerKind, serve_issuer};
pub use servers::{LabError, ServerKind, serve};
pub use web::{Asked, Parameters};
