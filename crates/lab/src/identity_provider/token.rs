//! The token endpoint: code, refresh, client credentials.

use http::StatusCode;
use serde_json::{Value, json};

use super::misbehaviour::{Misbehaviour, RefreshRule};
use super::settings::ProviderClient;
use super::state::{Grant, Refusal, State, merge};
use crate::jose;
use crate::web::{Answer, Asked, Parameters, lock};

impl State {
    pub(super) fn token(&self, asked: &Asked) -> Answer {
        let form = asked.form();
        let issued = || {
            if asked.method != "POST" {
                return Err(Refusal("invalid_request", "only POST"));
            }
            let client = self.authenticate(asked, &form)?;
            let proven = self.proven(asked)?;
            let proven = proven.as_deref();
            match form.get("grant_type").unwrap_or_default() {
                "authorization_code" => self.by_code(&client, &form, proven),
                "refresh_token" => self.by_refresh_token(&client, &form, proven),
                "client_credentials" => self.by_credentials(&client, &form, proven),
                super::exchange::EXCHANGE => self.exchange(&client, &form, proven),
                super::exchange::BEARER => self.by_assertion(&client, &form, proven),
                _ => Err(Refusal("unsupported_grant_type", "unknown grant_type")),
            }
        };
        let answer = match issued() {
            Ok(mut body) => {
                let changes = self.misbehaves(|one| match one {
                    Misbehaviour::TokenResponse(changes) => Some(changes.clone()),
                    _ => None,
                });
                merge(&mut body, changes.as_ref());
                Answer::json(StatusCode::OK, &body)
            }
            Err(refusal) => refusal.to_answer(),
        };
        self.with_nonce(answer)
    }

    fn by_code(
        &self,
        client: &ProviderClient,
        form: &Parameters,
        proven: Option<&str>,
    ) -> Result<Value, Refusal> {
        let code = form.get("code").unwrap_or_default();
        let mut grant = {
            let mut codes = lock(&self.codes);
            let grant = codes
                .get_mut(code)
                .ok_or(Refusal("invalid_grant", "unknown code"))?;
            let again = std::mem::replace(&mut grant.used, true);
            let grant = grant.clone();
            if again {
                drop(codes);
                self.end_family(&grant.family);
                return Err(Refusal("invalid_grant", "the code was used before"));
            }
            grant
        };
        if grant.client != client.id {
            return Err(Refusal(
                "invalid_grant",
                "the code belongs to another client",
            ));
        }
        if form.get("redirect_uri") != Some(&grant.redirect_uri) {
            return Err(Refusal("invalid_grant", "another redirect_uri"));
        }
        let verifier = form.get("code_verifier").unwrap_or_default();
        if jose::digest_of(verifier) != grant.challenge {
            return Err(Refusal("invalid_grant", "code_verifier does not fit"));
        }
        if form
            .get("resource")
            .is_some_and(|resource| resource != grant.audience)
        {
            return Err(Refusal(
                "invalid_target",
                "another resource than authorized",
            ));
        }
        self.bind(&mut grant, proven)?;
        let refresh = self.remember(&grant);
        self.response(&grant, &grant.scope, Some(refresh))
    }

    fn by_refresh_token(
        &self,
        client: &ProviderClient,
        form: &Parameters,
        proven: Option<&str>,
    ) -> Result<Value, Refusal> {
        let token = form.get("refresh_token").unwrap_or_default();
        let rule = self.refresh_rule();
        let (mut grant, again) = {
            let mut tokens = lock(&self.refresh);
            let grant = tokens
                .get_mut(token)
                .ok_or(Refusal("invalid_grant", "unknown refresh token"))?;
            let again = std::mem::replace(&mut grant.used, true);
            (grant.clone(), again)
        };
        if grant.client != client.id {
            return Err(Refusal(
                "invalid_grant",
                "the token belongs to another client",
            ));
        }
        if again && matches!(rule, RefreshRule::Rotated | RefreshRule::Once) {
            self.end_family(&grant.family);
            return Err(Refusal(
                "invalid_grant",
                "the refresh token was used before",
            ));
        }
        if form
            .get("resource")
            .is_some_and(|resource| resource != grant.audience)
        {
            return Err(Refusal(
                "invalid_target",
                "another resource than authorized",
            ));
        }
        self.bind(&mut grant, proven)?;
        let scope = form.get("scope").unwrap_or(&grant.scope);
        let known: Vec<&str> = grant.scope.split_whitespace().collect();
        if !scope.split_whitespace().all(|one| known.contains(&one)) {
            return Err(Refusal("invalid_scope", "wider than what was granted"));
        }
        let next = match rule {
            RefreshRule::Rotated | RefreshRule::RotatedLeniently => Some(self.remember(&grant)),
            RefreshRule::Kept => Some(token.to_owned()),
            RefreshRule::Unnamed | RefreshRule::Once => None,
        };
        self.response(&grant, scope, next)
    }

    fn by_credentials(
        &self,
        client: &ProviderClient,
        form: &Parameters,
        proven: Option<&str>,
    ) -> Result<Value, Refusal> {
        if client.secret.is_none() && client.keys.is_empty() {
            return Err(Refusal(
                "unauthorized_client",
                "a public client has no credentials",
            ));
        }
        let grant = Grant {
            client: client.id.clone(),
            subject: client.id.clone(),
            audience: self.audience(form)?,
            bound_to: proven.map(str::to_owned),
            ..Grant::default()
        };
        self.response(&grant, form.get("scope").unwrap_or_default(), None)
    }

    /// Makes a refresh token for the grant.
    fn remember(&self, grant: &Grant) -> String {
        let token = format!("{}{}", jose::random(), jose::random());
        let grant = Grant {
            used: false,
            ..grant.clone()
        };
        lock(&self.refresh).insert(token.clone(), grant);
        token
    }

    fn end_family(&self, family: &str) {
        lock(&self.refresh).retain(|_, grant| grant.family != family);
    }

    pub(super) fn response(
        &self,
        grant: &Grant,
        scope: &str,
        refresh: Option<String>,
    ) -> Result<Value, Refusal> {
        let scope = self.granted(scope);
        let mut body = json!({
            "access_token": self.access_token(grant, &scope)?,
            "token_type": grant.bound_to.as_ref().map_or("Bearer", |_| "DPoP"),
            "expires_in": self.settings.token_lifetime,
            "scope": scope,
        });
        if let (Some(refresh), Some(members)) = (refresh, body.as_object_mut()) {
            members.insert("refresh_token".into(), refresh.into());
        }
        Ok(body)
    }
}
