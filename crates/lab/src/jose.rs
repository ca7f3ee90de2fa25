//! Keys and signed tokens of the lab's issuers (RFC 7515, 7517, 7519). It signs whatever it is given.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use rcgen::{CertificateParams, DnType, KeyPair};
use serde_json::{Map, Value, json};

/// Why a key could not be made or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The key or its certificate could not be made.
    #[error("cannot make a key")]
    Generate(#[from] rcgen::Error),
    /// The key does not fit the algorithm.
    #[error("cannot sign with the key")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

/// A private key with a self-signed certificate.
#[derive(Clone)]
pub struct SigningKey {
    key: EncodingKey,
    algorithm: Algorithm,
    kid: String,
    public: Map<String, Value>,
    private_pem: String,
    certificate: Vec<u8>,
}

impl SigningKey {
    /// A new RSA key of 2048 bits, for RS256 and PS256.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn rsa() -> Result<Self, KeyError> {
        Self::new(
            KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256)?,
            Algorithm::RS256,
        )
    }

    /// A new key on P-256, for ES256.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn ec() -> Result<Self, KeyError> {
        Self::new(
            KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?,
            Algorithm::ES256,
        )
    }

    fn new(pair: KeyPair, algorithm: Algorithm) -> Result<Self, KeyError> {
        let private_pem = pair.serialize_pem();
        let key = match algorithm {
            Algorithm::ES256 => EncodingKey::from_ec_pem(private_pem.as_bytes())?,
            _ => EncodingKey::from_rsa_pem(private_pem.as_bytes())?,
        };
        let mut certificate = CertificateParams::new(Vec::new())?;
        certificate
            .distinguished_name
            .push(DnType::CommonName, "Laboratory key");
        let certificate = certificate.self_signed(&pair)?.der().to_vec();
        let jwk = Jwk::from_encoding_key(&key, algorithm)?;
        let mut public = match serde_json::to_value(jwk) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        };
        public.remove("alg");
        let kid = encode(digest::digest(
            &digest::SHA1_FOR_LEGACY_USE_ONLY,
            &certificate,
        ));
        public.insert("use".into(), "sig".into());
        public.insert("kid".into(), kid.as_str().into());
        Ok(Self {
            key,
            algorithm,
            kid,
            public,
            private_pem,
            certificate,
        })
    }

    /// The key's id: the SHA-1 thumbprint of its certificate, as Entra does it.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key as a JWK with `use` and `kid` (RFC 7517).
    #[must_use]
    pub fn jwk(&self) -> Value {
        Value::Object(self.public.clone())
    }

    /// The public key as a JWK with `x5t` and `x5c` as well.
    #[must_use]
    pub fn jwk_with_certificate(&self) -> Value {
        let mut members = self.public.clone();
        members.insert("x5t".into(), self.kid.as_str().into());
        members.insert("x5c".into(), json!([STANDARD.encode(&self.certificate)]));
        Value::Object(members)
    }

    /// The public key as a JWK with `x5t#S256`: what an application registers for its client assertions.
    #[must_use]
    pub fn client_certificate(&self) -> Value {
        let mut members = self.public.clone();
        members.insert("x5t#S256".into(), self.thumbprint().into());
        Value::Object(members)
    }

    /// The private key as PKCS #8 PEM, for the one who plays the client.
    #[must_use]
    pub fn private_pem(&self) -> &str {
        &self.private_pem
    }

    /// The certificate, DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The certificate's SHA-256 thumbprint, base64url: `x5t#S256` (RFC 7515, section 4.1.8).
    #[must_use]
    pub fn thumbprint(&self) -> String {
        encode(digest::digest(&digest::SHA256, &self.certificate))
    }

    /// Signs the claims under exactly that header. `PS256` in `alg` gives a PS256 signature; any other value gives
    /// the key's own, whatever the header says.
    ///
    /// # Errors
    /// When the key does not fit.
    pub fn sign(&self, header: &Value, claims: &Value) -> Result<String, KeyError> {
        let algorithm = match header.get("alg").and_then(Value::as_str) {
            Some("PS256") => Algorithm::PS256,
            _ => self.algorithm,
        };
        let message = format!(
            "{}.{}",
            encode(header.to_string()),
            encode(claims.to_string())
        );
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, algorithm)?;
        Ok(format!("{message}.{signature}"))
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("SigningKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// A token taken apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parts {
    pub(crate) header: Value,
    pub(crate) claims: Value,
}

impl Parts {
    /// Reads without verifying.
    pub(crate) fn read(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (header, claims) = (parts.next()?, parts.next()?);
        parts.next()?;
        if parts.next().is_some() {
            return None;
        }
        let part = |text: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok();
        Some(Self {
            header: part(header)?,
            claims: part(claims)?,
        })
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        text(&self.header, name)
    }

    pub(crate) fn claim(&self, name: &str) -> &str {
        text(&self.claims, name)
    }
}

/// Whether the key signed the token, by the algorithm that its header names.
pub(crate) fn is_signed_by(token: &str, jwk: &Value) -> bool {
    let verified = || {
        let (message, signature) = token.rsplit_once('.')?;
        let algorithm = Parts::read(token)?
            .header("alg")
            .parse::<Algorithm>()
            .ok()?;
        let jwk: Jwk = serde_json::from_value(jwk.clone()).ok()?;
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, algorithm).ok()
    };
    verified().unwrap_or(false)
}

/// Base64url without padding.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The SHA-256 of the text, base64url.
pub(crate) fn digest_of(text: &str) -> String {
    encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

/// A random text of 22 characters.
pub(crate) fn random() -> String {
    encode(random_bytes())
}

/// A random GUID of version 4.
pub(crate) fn random_guid() -> String {
    let mut number = u128::from_be_bytes(random_bytes());
    number = number & !(0xf << 76) | (0x4 << 76);
    number = number & !(0x3 << 62) | (0x2 << 62);
    let digits = format!("{number:032x}");
    let mut guid = String::with_capacity(36);
    for (place, digit) in digits.chars().enumerate() {
        if matches!(place, 8 | 12 | 16 | 20) {
            guid.push('-');
        }
        guid.push(digit);
    }
    guid
}

/// A lab without randomness repeats itself; what needs to be fresh fails then, which a test sees.
fn random_bytes() -> [u8; 16] {
    let mut bytes = [0; 16];
    let _filled = aws_lc_rs::rand::fill(&mut bytes);
    bytes
}

fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests;
