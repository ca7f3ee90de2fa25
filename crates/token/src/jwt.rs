//! Strict reading of a compact JWS (RFC 7515, RFC 7519), before anything in it is believed.

use std::borrow::Cow;

use aws_lc_rs::signature::ParsedPublicKey;

use crate::claims::{Claims, strict_object};
use crate::encoding::{from_base64url, sha256};
use crate::rejection::Rejection;

/// Longest token that is looked at, in bytes. A longer one is refused before it is decoded.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// What a token says about itself, unverified: enough to choose an issuer's profile and a key, and
/// good for nothing else.
pub struct Peeked<'a> {
    pub(crate) jws: Jws<'a>,
    issuer: Option<String>,
    subject: Option<String>,
    version: Option<String>,
    tenant: Option<String>,
}

/// Reads a token without believing it.
///
/// # Errors
/// What is wrong with its form: everything up to [`Rejection::KeyInHeader`], and
/// [`Rejection::ClaimWrongKind`].
pub fn peek(token: &str) -> Result<Peeked<'_>, Rejection> {
    let jws = Jws::read(token, HeaderUse::AccessToken)?;
    let claims = Claims::read(&jws.payload)?;
    let owned = |name| Ok(claims.text(name)?.map(Cow::into_owned));
    // Others than Entra give these names to other things.
    let hint = |name| claims.text(name).ok().flatten().map(Cow::into_owned);
    Ok(Peeked {
        issuer: owned("iss")?,
        subject: owned("sub")?,
        version: hint("ver"),
        tenant: hint("tid"),
        jws,
    })
}

impl Peeked<'_> {
    /// `iss`, unverified.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// `sub`, unverified.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The header's `kid`, unverified.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.jws.header.key_id.as_deref()
    }

    /// The header's `alg`, unverified.
    #[must_use]
    pub fn algorithm(&self) -> &str {
        &self.jws.header.algorithm
    }

    /// The header's `typ`, unverified.
    #[must_use]
    pub fn token_type(&self) -> Option<&str> {
        self.jws.header.token_type.as_deref()
    }

    /// Entra's `ver`, unverified.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Entra's `tid`, unverified.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

impl std::fmt::Debug for Peeked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peeked")
            .field("issuer", &self.issuer)
            .field("key_id", &self.jws.header.key_id)
            .finish_non_exhaustive()
    }
}

/// What a compact JWS is read as; its header may hold different things.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderUse {
    /// No member may name or hold a key.
    AccessToken,
    /// `jwk` holds the key (RFC 9449 section 4.2).
    Proof,
}

/// The three parts of a compact JWS, decoded. Its signature is not checked by reading it.
pub(crate) struct Jws<'a> {
    /// What is signed: the first two parts as they stand in the token.
    signed: &'a str,
    pub(crate) header: Header,
    /// A strict JSON object.
    pub(crate) payload: String,
    signature: Vec<u8>,
}

/// The members of a header that are used.
pub(crate) struct Header {
    pub(crate) algorithm: String,
    pub(crate) key_id: Option<String>,
    pub(crate) token_type: Option<String>,
    /// The raw `jwk` of a proof.
    pub(crate) key: Option<String>,
}

impl<'a> Jws<'a> {
    pub(crate) fn read(token: &'a str, header_use: HeaderUse) -> Result<Jws<'a>, Rejection> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Rejection::TokenTooLarge);
        }
        match token.bytes().filter(|byte| *byte == b'.').count() {
            2 => {}
            4 => return Err(Rejection::TokenEncrypted),
            _ => return Err(Rejection::TokenMalformed),
        }
        let malformed = Rejection::TokenMalformed;
        let (signed, signature) = token.rsplit_once('.').ok_or(malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(malformed)?;
        let header = from_base64url(header).ok_or(malformed)?;
        let payload = from_base64url(payload).ok_or(malformed)?;
        let signature = from_base64url(signature).ok_or(malformed)?;
        let header = Header::read(&header, header_use)?;
        // `{"`, encoded: a token that does not say that it holds another one.
        if payload.starts_with(b"eyJ") {
            return Err(Rejection::NestedToken);
        }
        strict_object(&payload, MAX_TOKEN_BYTES, Rejection::ClaimsMalformed)?;
        let payload = String::from_utf8(payload).map_err(|_| Rejection::ClaimsMalformed)?;
        Ok(Jws {
            signed,
            header,
            payload,
            signature,
        })
    }

    /// The SHA-256 of the whole: header, claims and signature.
    pub(crate) fn digest(&self) -> [u8; 32] {
        sha256(&[self.signed.as_bytes(), b".", &self.signature].concat())
    }

    /// Whether the signature is that key's.
    pub(crate) fn is_signed_by(&self, key: &ParsedPublicKey) -> bool {
        key.verify_sig(self.signed.as_bytes(), &self.signature)
            .is_ok()
    }
}

impl Header {
    fn read(bytes: &[u8], header_use: HeaderUse) -> Result<Header, Rejection> {
        let malformed = Rejection::HeaderMalformed;
        let text = strict_object(bytes, MAX_TOKEN_BYTES, malformed)?;
        let members = Claims::read(text).map_err(|_| malformed)?;
        if members.has("crit") {
            return Err(Rejection::CriticalHeader);
        }
        if members.has("b64") {
            return Err(Rejection::UnencodedPayload);
        }
        let word = |name| match members.text(name) {
            Ok(value) => Ok(value.map(Cow::into_owned)),
            Err(_) => Err(malformed),
        };
        if let Some(content) = word("cty")?
            && is_media_type(&content, "JWT")
        {
            return Err(Rejection::NestedToken);
        }
        if ["jku", "x5u", "x5c"].iter().any(|name| members.has(name))
            || (header_use == HeaderUse::AccessToken && members.has("jwk"))
        {
            return Err(Rejection::KeyInHeader);
        }
        Ok(Header {
            algorithm: word("alg")?.ok_or(malformed)?,
            key_id: word("kid")?,
            token_type: word("typ")?,
            key: members.raw("jwk").map(str::to_owned),
        })
    }
}

/// Whether a `typ` or `cty` names this media type; `application/` may be left out, and letters may be
/// of either case (RFC 7515 section 4.1.9).
pub(crate) fn is_media_type(value: &str, name: &str) -> bool {
    let bare = match value.split_once('/') {
        Some((kind, rest)) if kind.eq_ignore_ascii_case("application") => rest,
        _ => value,
    };
    bare.eq_ignore_ascii_case(name)
}

#[cfg(test)]
mod tests;
