//! The certificate by which a client proved who it is.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// Where a proxy that ends TLS puts the client's certificate (RFC 9440, section 2).
const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");

/// What matters of a client's certificate that was verified, here or by a proxy that is trusted
/// for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    sha256: [u8; 32],
    subject: String,
    dns_names: Vec<String>,
    uris: Vec<String>,
}

/// What was shown is not one X.509 certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client certificate cannot be read")]
pub struct CertificateUnreadable;

impl PeerCertificate {
    /// Reads a certificate in DER. It verifies nothing.
    ///
    /// # Errors
    /// When it is no X.509 certificate, or holds a name that cannot be read.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateUnreadable> {
        let (rest, certificate) =
            X509Certificate::from_der(der).map_err(|_| CertificateUnreadable)?;
        if !rest.is_empty() {
            return Err(CertificateUnreadable);
        }
        let names = certificate
            .subject_alternative_name()
            .map_err(|_| CertificateUnreadable)?;
        let (mut dns_names, mut uris) = (Vec::new(), Vec::new());
        for name in names.iter().flat_map(|names| &names.value.general_names) {
            match name {
                GeneralName::DNSName(name) => dns_names.push(name.to_ascii_lowercase()),
                GeneralName::URI(uri) => uris.push((*uri).to_owned()),
                GeneralName::Invalid(..) => return Err(CertificateUnreadable),
                _ => {}
            }
        }
        Ok(Self {
            sha256: Sha256::digest(der).into(),
            subject: certificate.subject().to_string(),
            dns_names,
            uris,
        })
    }

    /// Reads the `Client-Cert` header of a proxy (RFC 9440): a byte sequence of RFC 8941, between
    /// colons, in DER. `None` without one. Only the word of a proxy that is trusted, and that takes
    /// the header away from what clients send, is worth anything.
    ///
    /// # Errors
    /// When there are several, or what there is is no certificate.
    pub fn forwarded(headers: &HeaderMap) -> Result<Option<Self>, CertificateUnreadable> {
        let mut values = headers.get_all(CLIENT_CERT).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(CertificateUnreadable);
        }
        let encoded = value
            .to_str()
            .ok()
            .map(str::trim)
            .and_then(|text| text.strip_prefix(':')?.strip_suffix(':'))
            .ok_or(CertificateUnreadable)?;
        let der = STANDARD
            .decode(encoded)
            .map_err(|_| CertificateUnreadable)?;
        Self::from_der(&der).map(Some)
    }

    /// The SHA-256 of the certificate in DER.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    /// The same as a token that is bound to the certificate has it: `cnf` member `x5t#S256`
    /// (RFC 8705, section 3.1).
    pub fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.sha256)
    }

    /// The subject's distinguished name, as text.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The DNS names that it is for, in lower case.
    pub fn dns_names(&self) -> &[String] {
        &self.dns_names
    }

    /// The URIs that it is for, as a SPIFFE id is.
    pub fn uris(&self) -> &[String] {
        &self.uris
    }
}

#[cfg(test)]
mod tests;
