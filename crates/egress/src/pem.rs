//! Certificates and keys in PEM files (RFC 7468).

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why a PEM file cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PemError {
    /// No certificate in it.
    #[error("it holds no certificate")]
    NoCertificate,
    /// No private key in it that can be read without a passphrase.
    #[error("it holds no private key that can be read without a passphrase")]
    NoKey,
    /// A section in it is broken.
    #[error("it is not valid pem")]
    Malformed,
}

/// All certificates of a PEM file, in their order. At least one.
///
/// # Errors
/// When there is none, or one that is broken.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_| PemError::Malformed)?;
    if certificates.is_empty() {
        return Err(PemError::NoCertificate);
    }
    Ok(certificates)
}

/// The first private key of a PEM file.
pub(crate) fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, PemError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => PemError::NoKey,
        _ => PemError::Malformed,
    })
}
