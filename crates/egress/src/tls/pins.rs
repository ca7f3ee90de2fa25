//! Pins of a host's public key (as in RFC 7469, section 2.4, for its own certificate only).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

/// The SHA-256 of a certificate's SubjectPublicKeyInfo, written `sha256/BASE64`. It survives a
/// renewal of the certificate that keeps the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpkiPin([u8; 32]);

/// Why there is no pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PinError {
    /// The text is not `sha256/` and the base64 of 32 bytes.
    #[error("it is not `sha256/` and the base64 of 32 bytes")]
    Malformed,
    /// The certificate cannot be read.
    #[error("the certificate cannot be read")]
    Certificate,
}

impl SpkiPin {
    /// The pin that a certificate satisfies.
    ///
    /// # Errors
    /// [`PinError::Certificate`] when it is no X.509 certificate.
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, PinError> {
        let (_, parsed) =
            X509Certificate::from_der(certificate).map_err(|_| PinError::Certificate)?;
        Ok(Self(Sha256::digest(parsed.public_key().raw).into()))
    }
}

impl FromStr for SpkiPin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, PinError> {
        let encoded = text.strip_prefix("sha256/").ok_or(PinError::Malformed)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| PinError::Malformed)?;
        Ok(Self(bytes.try_into().map_err(|_| PinError::Malformed)?))
    }
}

impl fmt::Display for SpkiPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256/{}", STANDARD.encode(self.0))
    }
}

/// The key of a valid certificate is not pinned. It travels inside of the TLS library's error.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the key is not pinned")]
pub(crate) struct NotPinned;

/// Verifies a certificate as usual, and then its key.
#[derive(Debug)]
pub(crate) struct PinnedVerifier {
    chain: Arc<WebPkiServerVerifier>,
    pins: Vec<SpkiPin>,
}

impl PinnedVerifier {
    pub(crate) fn new(chain: Arc<WebPkiServerVerifier>, pins: Vec<SpkiPin>) -> Self {
        Self { chain, pins }
    }
}

impl ServerCertVerifier for PinnedVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.chain.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )?;
        let pin = SpkiPin::of(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        if !self.pins.contains(&pin) {
            let cause = OtherError(Arc::new(NotPinned));
            return Err(Error::InvalidCertificate(CertificateError::Other(cause)));
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        self.chain.root_hint_subjects()
    }
}
