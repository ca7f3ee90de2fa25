//! The configuration file of Portcullis: text in, a checked [`Config`] or every [`Problem`] out.
//!
//! The crate does no IO. It never resolves a secret; it only knows *references* to secrets
//! ([`SecretRef`]), so a parsed configuration can be logged and compared.

mod authn;
mod azure;
mod config;
mod controls;
mod features;
mod limits;
mod listen;
mod network;
mod oauth_client;
mod outbound;
mod pattern;
mod policies;
mod problem;
mod profile;
mod registry;
mod secret;
mod secrets;
mod section;
mod server;
mod shield;
mod store;
mod tls;
mod units;
mod url;
mod vault;

pub use authn::{
    Algorithm, ApiKey, Authn, BoundTokens, CallerCredential, CertificateNames,
    CertificatePrincipals, ClaimNames, Entra, EntraVersion, FrontDoor, GroupSource, Guests, Issuer,
    IssuerKind, KeyHash, PrincipalKind, Spiffe, SpiffeBundle, TokenForm,
};
pub use azure::{AzureClient, Cloud};
pub use config::{Config, parse};
pub use controls::{CONTROLS, Control, Controls};
pub use features::Features;
pub use limits::Limits;
pub use listen::{ClientCertificates, Listen, ListenTls};
pub use network::Network;
pub use oauth_client::{ClientAuthentication, OauthClient};
pub use outbound::{Allowed, Outbound};
pub use pattern::Pattern;
pub use policies::PoliciesConfig;
pub use problem::Problem;
pub use profile::{Profile, ProfileServer};
pub use registry::{Registry, RegistryMode};
pub use secret::{SecretRef, is_variable_name};
pub use secrets::{HashicorpVault, KeyVault, Secrets};
pub use server::{
    AuthMethod, ClientDocument, Dpop, EraChoice, HttpKind, Isolation, Server, ServerAuth,
    ServerIdentity, TokenGrant, TokenSource, Transport, check_header,
};
pub use shield::{ArgumentAction, DefinitionAction, ResultAction, Shield};
pub use store::StoreLocation;
pub use time::Date;
pub use tls::{CertificateAndKey, Digest, TlsVersion};
pub use url::{UrlFault, check_url};
pub use vault::{Vault, VaultKey};

/// The commented default configuration file.
///
/// It *is* the defaults (parsing it gives [`Config::default`]) and the reference page. A line that
/// starts with `#` and no space after it is an example that becomes valid when the `#` goes.
pub const DEFAULT: &str = include_str!("default.toml");
