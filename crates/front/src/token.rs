//! The token endpoint of a front door (RFC 6749 section 3.2), for public clients.

mod code;
mod refresh;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Response, StatusCode};
use portcullis_oauth::Tokens;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::answer::{self, OauthError};
use crate::front::{Front, Visit};
use crate::issuer::Issuer;
use crate::parameters::Parameters;
use crate::refused::Refused;

pub(crate) use code::issue;

type Refusal = Refused<OauthError>;

pub(crate) async fn token(
    front: &Front,
    issuer: &Issuer,
    visit: &Visit<'_>,
) -> Result<Response<Bytes>, Refusal> {
    if !visit.is_form() {
        return Err(invalid_request("the body is no form").into());
    }
    let parameters = Parameters::parse(visit.body)
        .map_err(|_| invalid_request("a parameter stands there twice"))?;
    let proves = visit.head.headers.contains_key(AUTHORIZATION)
        || parameters.get("client_secret").is_some()
        || parameters.get("client_assertion").is_some();
    if proves {
        return Err(OauthError::invalid_client("clients are public here and prove nothing").into());
    }
    let client = parameters
        .get("client_id")
        .ok_or(invalid_request("client_id is missing"))?;
    match parameters.get("grant_type") {
        Some("authorization_code") => code::redeem(front, issuer, visit, client, &parameters).await,
        Some("refresh_token") => refresh::refresh(front, issuer, visit, client, &parameters).await,
        Some(_) => Err(OauthError::new(
            "unsupported_grant_type",
            "the grants are authorization_code and refresh_token",
        )
        .into()),
        None => Err(invalid_request("grant_type is missing").into()),
    }
}

/// The answer with tokens (RFC 6749 section 5.1). An ID token of the issuer is for the gateway and
/// is not passed on.
fn answer(
    front: &Front,
    tokens: &Tokens,
    scopes: &[String],
    refresh: Option<String>,
) -> Response<Bytes> {
    let mut body = json!({
        "access_token": tokens.access.expose_secret(),
        "token_type": "Bearer",
    });
    if let Some(members) = body.as_object_mut() {
        let life = tokens
            .expires_at
            .map(|at| at.saturating_sub(front.now()).into());
        let rest: [(&str, Option<Value>); 3] = [
            ("expires_in", life),
            ("refresh_token", refresh.map(Value::from)),
            (
                "scope",
                (!scopes.is_empty()).then(|| scopes.join(" ").into()),
            ),
        ];
        let rest = rest.into_iter();
        members.extend(rest.filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    answer::json(StatusCode::OK, body.to_string())
}

/// `resource` at the token endpoint says again what was asked for, or nothing (RFC 8707).
fn check_resource(
    front: &Front,
    parameters: &Parameters,
    resource: &str,
) -> Result<(), OauthError> {
    let is_same = |asked: &str| {
        let mut resources = front.resources.iter();
        resources.any(|own| own.url == resource && own.is_meant(asked))
    };
    match parameters.get("resource") {
        Some(asked) if !is_same(asked) => Err(OauthError::new(
            "invalid_target",
            "resource is not the one that the person agreed to",
        )),
        _ => Ok(()),
    }
}

const fn invalid_request(description: &'static str) -> OauthError {
    OauthError::new("invalid_request", description)
}

const fn invalid_grant(description: &'static str) -> OauthError {
    OauthError::new("invalid_grant", description)
}
