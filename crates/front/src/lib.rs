//! The pages and endpoints that people's browsers and OAuth clients meet.
//!
//! [`Front`] answers, for the paths that it [owns](Front::owns):
//!
//! - what the gateway says about its endpoints as OAuth resources (RFC 9728);
//! - the *front door* of an issuer, where it is configured: an authorization server for MCP
//!   clients that signs people in at the issuer. It has the metadata (RFC 8414), PKCE and `iss`
//!   (RFC 9207) that clients insist on, knows clients by their documents, asks people before it
//!   sends them on, and hands the issuer's tokens out, which are for the gateway;
//! - the pages on which a person connects an account at an MCP server ([`Grants`]).
//!
//! It takes a request and returns an answer; it neither listens nor decides who may call a tool.
//! Nothing it says follows from a request's `Host`.

mod answer;
mod authorize;
mod browser;
mod callback;
mod client;
mod connect;
mod consent;
mod event;
mod family;
mod fault;
mod front;
mod issuer;
mod metadata;
mod page;
mod parameters;
mod redirect;
mod refused;
mod register;
mod resource;
mod route;
mod sealing;
mod sign_in;
mod token;

pub use connect::{
    Connected, GrantBegun, GrantError, GrantRequest, Grants, Invitation, InviteError, Offer,
    Person, Proof,
};
pub use event::{Event, EventKind};
pub use family::access_token_key;
pub use front::{Context, Facts, Front, FrontError};
pub use issuer::Upstream;
pub use sealing::{SealingKey, SealingKeyError};
