//! Clients: how they authenticate, register, and what they may ask and end.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::{Value, json};

use super::misbehaviour::Misbehaviour;
use super::settings::ProviderClient;
use super::state::{Refusal, State, merge};
use crate::jose::{self, Parts};
use crate::web::{Answer, Asked, Parameters, lock};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

impl State {
    /// The client of a request, by the one method that its registration allows.
    pub(super) fn authenticate(
        &self,
        asked: &Asked,
        form: &Parameters,
    ) -> Result<ProviderClient, Refusal> {
        let refused = Refusal("invalid_client", "client authentication failed");
        let basic = basic(asked);
        let assertion = form.get("client_assertion").and_then(Parts::read);
        let named = form
            .get("client_id")
            .or(basic.as_ref().map(|(id, _)| id.as_str()))
            .or(assertion.as_ref().map(|parts| parts.claim("sub")));
        let client = named
            .and_then(|id| self.client_named(id))
            .ok_or(refused.clone())?;
        let secret = basic
            .as_ref()
            .map(|(_, secret)| secret.as_str())
            .or(form.get("client_secret"));
        let good = match (&client.secret, assertion) {
            (_, Some(parts)) => {
                let text = form.get("client_assertion").unwrap_or_default();
                form.get("client_assertion_type") == Some(ASSERTION_TYPE)
                    && self.is_from(&client, text, &parts)
            }
            (Some(known), None) => secret == Some(known),
            (None, None) => secret.is_none() && client.keys.is_empty(),
        };
        if good { Ok(client) } else { Err(refused) }
    }

    /// `private_key_jwt` (OpenID Connect Core, section 9).
    fn is_from(&self, client: &ProviderClient, assertion: &str, parts: &Parts) -> bool {
        let expires = parts.claims.get("exp").and_then(Value::as_u64);
        let endpoint = self.metadata.get("token_endpoint").and_then(Value::as_str);
        let audience = parts.claim("aud");
        parts.claim("iss") == client.id
            && parts.claim("sub") == client.id
            && !parts.claim("jti").is_empty()
            && (audience == self.issuer() || Some(audience) == endpoint)
            && expires.is_some_and(|expires| expires > self.now())
            && client
                .keys
                .iter()
                .any(|key| jose::is_signed_by(assertion, key))
    }

    /// RFC 7662.
    pub(super) fn introspect(&self, asked: &Asked) -> Answer {
        let form = asked.form();
        match self.authenticate(asked, &form) {
            Ok(client) if client.secret.is_none() && client.keys.is_empty() => {
                return Refusal("invalid_client", "a public client may not ask").to_answer();
            }
            Ok(_) => {}
            Err(refusal) => return refusal.to_answer(),
        }
        let token = form.get("token").unwrap_or_default();
        let claims = lock(&self.access).get(token).cloned();
        let mut body = match claims {
            Some(claims) if claims.get("exp").and_then(Value::as_u64) > Some(self.now()) => {
                let mut body = claims;
                merge(
                    &mut body,
                    Some(&json!({"active": true, "token_type": "Bearer"})),
                );
                body
            }
            _ => json!({"active": false}),
        };
        let changes = self.misbehaves(|one| match one {
            Misbehaviour::Introspected(changes) => Some(changes.clone()),
            _ => None,
        });
        merge(&mut body, changes.as_ref());
        Answer::json(StatusCode::OK, &body)
    }

    /// RFC 7009. An unknown token is as good as a revoked one.
    pub(super) fn revoke(&self, asked: &Asked) -> Answer {
        let form = asked.form();
        let client = match self.authenticate(asked, &form) {
            Ok(client) => client,
            Err(refusal) => return refusal.to_answer(),
        };
        let token = form.get("token").unwrap_or_default();
        lock(&self.access).remove(token);
        let mut tokens = lock(&self.refresh);
        let family = tokens
            .get(token)
            .filter(|grant| grant.client == client.id)
            .map(|grant| grant.family.clone());
        if let Some(family) = family {
            tokens.retain(|_, grant| grant.family != family);
        }
        Answer::json(StatusCode::OK, &json!({}))
    }

    /// RFC 7591.
    pub(super) fn register(&self, asked: &Asked) -> Answer {
        let mut body = asked.json();
        let uris: Vec<String> = body
            .get("redirect_uris")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        let safe = |uri: &String| url::Url::parse(uri).is_ok_and(|url| url.fragment().is_none());
        if uris.is_empty() || !uris.iter().all(safe) {
            return Refusal("invalid_redirect_uri", "redirect_uris are missing or wrong")
                .to_answer();
        }
        let method = body
            .get("token_endpoint_auth_method")
            .and_then(Value::as_str)
            .unwrap_or("client_secret_basic");
        let secret = method.starts_with("client_secret").then(jose::random);
        let client = ProviderClient {
            id: jose::random(),
            secret,
            redirect_uris: uris,
            ..ProviderClient::default()
        };
        let mut registered = json!({"client_id": client.id, "client_id_issued_at": self.now()});
        if let (Some(secret), Some(members)) = (&client.secret, registered.as_object_mut()) {
            members.insert("client_secret".into(), secret.as_str().into());
            members.insert("client_secret_expires_at".into(), 0.into());
        }
        merge(&mut body, Some(&registered));
        lock(&self.clients).push(client);
        Answer::json(StatusCode::CREATED, &body)
    }
}

/// Id and secret from `Authorization: Basic`, both form-encoded (RFC 6749, section 2.3.1).
fn basic(asked: &Asked) -> Option<(String, String)> {
    let encoded = asked.header("authorization")?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decoded = |part: &str| {
        let pairs = Parameters::parse(format!("part={part}").as_bytes());
        pairs.get("part").unwrap_or_default().to_owned()
    };
    Some((decoded(id), decoded(secret)))
}
