//! What an issuer says about an opaque token (RFC 7662).

use crate::claims::{Claims, strict_object};
use crate::identity::Identity;
use crate::issuer::{Issuer, IssuerKind};
use crate::rejection::Rejection;
use crate::validate::{Expected, judge};

/// Longest answer that is read, in bytes.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Judges the body of an introspection endpoint's answer as a token's claims are judged: `active`
/// must be true, and `iss`, `aud`, `exp` and `sub` must be there. The profile's `required_claims`
/// apply too.
///
/// # Errors
/// [`Rejection::TokenInactive`], [`Rejection::IntrospectionMalformed`],
/// [`Rejection::IntrospectionNotAccepted`] for Entra and SPIFFE, and everything from
/// [`Rejection::ClaimWrongKind`] on.
pub fn from_introspection(
    body: &[u8],
    issuer: &Issuer,
    expected: &Expected<'_>,
) -> Result<Identity, Rejection> {
    let malformed = Rejection::IntrospectionMalformed;
    if !matches!(issuer.kind, IssuerKind::Standard) {
        return Err(Rejection::IntrospectionNotAccepted);
    }
    let text = strict_object(body, MAX_ANSWER_BYTES, malformed)?;
    let claims = Claims::read(text).map_err(|_| malformed)?;
    match claims.raw("active") {
        Some("true") => {}
        Some("false") => return Err(Rejection::TokenInactive),
        _ => return Err(malformed),
    }
    judge(&claims, issuer, None, expected)
}

#[cfg(test)]
mod tests;
