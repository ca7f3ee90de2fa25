//! Authorization codes of ours (OAuth 2.1 section 4.1.3, RFC 7636 section 4.6).
//!
//! A code stands for the issuer's tokens, which lie sealed in the store until it is redeemed: at
//! most two minutes. It is bound to its client, redirect URI, challenge and resource.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Response;
use portcullis_oauth::{Scopes, TokenType, Tokens};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Refusal, answer, check_resource, invalid_grant, invalid_request, refresh};
use crate::authorize::Asked;
use crate::event::{Event, EventKind};
use crate::family::Family;
use crate::fault::Fault;
use crate::front::{Front, Visit};
use crate::issuer::Issuer;
use crate::parameters::Parameters;
use crate::refused::Refused;
use crate::sealing::{Purpose, digest, random_token, same};

/// Seconds.
const LIFETIME: u64 = 120;
/// How long a code that was redeemed is recognised, in seconds.
const MEMORY: u64 = 24 * 3600;

/// What a code stands for.
#[derive(Deserialize)]
struct Record {
    client: String,
    redirect: String,
    challenge: String,
    resource: String,
    family: String,
    ends_us: i64,
    scopes: Vec<String>,
    lasting: bool,
    #[serde(deserialize_with = "secret")]
    access: SecretString,
    #[serde(deserialize_with = "maybe_secret")]
    refresh: Option<SecretString>,
    expires_at: Option<u64>,
    granted: Vec<String>,
}

/// What is known of a code after it was redeemed.
#[derive(Serialize, Deserialize)]
struct Trace {
    family: String,
    ends_us: i64,
    client: String,
    expires: u64,
}

/// Makes a code for tokens that the issuer gave.
pub(crate) async fn issue(
    front: &Front,
    issuer: &Issuer,
    asked: &Asked,
    tokens: &Tokens,
) -> Result<String, Refused<Fault>> {
    let code = random_token()?;
    let family = random_token()?;
    let lifetime = issuer
        .door
        .as_ref()
        .map_or(0, |door| door.consent_lifetime.as_secs());
    let ends_us = front.us_in(lifetime);
    let record = Zeroizing::new(
        json!({
            "client": asked.client_id,
            "redirect": asked.back.redirect,
            "challenge": asked.challenge,
            "resource": asked.resource,
            "family": family,
            "ends_us": ends_us,
            "scopes": asked.scopes,
            "lasting": asked.lasting,
            "access": tokens.access.expose_secret(),
            "refresh": tokens.refresh.as_ref().map(|token| token.expose_secret()),
            "expires_at": tokens.expires_at,
            "granted": tokens.scopes.iter().collect::<Vec<_>>(),
        })
        .to_string()
        .into_bytes(),
    );
    let trace = Trace {
        family,
        ends_us,
        client: asked.client_id.clone(),
        expires: front.now() + LIFETIME,
    };
    let trace =
        serde_json::to_vec(&trace).map_err(|error| Refused::because(Fault::UNAVAILABLE, error))?;
    let store = &front.context.store;
    store
        .put_once(&trace_key(&code), &trace, front.us_in(MEMORY))
        .await?;
    let key = key(&code);
    let sealed = front
        .context
        .key
        .seal(Purpose::Code, &place(issuer, &key), record)?;
    match store.put_once(&key, &sealed, front.us_in(LIFETIME)).await? {
        true => Ok(code),
        false => Err(Fault::UNAVAILABLE.into()),
    }
}

/// Gives the tokens for a code. Whatever is wrong, the code is gone afterwards.
pub(super) async fn redeem(
    front: &Front,
    issuer: &Issuer,
    visit: &Visit<'_>,
    client: &str,
    parameters: &Parameters,
) -> Result<Response<Bytes>, Refusal> {
    let required = |name: &str| parameters.get(name);
    let (Some(code), Some(redirect), Some(verifier)) = (
        required("code"),
        required("redirect_uri"),
        required("code_verifier"),
    ) else {
        return Err(invalid_request("code, redirect_uri or code_verifier is missing").into());
    };
    let key = key(code);
    let Some(sealed) = front.context.store.take(&key, front.us_in(0)).await? else {
        return Err(replayed(front, issuer, visit, code).await?.into());
    };
    let unknown = || invalid_grant("the code is not known");
    let opened = front
        .context
        .key
        .open(Purpose::Code, &place(issuer, &key), &sealed)
        .ok_or_else(unknown)?;
    let record: Record = serde_json::from_slice(opened.expose()).map_err(|_| unknown())?;
    if record.client != client {
        return Err(invalid_grant("the code was given to another client").into());
    }
    if record.redirect != redirect {
        return Err(invalid_grant("redirect_uri is another one than before").into());
    }
    if !proves(verifier, &record.challenge) {
        return Err(invalid_grant("code_verifier does not fit the challenge").into());
    }
    check_resource(front, parameters, &record.resource)?;
    give(front, issuer, visit, record).await
}

async fn give(
    front: &Front,
    issuer: &Issuer,
    visit: &Visit<'_>,
    record: Record,
) -> Result<Response<Bytes>, Refusal> {
    let family = Family {
        id: &record.family,
        ends_us: record.ends_us,
    };
    if !family.gave(front, &record.client, &record.access).await? {
        return Err(invalid_grant("the sign-in was ended").into());
    }
    let granted = Scopes::of(record.granted.iter().map(String::as_str)).unwrap_or_default();
    let tokens = Tokens {
        access: record.access,
        token_type: TokenType::Bearer,
        expires_at: record.expires_at,
        refresh: record.refresh,
        scopes: granted,
        id_token: None,
        issued_token_type: None,
    };
    let grant = refresh::Grant {
        family: record.family.clone(),
        ends_us: record.ends_us,
        client: digest(&record.client),
        resource: record.resource,
        scopes: record.scopes,
    };
    let refresh = match (&tokens.refresh, record.lasting) {
        (Some(upstream), true) => Some(grant.seal(front, issuer, upstream)?),
        _ => None,
    };
    front.tell(Event {
        client: Some(record.client),
        subject: Some(record.family),
        ..visit.event(EventKind::TokensIssued, Some(issuer))
    });
    let scopes = issuer.unqualified(&tokens.scopes, &grant.scopes);
    Ok(answer(front, &tokens, &scopes, refresh))
}

/// A code that is not there. If it was redeemed before, two have it: what it gave is revoked
/// (RFC 6749 section 4.1.2).
async fn replayed(
    front: &Front,
    issuer: &Issuer,
    visit: &Visit<'_>,
    code: &str,
) -> Result<crate::answer::OauthError, Refusal> {
    let unknown = invalid_grant("the code is not known, expired, or used");
    let store = &front.context.store;
    let Some(trace) = store.take(&trace_key(code), front.us_in(0)).await? else {
        return Ok(unknown);
    };
    let Ok(trace) = serde_json::from_slice::<Trace>(&trace) else {
        return Ok(unknown);
    };
    let family = Family {
        id: &trace.family,
        ends_us: trace.ends_us,
    };
    family
        .end(front, "its authorization code was used twice")
        .await?;
    // A code that merely expired is gone, too. Only before that is it certain that it was used.
    if front.now() < trace.expires {
        front.tell(Event {
            client: Some(trace.client),
            subject: Some(trace.family),
            ..visit.event(EventKind::CodeReplayed, Some(issuer))
        });
    }
    Ok(unknown)
}

/// RFC 7636 section 4.6, for S256. A verifier has 43 to 128 unreserved characters.
fn proves(verifier: &str, challenge: &str) -> bool {
    let is_verifier = (43..=128).contains(&verifier.len())
        && verifier
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    is_verifier && same(&URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)), challenge)
}

fn key(code: &str) -> String {
    format!("front-code:{}", digest(code))
}

fn trace_key(code: &str) -> String {
    format!("front-code-trace:{}", digest(code))
}

fn place(issuer: &Issuer, key: &str) -> String {
    format!("{} {key}", issuer.name)
}

fn secret<'de, D: serde::Deserializer<'de>>(from: D) -> Result<SecretString, D::Error> {
    String::deserialize(from).map(SecretString::from)
}

fn maybe_secret<'de, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<Option<SecretString>, D::Error> {
    Option::<String>::deserialize(from).map(|text| text.map(SecretString::from))
}
