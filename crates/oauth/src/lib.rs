//! The gateway as an OAuth client, and as one that asks issuers.
//!
//! [`Discovery`], [`KeyCache`], [`Introspection`] and [`Graph`] find out what is true about a token
//! that somebody brought; [`ClientDocuments`] what is true about a client.
//!
//! [`TokenClient`] asks for tokens: it redeems the code of a sign-in that [`begin`] began, refreshes,
//! exchanges, and uses the gateway's own credentials. [`choose`] says which client the gateway is.
//! Scopes and chains of delegation only ever shrink here.

mod authorization;
mod back_channel;
mod cache;
mod client_auth;
mod client_document;
mod clock;
mod document;
mod exchange;
mod form;
mod freshness;
mod grants;
mod graph;
mod introspection;
mod keys;
mod metadata;
mod proof;
mod random;
mod registration;
mod resource;
mod revocation;
mod scope;
mod token_request;

pub use authorization::{
    AuthorizationResponse, BeginError, Code, Pending, PendingError, ResponseError, SignIn, begin,
};
pub use back_channel::{BackChannel, CallError};
pub use client_auth::{
    AssertionAudience, AssertionKind, AssertionTaker, ClientAuth, ClientAuthError, ClientIdentity,
    ClientProof, ConfiguredClientError, ReadSecret, SecretUnreadable, secret_of,
};
pub use client_document::{
    ClientDocument, ClientDocumentError, ClientDocumentSettings, ClientDocuments, RedirectMatch,
    client_id_address, is_client_id_address,
};
pub use clock::{Clock, SystemClock};
pub use document::DocumentError;
pub use exchange::{
    ACCESS_TOKEN, AssertionRequest, Exchange, ID_JAG, ID_TOKEN, IdentityAssertion, JWT, MAX_ACTORS,
    REFRESH_TOKEN, Typed,
};
pub use form::Form;
pub use graph::{AppTokens, Graph, GraphError, GraphSettings, GraphTokens};
pub use introspection::{Introspected, Introspection, IntrospectionError, IntrospectionSettings};
pub use keys::{KeyCache, KeyPlace, KeySettings, KeysError};
pub use metadata::{
    AuthorizationServer, Discovery, DiscoverySettings, IssuerQuery, MetadataError, Pkce,
    ProtectedResource, canonical_resource, resource_metadata_path,
};
pub use proof::{Nonces, PROOF_ALGORITHM, ProofError, ProofKey, ProvenRequest};
pub use registration::{
    AuthMethod, Choice, Choices, ClientMetadata, MetadataRefused, Registered, RegistrationError,
    choose, register,
};
pub use resource::{Resource, ResourceError};
pub use revocation::{RevocationError, TokenHint};
pub use scope::{Growth, ScopeError, Scopes, StepUp, StepUpError, announced_scopes, select};
pub use token_request::{
    Asked, ClaimsChallenge, ErrorCode, NotAsked, Refused, TokenClient, TokenError, TokenType,
    Tokens,
};
