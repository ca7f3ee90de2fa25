//! Who calls: from the credential that was shown to an identity, with all the IO that takes.
//!
//! [`Issuers`] is made from the `[authn]` section of a configuration. [`Issuers::identify`] takes
//! what a request shows ([`Shown`]) and what its endpoint takes ([`Endpoint`]), finds the one
//! issuer that the token is of, gets its keys or its word about the token, lets `portcullis_token`
//! judge, looks up groups that had no room in the token, and sees to it that a proof of possession
//! is used once. [`Issuers::by_certificate`] does the same for a client certificate.
//!
//! Whatever is not certain is a [`Rejected`]. An issuer that cannot be asked makes the gateway
//! unavailable for its callers, never open.

mod certificate;
mod issuers;
mod problem;
mod profile;
mod rejected;
mod secrets;
mod shown;
mod sightings;
mod source;

pub use certificate::{CERTIFICATES, Certificate, CertificateUnreadable};
pub use issuers::{CertificateEntry, Context, Inventory, IssuerEntry, Issuers, Probed};
pub use problem::Problem;
pub use profile::cloud;
pub use rejected::{Kind, Rejected};
pub use secrets::{LocalSecrets, SecretError};
pub use shown::{Endpoint, Identified, Scheme, Shown};
