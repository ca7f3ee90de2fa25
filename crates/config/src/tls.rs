//! What several sections say about TLS.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::problem::Problems;
use crate::secret::SecretRef;
use crate::section::{Section, choice};

/// The oldest TLS version that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// TLS 1.2, RFC 5246.
    Tls12,
    /// TLS 1.3, RFC 8446.
    #[default]
    Tls13,
}

/// A certificate and its private key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateAndKey {
    /// The file with the certificate chain, relative to the configuration file.
    pub certificate: String,
    /// Where the private key is.
    pub key: SecretRef,
}

/// SHA-256, for example of a certificate's public key or of a program.
pub type Digest = [u8; 32];

impl TlsVersion {
    pub(crate) fn read(
        problems: &mut Problems<'_>,
        section: &mut Section<'_, '_>,
        name: &'static str,
    ) -> Self {
        let choices = &[("1.2", Self::Tls12), ("1.3", Self::Tls13)];
        choice(problems, section, name, choices).unwrap_or_default()
    }
}

impl CertificateAndKey {
    /// Both or none.
    pub(crate) fn read(
        problems: &mut Problems<'_>,
        section: &mut Section<'_, '_>,
        certificate_name: &'static str,
        key_name: &'static str,
    ) -> Option<Self> {
        let given = |section: &mut Section<'_, '_>, name| section.value(name).is_some();
        let certificate = section.path(problems, certificate_name);
        let key = section.secret(problems, key_name);
        let hint = "a certificate needs its private key, and the other way round";
        match (given(section, certificate_name), given(section, key_name)) {
            (true, false) => section.missing(problems, key_name, hint),
            (false, true) => section.missing(problems, certificate_name, hint),
            _ => {}
        }
        Some(Self {
            certificate: certificate?,
            key: key?,
        })
    }
}

/// `sha256/BASE64`: the SHA-256 of a DER SubjectPublicKeyInfo, as in RFC 7469, 2.4.
pub(crate) fn parse_pin(text: &str) -> Option<Digest> {
    let digest = STANDARD.decode(text.strip_prefix("sha256/")?).ok()?;
    digest.try_into().ok()
}

/// 64 hexadecimal digits.
pub(crate) fn parse_hex(text: &str) -> Option<Digest> {
    let mut digest = [0; 32];
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    if pairs.len() != digest.len() {
        return None;
    }
    for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
        let high = char::from(*high).to_digit(16)?;
        let low = char::from(*low).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests;
