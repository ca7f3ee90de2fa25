//! The one way out of the gateway over HTTP.
//!
//! Everything that the gateway fetches goes through one [`Client`]: keys, metadata, tokens, client
//! documents, the vault's key services and the MCP servers themselves. It decides what an address
//! may lead to before anything is sent there: a [`guard`](Rule) reads the address strictly, looks
//! its name up once, judges every address that the name has and connects to those and to no other.
//! TLS is 1.3 unless configured otherwise, with a hybrid post-quantum key exchange offered first.
//!
//! It follows no redirect unless asked to, keeps no cookies and reads no proxy variables.

mod address;
mod allowed;
mod client;
mod connect;
mod error;
mod guard;
mod pem;
mod redirect;
mod resolve;
mod settings;
mod stream;
mod target;
mod tls;

pub use address::AddressClass;
pub use allowed::{Allowed, AllowedError};
pub use client::{Client, Limits};
pub use error::{Cause, EgressError};
pub use guard::{Naming, Rule};
pub use pem::{PemError, certificates};
pub use resolve::{Resolve, Resolving, SystemResolver};
pub use rustls::pki_types::{CertificateDer, PrivateKeyDer};
pub use settings::{Identity, PeerTls, Settings};
pub use tls::{PinError, SpkiPin, TlsVersion, crypto_provider};
