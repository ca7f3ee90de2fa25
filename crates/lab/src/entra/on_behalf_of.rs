//! The on-behalf-of flow: an API trades the token it got for one to the next API.
//!
//! Source: Microsoft's "Microsoft identity platform and OAuth 2.0 On-Behalf-Of flow".

use serde_json::{Value, json};

use super::refusal::Refusal;
use super::scope::Wanted;
use super::settings::Policy;
use super::state::{Session, State};
use super::token::Request;
use crate::jose::Parts;
use crate::web::lock;

/// How much clocks may differ, in seconds.
const SKEW: u64 = 300;

impl State {
    pub(super) fn on_behalf_of(&self, request: &Request<'_>) -> Result<Value, Refusal> {
        let assertion = request.required("assertion")?;
        let scope = request.required("scope")?;
        if request.required("requested_token_use")? != "on_behalf_of" {
            return Err(Refusal::new(
                "invalid_request",
                90023,
                "The 'requested_token_use' parameter has an unsupported value.",
            ));
        }
        if request.client.is_public() {
            return Err(Refusal::new(
                "invalid_client",
                7000218,
                "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
            ));
        }
        let session = self.asserted_session(request, assertion)?;
        let wanted = Wanted::read(request.tenant, request.client, scope)?;
        wanted.check(request.form.get("resource"), self.settings.resource)?;
        self.consent(request.client, wanted.resource)?;
        self.conditional_access(&wanted, &session)?;
        let lasting = wanted
            .has_openid("offline_access")
            .then(|| scope.to_owned());
        self.for_user(request, &wanted, &session, lasting.as_ref())
    }

    /// The sign-in behind a token that was issued for this client, to a person.
    fn asserted_session(&self, request: &Request<'_>, assertion: &str) -> Result<Session, Refusal> {
        let unsigned = || {
            Refusal::new(
                "invalid_grant",
                50013,
                "Assertion failed signature validation. [Reason - The provided signature value did not match the \
                 expected signature value.]",
            )
        };
        let parts = Parts::read(assertion).ok_or_else(unsigned)?;
        if !self.is_own(assertion) {
            return Err(unsigned());
        }
        let expires = parts.claims.get("exp").and_then(Value::as_u64);
        if expires.is_none_or(|expires| expires + SKEW < self.now()) {
            return Err(Refusal::new(
                "invalid_grant",
                500133,
                format!(
                    "Assertion is not within its valid time range. Ensure that the access token is not expired \
                     before using it for user assertion, or request a new token. Current time: {}, expiry time of \
                     assertion {}.",
                    self.now(),
                    expires.unwrap_or_default()
                ),
            ));
        }
        let (client, audience) = (request.client, parts.claim("aud"));
        if client.id != audience && !client.identifier_uris.iter().any(|uri| uri == audience) {
            return Err(Refusal::new(
                "invalid_grant",
                500131,
                format!(
                    "Assertion audience does not match the Client app presenting the assertion. The audience in the \
                     assertion was '{audience}' and the expected audience is '{0}' or one of the Application Uris of \
                     this application with App ID '{0}'({1}). The downstream client must request a token for the \
                     expected audience (the application that made the OBO request) and this application should use \
                     that token as the assertion.",
                    client.id, client.name
                ),
            ));
        }
        if parts.claim("scp").is_empty() {
            return Err(Refusal::new(
                "invalid_grant",
                7000114,
                format!(
                    "Application '{}' is not allowed to make application on-behalf-of calls.",
                    client.id
                ),
            ));
        }
        if parts.claim("tid") != request.tenant.id {
            return Err(Refusal::new(
                "invalid_grant",
                50013,
                "Assertion is invalid: the token issuer doesn't match the tenant of the request.",
            ));
        }
        let known = lock(&self.grants).sessions.get(parts.claim("uti")).cloned();
        // A token that was minted by hand has no sign-in behind it.
        Ok(known.unwrap_or_else(|| Session {
            tenant: request.tenant.id.clone(),
            user: parts.claim("oid").to_owned(),
            ..Session::default()
        }))
    }

    /// A policy of the resource that this sign-in does not satisfy needs the person again.
    fn conditional_access(&self, wanted: &Wanted<'_>, session: &Session) -> Result<(), Refusal> {
        let api = &wanted.resource.id;
        let unsatisfied = lock(&self.policies).iter().find_map(|policy| match policy {
            Policy::ConditionalAccess {
                resource,
                code,
                policy,
            } if resource == api && !session.policies.contains(policy) => {
                Some((*code, policy.clone()))
            }
            _ => None,
        });
        let Some((code, policy)) = unsatisfied else {
            return Ok(());
        };
        let need = match code {
            50079 => "you must enroll in multi-factor authentication to access",
            50158 => "an external security challenge was not satisfied for",
            _ => "you must use multi-factor authentication to access",
        };
        let refusal = Refusal::new(
            "interaction_required",
            code,
            format!(
                "Due to a configuration change made by your administrator, or because you moved to a new location, \
                 {need} '{api}'."
            ),
        );
        let claims = json!({"access_token": {"polids": {"essential": true, "values": [policy]}}});
        Err(refusal.with_suberror("basic_action").with_claims(claims))
    }
}
