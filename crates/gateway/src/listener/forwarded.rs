//! What a proxy that is trusted for it says of the client's certificate (RFC 9440).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};
use portcullis_identity::{Certificate, CertificateUnreadable};

/// Where a proxy that ends TLS puts the client's certificate (RFC 9440, section 2).
const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");

/// Reads the `Client-Cert` header: a byte sequence of RFC 8941, between colons, in DER. `None` without
/// one. Only the word of a proxy that is trusted, and that takes the header away from what clients send,
/// is worth anything.
///
/// # Errors
/// When there are several, or what there is is no certificate.
pub(super) fn certificate(
    headers: &HeaderMap,
) -> Result<Option<Certificate>, CertificateUnreadable> {
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
    Certificate::from_der(&der).map(Some)
}

#[cfg(test)]
mod tests;
