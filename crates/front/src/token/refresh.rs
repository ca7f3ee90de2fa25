//! Refresh tokens of ours (RFC 6749 section 6, OAuth 2.1 section 4.3).
//!
//! A refresh token is the issuer's one, sealed: the database has none. It is good once; the answer
//! has the next one. One that comes a second time is in two hands, and ends its family.

use bytes::Bytes;
use http::Response;
use portcullis_oauth::{Asked, Resource, TokenError, TokenHint};
use portcullis_vault::Secret;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{Refusal, answer, check_resource, invalid_grant, invalid_request};
use crate::answer::OauthError;
use crate::event::{Event, EventKind};
use crate::family::Family;
use crate::front::{Front, Visit};
use crate::issuer::Issuer;
use crate::parameters::Parameters;
use crate::refused::{Refused, chain};
use crate::sealing::{Purpose, digest, random_token};

/// What all refresh tokens of a family have in common.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Grant {
    pub(super) family: String,
    pub(super) ends_us: i64,
    /// Digest of the client's id.
    pub(super) client: String,
    pub(super) resource: String,
    /// As the client calls them.
    pub(super) scopes: Vec<String>,
}

/// A refresh token, opened.
struct Opened {
    id: String,
    grant: Grant,
    upstream: SecretString,
}

impl Grant {
    /// A refresh token for the client.
    pub(super) fn seal(
        &self,
        front: &Front,
        issuer: &Issuer,
        upstream: &SecretString,
    ) -> Result<String, Refusal> {
        let head = serde_json::to_vec(&(random_token()?, self)).map_err(|error| {
            Refused::because(OauthError::server("the gateway has a problem"), error)
        })?;
        // The issuer's token stands behind the rest, so that no copy of it is made on the way.
        let upstream = upstream.expose_secret().as_bytes();
        let mut content = Zeroizing::new(Vec::with_capacity(head.len() + 1 + upstream.len()));
        content.extend_from_slice(&head);
        content.push(b'\n');
        content.extend_from_slice(upstream);
        let key = &front.context.key;
        Ok(key.seal_text(Purpose::Refresh, &issuer.name, content)?)
    }
}

pub(super) async fn refresh(
    front: &Front,
    issuer: &Issuer,
    visit: &Visit<'_>,
    client: &str,
    parameters: &Parameters,
) -> Result<Response<Bytes>, Refusal> {
    let token = parameters
        .get("refresh_token")
        .ok_or(invalid_request("refresh_token is missing"))?;
    let opened = open(front, issuer, token)
        .filter(|opened| opened.grant.client == digest(client))
        .ok_or(invalid_grant(
            "the refresh token is not good for this client",
        ))?;
    let grant = &opened.grant;
    let family = Family {
        id: &grant.family,
        ends_us: grant.ends_us,
    };
    if grant.ends_us <= front.us_in(0) || family.is_revoked(front, client).await? {
        return Err(invalid_grant("the sign-in has ended").into());
    }
    check_resource(front, parameters, &grant.resource)?;
    let scopes = scopes(grant, parameters)?;
    let used = format!("front-refresh-used:{}", digest(&opened.id));
    let store = &front.context.store;
    if !store.put_once(&used, b"", grant.ends_us).await? {
        family.end(front, "a refresh token was used twice").await?;
        revoke_upstream(front, issuer, &opened.upstream).await;
        front.tell(Event {
            client: Some(client.to_owned()),
            subject: Some(grant.family.clone()),
            ..visit.event(EventKind::RefreshReplayed, Some(issuer))
        });
        return Err(invalid_grant("the refresh token was used before").into());
    }
    let tokens = match ask(front, issuer, &opened, &scopes).await {
        Ok(tokens) => tokens,
        Err((error, may_try_again)) => {
            if may_try_again {
                store.take(&used, front.us_in(0)).await?;
            }
            return Err(error);
        }
    };
    if !family.gave(front, client, &tokens.access).await? {
        let newest = tokens.refresh.as_ref().unwrap_or(&opened.upstream);
        revoke_upstream(front, issuer, newest).await;
        return Err(invalid_grant("the sign-in has ended").into());
    }
    let upstream = tokens.refresh.as_ref().unwrap_or(&opened.upstream);
    let next = grant.seal(front, issuer, upstream)?;
    front.tell(Event {
        client: Some(client.to_owned()),
        subject: Some(grant.family.clone()),
        ..visit.event(EventKind::TokensRefreshed, Some(issuer))
    });
    let granted = issuer.unqualified(&tokens.scopes, &scopes);
    Ok(answer(front, &tokens, &granted, Some(next)))
}

/// New tokens of the issuer, or why there are none and whether the refresh token stays good.
async fn ask(
    front: &Front,
    issuer: &Issuer,
    opened: &Opened,
    scopes: &[String],
) -> Result<portcullis_oauth::Tokens, (Refusal, bool)> {
    const DOWN: OauthError = OauthError::unavailable("the sign-in service cannot be reached");
    let down = |cause| (Refused::because(DOWN, cause), true);
    let server = issuer.server().await.map_err(down)?;
    let client = issuer.token_client(&server).map_err(down)?;
    let resource = match issuer.is_entra {
        true => None,
        false => Resource::parse(&opened.grant.resource).ok(),
    };
    let asked = Asked {
        resource: resource.as_ref(),
        scopes: &issuer.qualified(scopes, true, &server),
    };
    let given = client.refresh(&opened.upstream, asked, front.now()).await;
    given.map_err(|error| match &error {
        TokenError::InteractionRequired(_) => {
            const AGAIN: OauthError = invalid_grant("the person has to sign in again");
            (Refused::because(AGAIN, error), false)
        }
        _ if error.is_invalid_grant() => {
            const OVER: OauthError = invalid_grant("the sign-in has ended at the sign-in service");
            (Refused::because(OVER, error), false)
        }
        // Whatever else is wrong is not the client's fault, and may be put right.
        _ => (Refused::because(DOWN, error), true),
    })
}

fn open(front: &Front, issuer: &Issuer, token: &str) -> Option<Opened> {
    let key = &front.context.key;
    let content: Secret = key.open_text(Purpose::Refresh, &issuer.name, token)?;
    let mut parts = content.expose().splitn(2, |byte| *byte == b'\n');
    let (id, grant) = serde_json::from_slice(parts.next()?).ok()?;
    let upstream = std::str::from_utf8(parts.next()?).ok()?;
    Some(Opened {
        id,
        grant,
        upstream: SecretString::from(upstream),
    })
}

/// As many scopes as before, or fewer.
fn scopes(grant: &Grant, parameters: &Parameters) -> Result<Vec<String>, OauthError> {
    let Some(asked) = parameters.get("scope") else {
        return Ok(grant.scopes.clone());
    };
    let mut scopes = Vec::new();
    for scope in asked.split(' ').filter(|scope| !scope.is_empty()) {
        match grant.scopes.iter().any(|own| own == scope) {
            true => scopes.push(scope.to_owned()),
            false if scope == "offline_access" => {}
            false => {
                return Err(OauthError::new(
                    "invalid_scope",
                    "a scope was not given before",
                ));
            }
        }
    }
    match scopes.is_empty() {
        true => Ok(grant.scopes.clone()),
        false => Ok(scopes),
    }
}

/// Gives the issuer's refresh token back where the issuer takes it (RFC 7009). The family has ended
/// here whatever comes of it.
async fn revoke_upstream(front: &Front, issuer: &Issuer, token: &SecretString) {
    let Ok(server) = issuer.server().await else {
        return;
    };
    let Some(endpoint) = &server.revocation_endpoint else {
        return;
    };
    let channel = issuer.channel(&server);
    let revoked = channel.revoke(endpoint, token, TokenHint::Refresh, front.now());
    if let Err(error) = revoked.await {
        tracing::warn!(
            issuer = issuer.name,
            cause = chain(&error),
            "a refresh token is not revoked at its issuer"
        );
    }
}
