//! Access tokens and what they prove, without IO.
//!
//! The crate reads, checks and describes; keys and the time are passed in. [`jwt::peek`] reads a
//! token without believing it, so that a caller can choose its [`issuer::Issuer`] and
//! [`keys::KeySet`]; [`validate::validate`] (or [`introspection::from_introspection`] for opaque
//! tokens) turns it into an [`identity::Identity`] or a [`rejection::Rejection`]. [`dpop`] checks
//! proofs of possession, [`challenge`] writes and reads `WWW-Authenticate`, and [`assertion`] signs
//! what the gateway says about itself.

mod algorithm;
pub mod assertion;
pub mod challenge;
mod claims;
pub mod dpop;
mod encoding;
pub mod entra;
pub mod identity;
pub mod introspection;
pub mod issuer;
pub mod jwt;
pub mod keys;
pub mod rejection;
mod spiffe;
mod standard;
pub mod validate;

pub use algorithm::{Algorithm, KeyKind};
pub use encoding::sha256;
pub use identity::Identity;
pub use introspection::from_introspection;
pub use issuer::{Issuer, IssuerKind};
pub use jwt::{Peeked, peek};
pub use keys::KeySet;
pub use rejection::Rejection;
pub use validate::{Expected, Presented, validate};

#[cfg(test)]
mod fixture;
