//! What servers and issuers publish about themselves: RFC 9728, RFC 8414, OpenID Connect Discovery.
//!
//! The rules are those of the MCP authorization specification: where to look and in which order,
//! that the document names exactly whom it was asked about, and that PKCE is announced.

mod discovery;
mod protected_resource;
mod server;

pub use discovery::{Discovery, DiscoverySettings, IssuerQuery};
pub use protected_resource::{ProtectedResource, canonical_resource, resource_metadata_path};
pub use server::{AuthorizationServer, Pkce};

use crate::DocumentError;

/// Why there is no metadata to rely on.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// The issuer is no https address (http only on this machine) without query, fragment and user.
    #[error("issuer is not an https address")]
    IssuerAddress,
    /// The address of the metadata is not https (http only on this machine).
    #[error("address of the metadata is not https")]
    MetadataAddress,
    /// Nothing is published at any of the places where it has to be.
    #[error("no metadata is published where it has to be")]
    NotFound,
    /// The document speaks for another issuer: the mark of a mix-up attack.
    #[error("metadata names another issuer")]
    IssuerMismatch,
    /// The document speaks for another resource.
    #[error("metadata names another resource")]
    ResourceMismatch,
    /// The resource names no authorization server.
    #[error("metadata names no authorization server")]
    NoAuthorizationServer,
    /// An endpoint's address is not https (http only where the issuer itself is on this machine).
    #[error("address of {0} is not https")]
    EndpointAddress(&'static str),
    /// The server does not announce PKCE with S256.
    #[error("authorization server does not announce PKCE with S256")]
    PkceMissing,
    /// The server has no such endpoint.
    #[error("authorization server has no {0}")]
    NoEndpoint(&'static str),
    /// The document cannot be had or read.
    #[error("metadata document is of no use")]
    Document(#[from] DocumentError),
}

impl MetadataError {
    /// The stable id of the cause.
    pub fn code(&self) -> &'static str {
        match self {
            MetadataError::IssuerAddress => "issuer-address",
            MetadataError::MetadataAddress => "metadata-address",
            MetadataError::NotFound => "metadata-not-found",
            MetadataError::IssuerMismatch => "metadata-issuer-mismatch",
            MetadataError::ResourceMismatch => "metadata-resource-mismatch",
            MetadataError::NoAuthorizationServer => "authorization-server-missing",
            MetadataError::EndpointAddress(_) => "endpoint-address",
            MetadataError::PkceMissing => "pkce-missing",
            MetadataError::NoEndpoint(_) => "endpoint-missing",
            MetadataError::Document(error) => error.code(),
        }
    }
}
