//! How a client proves who it is at the token endpoint: a secret, a certificate's assertion, or another issuer's token.
//!
//! Source: Microsoft's "Application authentication certificate credentials" and "Workload identity federation".

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::authorize::no_client;
use super::directory::{App, Tenant};
use super::refusal::Refusal;
use super::state::State;
use super::tokens::Proof;
use crate::jose::{self, Parts};
use crate::web::{Asked, Parameters, lock};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How long a client assertion may be good, in seconds. Entra itself sets no limit; its documentation asks for five to
/// ten minutes, and the lab holds clients to that.
const ASSERTION_LIFETIME: u64 = 600;
/// How much clocks may differ, in seconds.
const SKEW: u64 = 300;

impl State {
    /// The client of a token request, and how it proved itself.
    pub(super) fn client<'a>(
        &self,
        tenant: &'a Tenant,
        asked: &Asked,
        form: &Parameters,
    ) -> Result<(&'a App, Proof), Refusal> {
        let basic = basic(asked);
        let id = form
            .get("client_id")
            .or(basic.as_ref().map(|(id, _)| id.as_str()))
            .ok_or_else(|| Refusal::missing("client_id"))?;
        let app = tenant.app(id).ok_or_else(|| no_client(id, tenant))?;
        let secret = form
            .get("client_secret")
            .or(basic.as_ref().map(|(_, secret)| secret.as_str()));
        let assertion = form.get("client_assertion");
        match (secret, assertion, app.is_public()) {
            (None, None, true) => Ok((app, Proof::Public)),
            (None, None, false) => Err(Refusal::new(
                "invalid_client",
                7000218,
                "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
            )),
            (_, _, true) => Err(Refusal::new(
                "invalid_client",
                700025,
                "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
            )),
            (_, Some(assertion), _) => {
                if form.get("client_assertion_type") != Some(ASSERTION_TYPE) {
                    return Err(Refusal::missing("client_assertion_type"));
                }
                self.asserted(tenant, app, assertion)?;
                Ok((app, Proof::Certificate))
            }
            (Some(secret), None, _) if app.secrets.iter().any(|known| known == secret) => {
                Ok((app, Proof::Secret))
            }
            (Some(_), None, _) => Err(Refusal::new(
                "invalid_client",
                7000215,
                format!(
                    "Invalid client secret provided. Ensure the secret being sent in the request is the client \
                     secret value, not the client secret ID, for a secret added to app '{id}'."
                ),
            )),
        }
    }

    fn asserted(&self, tenant: &Tenant, app: &App, assertion: &str) -> Result<(), Refusal> {
        let parts = Parts::read(assertion).ok_or_else(|| {
            Refusal::new(
                "invalid_client",
                50027,
                "JWT token is invalid or malformed.",
            )
        })?;
        if parts.claim("iss") == app.id {
            self.by_certificate(tenant, app, assertion, &parts)
        } else {
            self.by_federation(app, assertion, &parts)
        }
    }

    fn by_certificate(
        &self,
        tenant: &Tenant,
        app: &App,
        assertion: &str,
        parts: &Parts,
    ) -> Result<(), Refusal> {
        let thumbprint = parts.header("x5t#S256");
        let key = app
            .certificates
            .iter()
            .find(|key| key.get("x5t#S256").and_then(Value::as_str) == Some(thumbprint))
            .ok_or_else(|| unsigned("The key was not found.", thumbprint))?;
        if parts.header("alg") != "PS256" || parts.header("typ") != "JWT" {
            let text =
                "JWT token is invalid or malformed. The header is not that of a client assertion.";
            return Err(Refusal::new("invalid_client", 50027, text));
        }
        if !jose::is_signed_by(assertion, key) {
            let reason = "The provided signature value did not match the expected signature value.";
            return Err(unsigned(reason, thumbprint));
        }
        if parts.claim("sub") != app.id {
            return Err(Refusal::new(
                "invalid_client",
                50048,
                "Subject mismatches Issuer claim in the client assertion.",
            ));
        }
        let audiences = [self.token_endpoint(&tenant.id), self.issuer_v2(&tenant.id)];
        if !audiences.iter().any(|known| known == parts.claim("aud")) {
            return Err(Refusal::new(
                "invalid_client",
                700023,
                "Client assertion audience claim does not match Realm issuer. Review the documentation at \
                 https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
            ));
        }
        self.in_time(parts, Some(ASSERTION_LIFETIME))?;
        let jti = parts.claim("jti");
        let fresh = !jti.is_empty()
            && lock(&self.grants)
                .assertions
                .insert(format!("{}/{jti}", app.id));
        if !fresh {
            // Entra publishes no code for this; the text says what it is.
            let text =
                "JWT token is invalid or malformed. The 'jti' claim is missing or was used before.";
            return Err(Refusal::new("invalid_client", 50027, text));
        }
        Ok(())
    }

    /// The assertion is a token of an issuer that the application trusts. Issuer, subject and audience are compared
    /// exactly, case included.
    fn by_federation(&self, app: &App, assertion: &str, parts: &Parts) -> Result<(), Refusal> {
        let (issuer, subject, audience) =
            (parts.claim("iss"), parts.claim("sub"), parts.claim("aud"));
        let unmatched = |code, what: &str, value: &str| {
            Refusal::new(
                "invalid_client",
                code,
                format!(
                    "No matching federated identity record found for presented assertion {what} '{value}'. Check \
                     your federated identity credential Subject, Audience and Issuer against the presented \
                     assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
                ),
            )
        };
        let of_issuer: Vec<_> = app
            .federated
            .iter()
            .filter(|credential| credential.issuer == issuer)
            .collect();
        if of_issuer.is_empty() {
            return Err(unmatched(700211, "issuer", issuer));
        }
        let credential = of_issuer
            .into_iter()
            .find(|credential| credential.subject == subject)
            .ok_or_else(|| unmatched(700213, "subject", subject))?;
        if !credential.audiences.iter().any(|known| known == audience) {
            return Err(unmatched(700212, "audience", audience));
        }
        if !credential
            .keys
            .iter()
            .any(|key| jose::is_signed_by(assertion, key))
        {
            let reason = "The provided signature value did not match the expected signature value.";
            return Err(unsigned(reason, parts.header("kid")));
        }
        self.in_time(parts, None)
    }

    fn in_time(&self, parts: &Parts, longest: Option<u64>) -> Result<(), Refusal> {
        let now = self.now();
        let time = |name| parts.claims.get(name).and_then(Value::as_u64);
        let (from, until) = (time("nbf").or(time("iat")), time("exp"));
        let good = match (from, until) {
            (from, Some(until)) => {
                let from = from.unwrap_or_default();
                let short = longest.is_none_or(|longest| until.saturating_sub(from) <= longest);
                from <= now + SKEW && now < until + SKEW && short
            }
            _ => false,
        };
        if good {
            return Ok(());
        }
        Err(Refusal::new(
            "invalid_client",
            700024,
            format!(
                "Client assertion is not within its valid time range. Current time: {now}, assertion valid from {}, \
                 expiry time of assertion {}.",
                from.unwrap_or_default(),
                until.unwrap_or_default()
            ),
        ))
    }
}

fn unsigned(reason: &str, thumbprint: &str) -> Refusal {
    Refusal::new(
        "invalid_client",
        700027,
        format!(
            "The certificate with identifier used to sign the client assertion is not registered on application. \
             [Reason - {reason}, Thumbprint of key used by client: '{thumbprint}']"
        ),
    )
}

/// Id and secret from `Authorization: Basic` (RFC 6749, section 2.3.1: both form-encoded).
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
