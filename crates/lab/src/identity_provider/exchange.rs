//! Token exchange (RFC 8693), and identity assertions (ID-JAG) both ways.

use serde_json::{Value, json};

use super::settings::ProviderClient;
use super::state::{Grant, Refusal, State};
use crate::jose::{self, Parts};
use crate::web::{Parameters, lock};

/// The grant type of RFC 8693.
pub(super) const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// The grant type of RFC 7523.
pub(super) const BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";
const ID_JAG_TYPE: &str = "oauth-id-jag+jwt";
/// How long an ID-JAG is good, in seconds.
const ID_JAG_LIFETIME: u64 = 300;

impl State {
    /// Trades a token of this server for one to another audience, or for an ID-JAG.
    pub(super) fn exchange(
        &self,
        client: &ProviderClient,
        form: &Parameters,
        proven: Option<&str>,
    ) -> Result<Value, Refusal> {
        let required = |name: &str| {
            form.get(name)
                .ok_or(Refusal("invalid_request", "a parameter is missing"))
        };
        let subject = self.presented(required("subject_token")?)?;
        required("subject_token_type")?;
        let actor = match form.get("actor_token") {
            Some(token) => {
                required("actor_token_type")?;
                Some(self.presented(token)?)
            }
            None => None,
        };
        let text = |claims: &Value, name: &str| {
            let claim = claims.get(name).and_then(Value::as_str);
            claim.unwrap_or_default().to_owned()
        };
        let scope = form.get("scope").unwrap_or_default();
        let held = text(&subject, "scope");
        let mut wider = scope
            .split_whitespace()
            .filter(|one| !held.split_whitespace().any(|other| other == *one));
        if wider.next().is_some() {
            return Err(Refusal("invalid_scope", "wider than the subject token"));
        }
        if form.get("requested_token_type") == Some(ID_JAG) {
            return self.id_jag(client, form, &text(&subject, "sub"), scope);
        }
        let actor = actor.map(|claims| {
            let mut actor = json!({"sub": text(&claims, "sub")});
            if let (Some(earlier), Some(members)) = (subject.get("act"), actor.as_object_mut()) {
                members.insert("act".into(), earlier.clone());
            }
            actor
        });
        let grant = Grant {
            client: client.id.clone(),
            subject: text(&subject, "sub"),
            audience: match form.get("audience") {
                Some(audience) => audience.to_owned(),
                None => self.audience(form)?,
            },
            actor: actor.or_else(|| subject.get("act").cloned()),
            bound_to: proven.map(str::to_owned),
            ..Grant::default()
        };
        let mut body = self.response(&grant, scope, None)?;
        if let Some(members) = body.as_object_mut() {
            members.insert("issued_token_type".into(), ACCESS_TOKEN.into());
        }
        Ok(body)
    }

    /// An assertion for another authorization server; it is no access token, hence `N_A`.
    fn id_jag(
        &self,
        client: &ProviderClient,
        form: &Parameters,
        subject: &str,
        scope: &str,
    ) -> Result<Value, Refusal> {
        let required = |name: &str| {
            form.get(name)
                .ok_or(Refusal("invalid_request", "a parameter is missing"))
        };
        let key = lock(&self.keys).first().cloned();
        let key = key.ok_or(Refusal("server_error", "no key"))?;
        let now = self.now();
        let header = json!({"typ": ID_JAG_TYPE, "alg": "RS256", "kid": key.kid()});
        let claims = json!({
            "iss": self.issuer(),
            "sub": subject,
            "aud": required("audience")?,
            "resource": required("resource")?,
            "client_id": client.id,
            "scope": scope,
            "jti": jose::random(),
            "iat": now,
            "exp": now + ID_JAG_LIFETIME,
        });
        let token = key
            .sign(&header, &claims)
            .map_err(|_| Refusal("server_error", "cannot sign"))?;
        Ok(json!({
            "access_token": token,
            "issued_token_type": ID_JAG,
            "token_type": "N_A",
            "scope": scope,
            "expires_in": ID_JAG_LIFETIME,
        }))
    }

    /// Takes the ID-JAG of a trusted identity provider.
    pub(super) fn by_assertion(
        &self,
        client: &ProviderClient,
        form: &Parameters,
        proven: Option<&str>,
    ) -> Result<Value, Refusal> {
        let assertion = form.get("assertion").unwrap_or_default();
        let refused = Refusal("invalid_grant", "the assertion does not count here");
        let parts = Parts::read(assertion).ok_or(refused.clone())?;
        let trusted = self
            .settings
            .trusted
            .iter()
            .find(|trusted| trusted.issuer == parts.claim("iss"))
            .is_some_and(|trusted| {
                let mut keys = trusted.keys.iter();
                keys.any(|key| jose::is_signed_by(assertion, key))
            });
        let expires = parts.claims.get("exp").and_then(Value::as_u64);
        let fits = parts.header("typ") == ID_JAG_TYPE
            && parts.claim("aud") == self.issuer()
            && parts.claim("client_id") == client.id
            && !parts.claim("sub").is_empty()
            && !parts.claim("jti").is_empty()
            && expires.is_some_and(|expires| expires > self.now());
        if !trusted || !fits {
            return Err(refused);
        }
        let grant = Grant {
            client: client.id.clone(),
            subject: parts.claim("sub").to_owned(),
            audience: parts.claim("resource").to_owned(),
            bound_to: proven.map(str::to_owned),
            ..Grant::default()
        };
        self.response(&grant, parts.claim("scope"), None)
    }

    /// The claims of a token that this server issued and that is still good.
    fn presented(&self, token: &str) -> Result<Value, Refusal> {
        let claims = lock(&self.access).get(token).cloned();
        claims
            .filter(|claims| {
                let expires = claims.get("exp").and_then(Value::as_u64);
                expires.is_some_and(|expires| expires > self.now())
            })
            .ok_or(Refusal("invalid_request", "the token is not good"))
    }
}
