//! Private keys that sign assertions.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self as lc, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RsaKeyPair,
};
use portcullis_mcp::json::{Object, quote};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret as _, SecretString};

use super::SigningError;
use crate::algorithm::{Algorithm, KeyKind};
use crate::encoding::{base64url, sha256};
use crate::keys::PublicKey;

/// A private key, with what its assertions' headers say about it. It is never shown.
pub struct SigningKey {
    pair: Pair,
    algorithm: Algorithm,
    key_id: Option<String>,
    certificate_digest: Option<String>,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// Why a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyError {
    /// No private key in PEM: PKCS#8, PKCS#1 or SEC 1, without a passphrase.
    #[error("no private key in pem form")]
    NotPem,
    /// The key is of another kind than the algorithm needs, or too small.
    #[error("the private key does not fit {0}")]
    WrongKind(Algorithm),
    /// No certificate in PEM.
    #[error("no certificate in pem form")]
    NoCertificate,
}

impl SigningKey {
    /// Reads the first private key of a PEM text, for signatures by `algorithm`.
    ///
    /// # Errors
    /// There is none, or it does not fit the algorithm.
    pub fn from_pem(
        pem: &SecretString,
        algorithm: Algorithm,
    ) -> Result<SigningKey, SigningKeyError> {
        let der = PrivateKeyDer::from_pem_slice(pem.expose_secret().as_bytes())
            .map_err(|_| SigningKeyError::NotPem)?;
        Ok(SigningKey {
            pair: Pair::read(&der, algorithm).ok_or(SigningKeyError::WrongKind(algorithm))?,
            algorithm,
            key_id: None,
            certificate_digest: None,
        })
    }

    /// The same with a `kid` in its headers.
    #[must_use]
    pub fn with_key_id(self, key_id: &str) -> SigningKey {
        SigningKey {
            key_id: Some(key_id.to_owned()),
            ..self
        }
    }

    /// The same with `x5t#S256` in its headers, by which Entra finds the certificate: the digest of
    /// the first certificate of a PEM text.
    ///
    /// # Errors
    /// There is none.
    pub fn with_certificate(self, pem: &str) -> Result<SigningKey, SigningKeyError> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| SigningKeyError::NoCertificate)?;
        Ok(SigningKey {
            certificate_digest: Some(base64url(&sha256(&der))),
            ..self
        })
    }

    /// The algorithm of its signatures.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public key as a JWK, to be published in a JWK Set.
    #[must_use]
    pub fn public_jwk(&self) -> String {
        let mut members = self.pair.jwk_members();
        members.push_str(&format!(r#","use":"sig","alg":"{}""#, self.algorithm));
        if let Some(key_id) = &self.key_id {
            members.push_str(&format!(r#","kid":{}"#, quote(key_id)));
        }
        format!("{{{members}}}")
    }

    /// The thumbprint of the public key (RFC 7638 with SHA-256), which makes a good `kid`.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let jwk = self.public_jwk();
        let key = Object::parse(&jwk)
            .ok()
            .and_then(|jwk| PublicKey::read(&jwk).ok());
        // A pair's own public key is always readable.
        key.map(|key| key.thumbprint()).unwrap_or_default()
    }

    pub(super) fn header(&self) -> String {
        let mut header = format!(r#"{{"alg":"{}","typ":"JWT""#, self.algorithm);
        if let Some(key_id) = &self.key_id {
            header.push_str(&format!(r#","kid":{}"#, quote(key_id)));
        }
        if let Some(digest) = &self.certificate_digest {
            header.push_str(&format!(r#","x5t#S256":"{digest}""#));
        }
        header.push('}');
        header
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let random = SystemRandom::new();
        let signed = match &self.pair {
            Pair::Rsa(pair) => {
                let encoding = self.algorithm.rsa_encoding().ok_or(SigningError)?;
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut signature)
                    .map(|()| signature)
            }
            Pair::Ecdsa(pair) => pair
                .sign(&random, message)
                .map(|signature| signature.as_ref().to_vec()),
            Pair::Ed25519(pair) => pair
                .try_sign(message)
                .map(|signature| signature.as_ref().to_vec()),
        };
        signed.map_err(|_| SigningError)
    }
}

impl Pair {
    fn read(der: &PrivateKeyDer<'_>, algorithm: Algorithm) -> Option<Pair> {
        let bytes = der.secret_der();
        let ecdsa = |curve: &'static EcdsaSigningAlgorithm| {
            EcdsaKeyPair::from_private_key_der(curve, bytes)
                .ok()
                .map(Pair::Ecdsa)
        };
        match algorithm.key_kind() {
            KeyKind::Rsa => RsaKeyPair::from_der(bytes)
                .or_else(|_| RsaKeyPair::from_pkcs8(bytes))
                .ok()
                .filter(|pair| pair.public_modulus_len() >= 256)
                .map(Pair::Rsa),
            KeyKind::P256 => ecdsa(&lc::ECDSA_P256_SHA256_FIXED_SIGNING),
            KeyKind::P384 => ecdsa(&lc::ECDSA_P384_SHA384_FIXED_SIGNING),
            KeyKind::Ed25519 => Ed25519KeyPair::from_pkcs8_maybe_unchecked(bytes)
                .ok()
                .map(Pair::Ed25519),
        }
    }

    /// The members of its public JWK, without braces.
    fn jwk_members(&self) -> String {
        match self {
            Pair::Rsa(pair) => {
                let (n, e) = rsa_numbers(pair.public_key().as_ref()).unwrap_or_default();
                let (n, e) = (base64url(n), base64url(e));
                format!(r#""kty":"RSA","n":"{n}","e":"{e}""#)
            }
            Pair::Ecdsa(pair) => {
                let point = pair.public_key().as_ref();
                let (curve, length) = if point.len() == 97 {
                    ("P-384", 48)
                } else {
                    ("P-256", 32)
                };
                let (_, point) = point.split_at_checked(1).unwrap_or_default();
                let (x, y) = point.split_at_checked(length).unwrap_or_default();
                let (x, y) = (base64url(x), base64url(y));
                format!(r#""kty":"EC","crv":"{curve}","x":"{x}","y":"{y}""#)
            }
            Pair::Ed25519(pair) => {
                let x = base64url(pair.public_key().as_ref());
                format!(r#""kty":"OKP","crv":"Ed25519","x":"{x}""#)
            }
        }
    }
}

/// Modulus and exponent of an `RSAPublicKey` (RFC 8017 appendix A.1.1), without leading zeros.
fn rsa_numbers(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sequence, _) = element(der, 0x30)?;
    let (n, rest) = element(sequence, 0x02)?;
    let (e, _) = element(rest, 0x02)?;
    Some((strip_zero(n), strip_zero(e)))
}

fn strip_zero(number: &[u8]) -> &[u8] {
    number.strip_prefix(&[0]).unwrap_or(number)
}

/// The content of the DER element with this tag, and what comes after it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let rest = der.strip_prefix(&[tag])?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        let length = length.iter().try_fold(0usize, |sum, byte| {
            sum.checked_mul(256)?.checked_add((*byte).into())
        })?;
        (length, rest)
    };
    rest.split_at_checked(length)
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}
