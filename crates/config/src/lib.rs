//! The configuration file of Portcullis: text in, a checked [`Config`] or every [`Problem`] out.
//!
//! The crate does no IO. It never resolves a secret; it only knows *references* to secrets
//! ([`SecretRef`]), so a parsed configuration can be logged and compared.

mod authn;
mod config;
mod controls;
mod features;
mod limits;
mod listen;
mod pattern;
mod policies;
mod problem;
mod profile;
mod registry;
mod secret;
mod section;
mod server;
mod shield;
mod store;
mod units;
mod url;

pub use authn::{ApiKey, Authn, KeyHash, PrincipalKind};
pub use config::{Config, parse};
pub use controls::{CONTROLS, Control, Controls};
pub use features::Features;
pub use limits::Limits;
pub use listen::Listen;
pub use pattern::Pattern;
pub use policies::PoliciesConfig;
pub use problem::Problem;
pub use profile::{Profile, ProfileServer};
pub use registry::{Registry, RegistryMode};
pub use secret::{SecretRef, is_variable_name};
pub use server::{EraChoice, HttpKind, Isolation, Server, Transport, check_header};
pub use shield::{ArgumentAction, DefinitionAction, ResultAction, Shield};
pub use store::StoreLocation;
pub use url::{UrlFault, check_url};

/// The commented default configuration file.
///
/// It *is* the defaults (parsing it gives [`Config::default`]) and the reference page. A line that
/// starts with `#` and no space after it is an example that becomes valid when the `#` goes.
pub const DEFAULT: &str = include_str!("default.toml");
