//! The token endpoint.

use http::StatusCode;
use serde_json::{Value, json};

use super::authorize::no_tenant;
use super::directory::{App, Tenant};
use super::refusal::{Ids, Refusal};
use super::scope::Wanted;
use super::settings::RefreshReuse;
use super::state::{Code, Refresh, Session, State};
use super::tokens::{Issue, Proof};
use crate::jose;
use crate::web::{Answer, Asked, Parameters, lock};

const ON_BEHALF_OF: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A token request whose client is known.
pub(super) struct Request<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) client: &'a App,
    pub(super) proof: Proof,
    pub(super) form: &'a Parameters,
}

impl Request<'_> {
    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.form.get(name).ok_or_else(|| Refusal::missing(name))
    }
}

impl State {
    pub(super) fn token(&self, segment: &str, asked: &Asked) -> Answer {
        let form = asked.form();
        let correlation = asked
            .header("client-request-id")
            .or(form.get("client-request-id"));
        let ids = Ids::new(self.now(), correlation);
        match self.issue(segment, asked, &form) {
            Ok(body) => Answer::json(StatusCode::OK, &body),
            Err(refusal) => refusal.to_answer(&ids),
        }
    }

    fn issue(&self, segment: &str, asked: &Asked, form: &Parameters) -> Result<Value, Refusal> {
        if let Some(refusal) = self.outage("token") {
            return Err(refusal);
        }
        if asked.method != "POST" {
            return Err(Refusal::new(
                "invalid_request",
                900561,
                format!(
                    "The endpoint only accepts POST requests. Received a {} request.",
                    asked.method
                ),
            ));
        }
        let grant = form
            .get("grant_type")
            .ok_or_else(|| Refusal::missing("grant_type"))?;
        let tenant = self.tenant_of(segment, grant, form)?;
        let (client, proof) = self.client(tenant, asked, form)?;
        let request = Request {
            tenant,
            client,
            proof,
            form,
        };
        match grant {
            "authorization_code" => self.by_code(&request),
            "refresh_token" => self.by_refresh_token(&request),
            "client_credentials" => self.by_credentials(&request),
            ON_BEHALF_OF => self.on_behalf_of(&request),
            other => Err(Refusal::new(
                "unsupported_grant_type",
                70003,
                format!("The app requested an unsupported grant type '{other}'."),
            )),
        }
    }

    /// `common` and `organizations` work for grants that a person's sign-in made.
    fn tenant_of(&self, segment: &str, grant: &str, form: &Parameters) -> Result<&Tenant, Refusal> {
        if !matches!(segment, "common" | "organizations") {
            return self.tenant(segment).ok_or_else(|| no_tenant(segment));
        }
        let grants = lock(&self.grants);
        let session = match grant {
            "authorization_code" => form
                .get("code")
                .and_then(|code| Some(&grants.codes.get(code)?.session)),
            "refresh_token" => form
                .get("refresh_token")
                .and_then(|token| Some(&grants.refresh.get(token)?.session)),
            _ => {
                return Err(Refusal::new(
                    "invalid_request",
                    9001023,
                    "The grant type is not supported over the /common or /consumers endpoints. Please use the \
                     /organizations or tenant-specific endpoint.",
                ));
            }
        };
        session
            .and_then(|session| self.tenant(&session.tenant))
            .ok_or_else(|| Refusal::new("invalid_grant", 70000, "The provided grant is not valid."))
    }

    fn by_code(&self, request: &Request<'_>) -> Result<Value, Refusal> {
        let code = request.required("code")?;
        let redirect_uri = request.required("redirect_uri")?;
        let grant = self.redeem(code)?;
        if grant.client != request.client.id {
            return Err(Refusal::new(
                "invalid_grant",
                70000,
                "The provided authorization code was issued to another client.",
            ));
        }
        if grant.redirect_uri != redirect_uri {
            return Err(Refusal::new(
                "invalid_grant",
                500112,
                format!(
                    "The reply address '{redirect_uri}' does not match the reply address '{}' provided when \
                     requesting Authorization code.",
                    grant.redirect_uri
                ),
            ));
        }
        if grant.session.tenant != request.tenant.id {
            return Err(Refusal::new(
                "invalid_grant",
                700005,
                "The provided Authorization Code is intended to use against other tenant, thus rejected.",
            ));
        }
        verify(grant.challenge.as_ref(), request.form.get("code_verifier"))?;
        let scope = request.form.get("scope").unwrap_or(&grant.scope);
        let wanted = Wanted::read(request.tenant, request.client, scope)?;
        wanted.check(request.form.get("resource"), self.settings.resource)?;
        // What the person signed in for decides about a refresh token, not what the code is redeemed for.
        let lasting = grant.scope.split(' ').any(|one| one == "offline_access");
        self.for_user(
            request,
            &wanted,
            &grant.session,
            lasting.then_some(&grant.scope),
        )
    }

    /// A code is good for one redemption, whatever comes of it.
    fn redeem(&self, code: &str) -> Result<Code, Refusal> {
        let mut grants = lock(&self.grants);
        let Some(grant) = grants.codes.get_mut(code) else {
            return Err(Refusal::new(
                "invalid_grant",
                9002313,
                "Invalid request. Request is malformed or invalid.",
            ));
        };
        if grant.redeemed {
            return Err(Refusal::new(
                "invalid_grant",
                54005,
                "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an \
                 existing refresh token.",
            ));
        }
        grant.redeemed = true;
        if grant.expires < self.now() {
            return Err(Refusal::new(
                "invalid_grant",
                70008,
                "The provided authorization code or refresh token has expired due to inactivity. Send a new \
                 interactive authorization request for this user and resource.",
            ));
        }
        Ok(grant.clone())
    }

    fn by_refresh_token(&self, request: &Request<'_>) -> Result<Value, Refusal> {
        let token = request.required("refresh_token")?;
        let grant = self.use_refresh_token(token)?;
        if grant.client != request.client.id {
            return Err(Refusal::new(
                "invalid_grant",
                70000,
                "The provided refresh token was issued to another client.",
            ));
        }
        let scope = request.form.get("scope").unwrap_or(&grant.scope);
        let wanted = Wanted::read(request.tenant, request.client, scope)?;
        wanted.check(request.form.get("resource"), self.settings.resource)?;
        self.consent(request.client, wanted.resource)?;
        self.for_user(request, &wanted, &grant.session, Some(&grant.scope))
    }

    fn use_refresh_token(&self, token: &str) -> Result<Refresh, Refusal> {
        let mut grants = lock(&self.grants);
        let Some(grant) = grants.refresh.get_mut(token) else {
            return Err(Refusal::new(
                "invalid_grant",
                70000,
                "The provided value for the input parameter 'refresh_token' is not valid.",
            ));
        };
        let reused = std::mem::replace(&mut grant.used, true);
        let grant = grant.clone();
        if reused && self.settings.refresh_reuse == RefreshReuse::Revokes {
            for other in grants.refresh.values_mut() {
                other.revoked |= other.session.id == grant.session.id;
            }
        }
        if grant.revoked || (reused && self.settings.refresh_reuse == RefreshReuse::Revokes) {
            return Err(Refusal::new(
                "invalid_grant",
                50173,
                "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user \
                 might have changed or reset their password.",
            ));
        }
        Ok(grant)
    }

    /// The only scope of client credentials is everything that was granted: `{resource}/.default`.
    fn by_credentials(&self, request: &Request<'_>) -> Result<Value, Refusal> {
        let scope = request.required("scope")?;
        if request.client.is_public() {
            return Err(Refusal::new(
                "invalid_client",
                7000218,
                "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
            ));
        }
        if scope.contains(' ') || !scope.ends_with("/.default") {
            return Err(Refusal::new(
                "invalid_scope",
                1002012,
                format!(
                    "The provided value for scope {scope} is not valid. Client credential flows must have a scope \
                     value with /.default suffixed to the resource identifier (application ID URI)."
                ),
            ));
        }
        let wanted = Wanted::read(request.tenant, request.client, scope)?;
        wanted.check(request.form.get("resource"), self.settings.resource)?;
        let (client, api) = (request.client, wanted.resource);
        let has_role = client
            .granted_roles
            .iter()
            .any(|(resource, _)| *resource == api.id);
        if api.assignment_required && !has_role {
            return Err(Refusal::new(
                "invalid_grant",
                501051,
                format!(
                    "Application '{}'({}) is not assigned to a role for the application '{}'({}).",
                    client.id, client.name, wanted.named, api.name
                ),
            ));
        }
        let issue = Issue::new(request.tenant, client, request.proof, &wanted);
        let claims = self.app_claims(&issue);
        Ok(json!({
            "token_type": "Bearer",
            "expires_in": self.settings.token_lifetime,
            "ext_expires_in": self.settings.token_lifetime,
            "access_token": self.signed(&claims)?,
        }))
    }

    /// The response with a person's access token; `lasting` is the scope of a refresh token.
    pub(super) fn for_user(
        &self,
        request: &Request<'_>,
        wanted: &Wanted<'_>,
        session: &Session,
        lasting: Option<&String>,
    ) -> Result<Value, Refusal> {
        let user = request.tenant.user(&session.user).ok_or_else(|| {
            Refusal::new(
                "invalid_grant",
                50020,
                "User account does not exist in the tenant.",
            )
        })?;
        if user.disabled {
            return Err(Refusal::new(
                "invalid_grant",
                50057,
                "The user account is disabled.",
            ));
        }
        let issue = Issue::new(request.tenant, request.client, request.proof, wanted);
        let claims = self.user_claims(&issue, user, &wanted.scopes, session);
        let mut body = json!({
            "token_type": "Bearer",
            "scope": wanted.granted(),
            "expires_in": self.settings.token_lifetime,
            "ext_expires_in": self.settings.token_lifetime,
            "access_token": self.signed(&claims)?,
        });
        let members = body.as_object_mut();
        if let Some(members) = members {
            if let Some(scope) = lasting {
                let token = format!("1.A{}.{}", jose::random(), jose::random());
                members.insert("refresh_token".into(), token.as_str().into());
                let grant = Refresh {
                    session: session.clone(),
                    client: request.client.id.clone(),
                    scope: scope.clone(),
                    used: false,
                    revoked: false,
                };
                lock(&self.grants).refresh.insert(token, grant);
            }
            if wanted.has_openid("openid") {
                let claims = self.id_claims(request.tenant, request.client, user, session);
                members.insert("id_token".into(), self.signed(&claims)?.into());
            }
        }
        if let Some(uti) = claims.get("uti").and_then(Value::as_str) {
            let sessions = &mut lock(&self.grants).sessions;
            sessions.insert(uti.to_owned(), session.clone());
        }
        Ok(body)
    }

    fn signed(&self, claims: &Value) -> Result<String, Refusal> {
        self.sign(claims)
            .map_err(|error| Refusal::new("server_error", 50000, error.to_string()))
    }
}

/// Compares the verifier with the challenge (RFC 7636, section 4.6).
fn verify(challenge: Option<&(String, String)>, verifier: Option<&str>) -> Result<(), Refusal> {
    let fits = match (challenge, verifier) {
        (None, None) => true,
        (Some((method, challenge)), Some(verifier)) if method == "S256" => {
            *challenge == jose::digest_of(verifier)
        }
        (Some((_, challenge)), Some(verifier)) => challenge == verifier,
        _ => false,
    };
    if fits {
        return Ok(());
    }
    Err(Refusal::new(
        "invalid_grant",
        501481,
        "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
    ))
}
