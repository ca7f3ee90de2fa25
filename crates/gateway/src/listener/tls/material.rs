//! What TLS is set up from: the files as they are at one moment.

use std::path::Path;
use std::sync::Arc;

use portcullis_egress::{Identity, certificates, crypto_provider};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

use super::{ClientCertificates, TlsError, TlsKey, TlsSettings};

const CERTIFICATE: &str = "the certificate";
const KEY: &str = "the key";
const AUTHORITIES: &str = "the certificate authorities of clients";

/// The files' contents.
pub(super) struct Material {
    certificate: Vec<u8>,
    key: SecretString,
    authorities: Option<Vec<u8>>,
}

/// By which changes are noticed: of contents, because a file that is replaced by one of the same
/// second and size, or by way of a link, looks the same from outside.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; 32]);

impl Material {
    pub(super) fn read(settings: &TlsSettings) -> Result<Self, TlsError> {
        let key = match &settings.key {
            TlsKey::Pem(text) => text.clone(),
            TlsKey::File(path) => std::fs::read_to_string(path)
                .map(SecretString::from)
                .map_err(|source| TlsError::Read { what: KEY, source })?,
        };
        let authorities = match &settings.clients {
            ClientCertificates::Off => None,
            ClientCertificates::Optional { authorities }
            | ClientCertificates::Required { authorities } => Some(read(authorities, AUTHORITIES)?),
        };
        Ok(Self {
            certificate: read(&settings.certificate, CERTIFICATE)?,
            key,
            authorities,
        })
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        let key = self.key.expose_secret().as_bytes();
        for part in [
            self.certificate.as_slice(),
            key,
            self.authorities.as_deref().unwrap_or_default(),
        ] {
            hash.update(Sha256::digest(part));
        }
        Fingerprint(hash.finalize().into())
    }

    /// The server's side of TLS, at a time in seconds since 1970.
    pub(super) fn config(
        &self,
        settings: &TlsSettings,
        now: i64,
    ) -> Result<ServerConfig, TlsError> {
        let pem = |what| move |source| TlsError::Pem { what, source };
        let chain = certificates(&self.certificate).map_err(pem(CERTIFICATE))?;
        let identity = Identity::from_pem(&self.certificate, &self.key).map_err(pem(KEY))?;
        if !chain.first().is_some_and(|first| is_valid(first, now)) {
            return Err(TlsError::Expired);
        }
        let provider = crypto_provider();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(settings.min_version.and_later())
            .map_err(TlsError::Certificate)?;
        let builder = match &self.authorities {
            None => builder.with_no_client_auth(),
            Some(authorities) => {
                let mut roots = RootCertStore::empty();
                for root in certificates(authorities).map_err(pem(AUTHORITIES))? {
                    roots.add(root).map_err(TlsError::Certificate)?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = match &settings.clients {
                    ClientCertificates::Required { .. } => verifier,
                    _ => verifier.allow_unauthenticated(),
                };
                builder.with_client_cert_verifier(verifier.build().map_err(TlsError::Authorities)?)
            }
        };
        let mut config = builder
            .with_single_cert(identity.chain(), identity.key())
            .map_err(TlsError::Certificate)?;
        if self.authorities.is_some() {
            // A session that is taken up again is not verified again: a certificate would count
            // for longer than it is valid.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn read(path: &Path, what: &'static str) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { what, source })
}

/// Whether a certificate can be read and is valid at this time.
fn is_valid(der: &[u8], now: i64) -> bool {
    let Ok(now) = ASN1Time::from_timestamp(now) else {
        return false;
    };
    X509Certificate::from_der(der)
        .is_ok_and(|(_, certificate)| certificate.validity().is_valid_at(now))
}
