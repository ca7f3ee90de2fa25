//! TLS as every connection of the gateway has it, inbound ones included.

mod pins;

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};

use crate::error::EgressError;
use crate::settings::Settings;
pub(crate) use pins::{NotPinned, PinnedVerifier};
pub use pins::{PinError, SpkiPin};

static FROM_1_2: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
static FROM_1_3: [&SupportedProtocolVersion; 1] = [&version::TLS13];

/// The lowest version of TLS that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246), with forward secrecy and AEAD ciphers only.
    Tls12,
    /// TLS 1.3 (RFC 8446).
    #[default]
    Tls13,
}

impl TlsVersion {
    /// This version and the later ones.
    pub fn and_later(self) -> &'static [&'static SupportedProtocolVersion] {
        match self {
            Self::Tls12 => &FROM_1_2,
            Self::Tls13 => &FROM_1_3,
        }
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        })
    }
}

/// The cryptography of TLS: aws-lc-rs, with the hybrid of X25519 and ML-KEM-768 as the first choice
/// of a key exchange (draft-ietf-tls-ecdhe-mlkem), so that what is recorded today stays closed to a
/// quantum computer.
pub fn crypto_provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        kx_groups: vec![
            aws_lc_rs::kx_group::X25519MLKEM768,
            aws_lc_rs::kx_group::X25519,
            aws_lc_rs::kx_group::SECP256R1,
            aws_lc_rs::kx_group::SECP384R1,
        ],
        ..aws_lc_rs::default_provider()
    })
}

/// The client's side of TLS. HTTP/2 is offered before HTTP/1.1.
pub(crate) fn client_config(settings: &Settings) -> Result<ClientConfig, EgressError> {
    let provider = crypto_provider();
    let roots = Arc::new(roots(settings)?);
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(settings.min_version.and_later())
        .map_err(|error| EgressError::settings("tls versions", error))?;
    let builder = if settings.pins.is_empty() {
        builder.with_root_certificates(roots)
    } else {
        let chain = WebPkiServerVerifier::builder_with_provider(roots, provider)
            .build()
            .map_err(|error| EgressError::settings("certificate authorities", error))?;
        let verifier = PinnedVerifier::new(chain, settings.pins.clone());
        // "Dangerous" is what this could leave out; it only adds to the verifier that is wrapped.
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
    };
    let mut config = match &settings.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => builder
            .with_client_auth_cert(identity.chain(), identity.key())
            .map_err(|error| EgressError::settings("client certificate", error))?,
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// The certificate authorities to trust. None at all is no error: then no host can prove itself.
fn roots(settings: &Settings) -> Result<RootCertStore, EgressError> {
    let mut roots = RootCertStore::empty();
    if settings.use_system_roots {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "some of the system's certificate authorities could not be read");
        }
        // A system may hold certificates that no verifier takes; the others are good.
        roots.add_parsable_certificates(found.certs);
    }
    for root in &settings.roots {
        roots
            .add(root.clone())
            .map_err(|error| EgressError::settings("certificate authorities", error))?;
    }
    if roots.is_empty() {
        tracing::warn!("no certificate authorities are trusted, https hosts cannot be reached");
    }
    Ok(roots)
}

#[cfg(test)]
mod tests;
