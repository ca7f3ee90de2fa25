//! Whether the person in front of the browser is the one for whom a link was made.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_mcp::json;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;

use super::{Person, Ticket};
use crate::callback::Identity;
use crate::fault::Fault;
use crate::front::{Front, Visit};
use crate::issuer::Issuer;

/// How far clocks may be apart, in seconds.
const SKEW: u64 = 60;
const MAX_CLAIMS: usize = 64 * 1024;

/// How it is shown.
pub(super) enum Means<'a> {
    /// By the request itself.
    Known,
    /// By the code that the ticket has.
    Code,
    /// By a sign-in at this issuer.
    SignIn(&'a Issuer),
}

impl Ticket {
    /// # Errors
    /// When the request itself shows that it is somebody else.
    pub(super) fn means<'a>(
        &self,
        front: &'a Front,
        visit: &Visit<'_>,
    ) -> Result<Means<'a>, Fault> {
        match visit.facts.principal {
            Some(principal) if principal == self.person.principal => return Ok(Means::Known),
            Some(_) => return Err(Fault::OTHER_PERSON),
            None if self.wants_code() => return Ok(Means::Code),
            None => {}
        }
        let issuer = self.person.issuer.as_ref();
        let issuer = issuer.and_then(|name| front.issuers.get(name));
        issuer.map(Means::SignIn).ok_or(Fault::TICKET)
    }
}

/// The claims of an ID token that count here.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Value,
    exp: u64,
    sub: String,
    oid: Option<String>,
    tid: Option<String>,
}

/// Compares who signed in with who was invited. The ID token came straight from the token endpoint
/// of the issuer over a connection that proves who it is, which stands for its signature (OpenID
/// Connect Core section 3.1.3.7, number 6); its nonce has been compared.
pub(super) fn check_person(
    person: &Person,
    issuer: &Issuer,
    identity: &Identity<'_>,
    now: u64,
) -> Result<(), Fault> {
    const UNUSABLE: Fault = Fault::sign_in("sign-in-id-token");
    let claims = claims(identity).ok_or(UNUSABLE)?;
    let tenant = claims.tid.as_deref().unwrap_or_default();
    // The document of several tenants names none of them.
    let expected = identity.issuer.replace("{tenantid}", tenant);
    let is_for_us = match &claims.aud {
        Value::String(audience) => audience == issuer.client_id(),
        Value::Array(audiences) => {
            matches!(audiences.as_slice(), [Value::String(only)] if only == issuer.client_id())
        }
        _ => false,
    };
    if claims.iss != expected || !is_for_us || claims.exp.saturating_add(SKEW) <= now {
        return Err(UNUSABLE);
    }
    let is_same = person.issuer.as_deref() == Some(issuer.name.as_str())
        && match issuer.is_entra {
            true => {
                claims.oid.as_deref() == Some(person.subject.as_str())
                    && claims.tid.is_some()
                    && claims.tid == person.tenant
            }
            false => claims.sub == person.subject,
        };
    match is_same {
        true => Ok(()),
        false => Err(Fault::OTHER_PERSON),
    }
}

fn claims(identity: &Identity<'_>) -> Option<Claims> {
    let token = identity.tokens.id_token.as_ref()?.expose_secret();
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let limits = json::Limits {
        max_bytes: MAX_CLAIMS,
        max_depth: 16,
    };
    serde_json::from_str(json::check(&payload, &limits).ok()?).ok()
}
