//! One JWK: a public key, and nothing private (RFC 7517, RFC 7518 section 6, RFC 8037).

use aws_lc_rs::signature::{self as lc, ParsedPublicKey, RsaPublicKeyComponents};
use portcullis_mcp::json::Object;

use crate::algorithm::{Algorithm, KeyKind};
use crate::encoding::{base64url, from_base64url, sha256};

/// Members that only private or symmetric keys have.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why a key is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// A member is missing, of the wrong kind or length, or the point is not on its curve.
    #[error("the key is malformed")]
    Malformed,
    /// `kty: oct`.
    #[error("the key is symmetric")]
    Symmetric,
    /// A private key, which has no place in a key set.
    #[error("the key is private")]
    Private,
    /// An RSA key of less than 2048 or more than 8192 bits.
    #[error("the rsa key has the wrong size")]
    WrongSize,
    /// A `kty` or `crv` that is not RSA, P-256, P-384 or Ed25519.
    #[error("the kind of key is not supported")]
    KindUnsupported,
    /// An `alg` that is not supported, or not for this kind of key.
    #[error("the key's algorithm is not supported")]
    AlgorithmUnsupported,
    /// `use` or `key_ops` is for something else.
    #[error("the key is not for signatures")]
    NotForSignatures,
}

/// A public key as its JWK gives it.
pub(crate) struct PublicKey {
    material: Material,
    /// The JWK with its required members alone, in the order of RFC 7638 section 3.
    canonical: String,
}

enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// The uncompressed point.
    Ec(KeyKind, Vec<u8>),
    Ed25519(Vec<u8>),
}

impl PublicKey {
    pub(crate) fn read(jwk: &Object<'_>) -> Result<PublicKey, KeyFault> {
        let kind = text(jwk, "kty")?;
        if kind == "oct" {
            return Err(KeyFault::Symmetric);
        }
        if PRIVATE.iter().any(|name| jwk.get(name).is_some()) {
            return Err(KeyFault::Private);
        }
        match kind.as_str() {
            "RSA" => rsa(jwk),
            "EC" => match text(jwk, "crv")?.as_str() {
                "P-256" => ec(jwk, KeyKind::P256, "P-256", 32),
                "P-384" => ec(jwk, KeyKind::P384, "P-384", 48),
                _ => Err(KeyFault::KindUnsupported),
            },
            "OKP" if text(jwk, "crv")? == "Ed25519" => {
                let x = number(jwk, "x", Some(32))?;
                let canonical =
                    format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, base64url(&x));
                Ok(PublicKey {
                    material: Material::Ed25519(x),
                    canonical,
                })
            }
            _ => Err(KeyFault::KindUnsupported),
        }
    }

    pub(crate) fn kind(&self) -> KeyKind {
        match &self.material {
            Material::Rsa { .. } => KeyKind::Rsa,
            Material::Ec(kind, _) => *kind,
            Material::Ed25519(_) => KeyKind::Ed25519,
        }
    }

    /// The key as that algorithm uses it.
    pub(crate) fn prepare(&self, algorithm: Algorithm) -> Result<ParsedPublicKey, KeyFault> {
        let prepared = match (&self.material, algorithm) {
            (Material::Rsa { n, e }, _) => {
                let parameters = algorithm.rsa().ok_or(KeyFault::AlgorithmUnsupported)?;
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters)
            }
            (Material::Ec(KeyKind::P256, point), Algorithm::Es256) => {
                ParsedPublicKey::new(&lc::ECDSA_P256_SHA256_FIXED, point)
            }
            (Material::Ec(KeyKind::P384, point), Algorithm::Es384) => {
                ParsedPublicKey::new(&lc::ECDSA_P384_SHA384_FIXED, point)
            }
            (Material::Ed25519(key), Algorithm::EdDsa) => ParsedPublicKey::new(&lc::ED25519, key),
            _ => return Err(KeyFault::AlgorithmUnsupported),
        };
        prepared.map_err(|_| KeyFault::Malformed)
    }

    /// The SHA-256 thumbprint of RFC 7638, in base64url.
    pub(crate) fn thumbprint(&self) -> String {
        base64url(&sha256(self.canonical.as_bytes()))
    }
}

fn rsa(jwk: &Object<'_>) -> Result<PublicKey, KeyFault> {
    let n = number(jwk, "n", None)?;
    let e = number(jwk, "e", None)?;
    let canonical = format!(
        r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#,
        base64url(&e),
        base64url(&n)
    );
    // Some issuers write the modulus with the zero byte of a signed number.
    let n = without_leading_zeros(n);
    let e = without_leading_zeros(e);
    let leading = n.first().map_or(0, |first| first.leading_zeros() as usize);
    if !(2048..=8192).contains(&(n.len() * 8 - leading)) {
        return Err(KeyFault::WrongSize);
    }
    let is_odd = e.last().is_some_and(|last| last & 1 == 1);
    if !is_odd || e.len() > 5 || e == [1] {
        return Err(KeyFault::Malformed);
    }
    Ok(PublicKey {
        material: Material::Rsa { n, e },
        canonical,
    })
}

fn ec(jwk: &Object<'_>, kind: KeyKind, curve: &str, length: usize) -> Result<PublicKey, KeyFault> {
    let x = number(jwk, "x", Some(length))?;
    let y = number(jwk, "y", Some(length))?;
    let canonical = format!(
        r#"{{"crv":"{curve}","kty":"EC","x":"{}","y":"{}"}}"#,
        base64url(&x),
        base64url(&y)
    );
    let point = [&[4], x.as_slice(), &y].concat();
    Ok(PublicKey {
        material: Material::Ec(kind, point),
        canonical,
    })
}

fn without_leading_zeros(mut bytes: Vec<u8>) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.drain(..zeros);
    bytes
}

fn text(jwk: &Object<'_>, name: &str) -> Result<String, KeyFault> {
    match jwk.string(name) {
        Ok(Some(value)) => Ok(value.into_owned()),
        _ => Err(KeyFault::Malformed),
    }
}

fn number(jwk: &Object<'_>, name: &str, length: Option<usize>) -> Result<Vec<u8>, KeyFault> {
    let bytes = from_base64url(&text(jwk, name)?).ok_or(KeyFault::Malformed)?;
    let fits = length.map_or(!bytes.is_empty(), |length| bytes.len() == length);
    fits.then_some(bytes).ok_or(KeyFault::Malformed)
}
