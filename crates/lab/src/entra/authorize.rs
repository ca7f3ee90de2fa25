//! The authorization endpoint. The person is signed in already and agrees to everything.
//!
//! What the client must not be told, because the redirect URI is not certain or Entra shows it to the person, is a
//! page; the rest goes back to the redirect URI as an error (RFC 6749, section 4.1.2.1). AADSTS9010010 and
//! AADSTS901002 are pages, as people who met them report.

use http::StatusCode;
use serde_json::Value;

use super::directory::{App, Tenant, User};
use super::refusal::{Ids, Refusal};
use super::scope::Wanted;
use super::settings::Policy;
use super::state::{Code, Session, State};
use crate::jose;
use crate::web::{Answer, Asked, Parameters, lock};

/// How long a code is good, in seconds.
const CODE_LIFETIME: u64 = 600;

/// Who reads a refusal.
enum Reader {
    Person(Refusal),
    Client(Refusal),
}

/// Where an answer goes.
struct Return<'a> {
    uri: &'a str,
    mode: &'a str,
    state: Option<&'a str>,
}

impl State {
    pub(super) fn authorize(&self, segment: &str, asked: &Asked) -> Answer {
        let form = asked.form();
        let query = if asked.method == "POST" {
            &form
        } else {
            &asked.query
        };
        let ids = Ids::new(self.now(), query.get("client-request-id"));
        if let Some(refusal) = self.outage("authorize") {
            return refusal.to_answer(&ids);
        }
        let (tenant, user, client) = match self.parties(segment, query) {
            Ok(parties) => parties,
            Err(refusal) => return refusal.to_page(&ids),
        };
        let back = match return_address(client, query) {
            Ok(back) => back,
            Err(refusal) => return refusal.to_page(&ids),
        };
        match self.sign_in(tenant, user, client, query) {
            Ok(code) => back.answer(&[("code", &code), ("session_state", &jose::random_guid())]),
            Err(Reader::Person(refusal)) => refusal.to_page(&ids),
            Err(Reader::Client(refusal)) => back.answer(&[
                ("error", refusal.error),
                ("error_description", &refusal.description(&ids)),
            ]),
        }
    }

    /// Whose directory, who is signed in, and which application asks.
    fn parties(
        &self,
        segment: &str,
        query: &Parameters,
    ) -> Result<(&Tenant, &User, &App), Refusal> {
        let id = query
            .get("client_id")
            .ok_or_else(|| Refusal::missing("client_id"))?;
        let everyone = matches!(segment, "common" | "organizations");
        let hint = query.get("login_hint");
        let (tenant, user) = match (everyone, hint) {
            (true, Some(hint)) => self.user(hint).ok_or_else(|| no_user(hint))?,
            (true, None) => self
                .settings
                .tenants
                .iter()
                .find_map(|tenant| Some((tenant, tenant.users.first()?)))
                .ok_or_else(|| no_user(""))?,
            (false, hint) => {
                let tenant = self.tenant(segment).ok_or_else(|| no_tenant(segment))?;
                let user = match hint {
                    Some(hint) => tenant.user(hint),
                    None => tenant.users.first(),
                };
                (
                    tenant,
                    user.ok_or_else(|| no_user(hint.unwrap_or_default()))?,
                )
            }
        };
        let client = tenant.app(id).ok_or_else(|| no_client(id, tenant))?;
        if everyone && !client.multi_tenant {
            return Err(Refusal::new(
                "invalid_request",
                50194,
                format!(
                    "Application '{id}'({}) is not configured as a multi-tenant application. Usage of the /common \
                     endpoint is not supported for such applications created after '10/15/2018'. Use a \
                     tenant-specific endpoint or configure the application to be multi-tenant.",
                    client.name
                ),
            ));
        }
        if user.disabled {
            return Err(Refusal::new(
                "access_denied",
                50057,
                "The user account is disabled.",
            ));
        }
        Ok((tenant, user, client))
    }

    fn sign_in(
        &self,
        tenant: &Tenant,
        user: &User,
        client: &App,
        query: &Parameters,
    ) -> Result<String, Reader> {
        match query.get("response_type") {
            Some("code") => {}
            None => return Err(Reader::Client(Refusal::missing("response_type"))),
            Some(other) => {
                return Err(Reader::Client(Refusal::new(
                    "unsupported_response_type",
                    700054,
                    format!("response_type '{other}' is not enabled for the application."),
                )));
            }
        }
        let scope = query
            .get("scope")
            .ok_or_else(|| Reader::Client(Refusal::missing("scope")))?;
        // A resource that fits no scope is refused before the scopes are looked at one by one, so that a bare scope
        // with a resource is AADSTS9010010 too.
        let wanted = match Wanted::read(tenant, client, scope) {
            Err(refusal) if refusal.code == 650053 && query.get("resource").is_some() => {
                Wanted::read(tenant, client, "openid").map_err(|_| Reader::Client(refusal))?
            }
            read => read.map_err(Reader::Client)?,
        };
        wanted
            .check(query.get("resource"), self.settings.resource)
            .map_err(Reader::Person)?;
        let challenge = challenge(query).map_err(Reader::Client)?;
        self.consent(client, wanted.resource)
            .map_err(Reader::Client)?;
        let mut session = Session {
            id: jose::random_guid(),
            tenant: tenant.id.clone(),
            user: user.oid.clone(),
            nonce: query.get("nonce").map(str::to_owned),
            signed_in: self.now(),
            ..Session::default()
        };
        if let Some(claims) = query.get("claims") {
            request_claims(claims, user, &mut session).map_err(Reader::Client)?;
        }
        let code = format!("1.A{}.{}", jose::random(), jose::random());
        let grant = Code {
            session,
            client: client.id.clone(),
            redirect_uri: query.get("redirect_uri").unwrap_or_default().to_owned(),
            scope: scope.to_owned(),
            challenge,
            expires: self.now() + CODE_LIFETIME,
            redeemed: false,
        };
        lock(&self.grants).codes.insert(code.clone(), grant);
        Ok(code)
    }

    /// Whether the person, or an administrator, agreed to the client's use of the resource.
    pub(super) fn consent(&self, client: &App, resource: &App) -> Result<(), Refusal> {
        let refused = lock(&self.policies).iter().any(|policy| {
            matches!(policy, Policy::ConsentMissing { client: of, resource: to }
                if *of == client.id && *to == resource.id)
        });
        if !refused {
            return Ok(());
        }
        let refusal = Refusal::new(
            "invalid_grant",
            65001,
            format!(
                "The user or administrator has not consented to use the application with ID '{}' named '{}'. Send an \
                 interactive authorization request for this user and resource.",
                client.id, client.name
            ),
        );
        Err(refusal.with_suberror("consent_required"))
    }
}

/// The redirect URI and how an answer gets there.
fn return_address<'a>(client: &App, query: &'a Parameters) -> Result<Return<'a>, Refusal> {
    let uri = query
        .get("redirect_uri")
        .ok_or_else(|| Refusal::new("invalid_request", 900971, "No reply address provided."))?;
    if !client.has_redirect(uri) {
        return Err(Refusal::new(
            "invalid_request",
            50011,
            format!(
                "The redirect URI '{uri}' specified in the request does not match the redirect URIs configured for \
                 the application '{}'. Make sure the redirect URI sent in the request matches one added to your \
                 application in the Azure portal.",
                client.id
            ),
        ));
    }
    let mode = query.get("response_mode").unwrap_or("query");
    if !matches!(mode, "query" | "fragment" | "form_post") {
        return Err(Refusal::new(
            "invalid_request",
            70007,
            format!("'{mode}' is not a supported value of 'response_mode'."),
        ));
    }
    Ok(Return {
        uri,
        mode,
        state: query.get("state"),
    })
}

impl Return<'_> {
    fn answer(&self, parameters: &[(&str, &str)]) -> Answer {
        let state = self.state.map(|state| ("state", state));
        let parameters = parameters.iter().copied().chain(state);
        if self.mode == "form_post" {
            let inputs: String = parameters
                .map(|(name, value)| {
                    let value = value.replace('&', "&amp;").replace('"', "&quot;");
                    format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">")
                })
                .collect();
            let page = format!(
                "<!DOCTYPE html><title>Working...</title><form method=\"post\" action=\"{}\">{inputs}\
                 <button>Continue</button></form>",
                self.uri
            );
            return Answer::html(StatusCode::OK, page);
        }
        let mut encoded = url::form_urlencoded::Serializer::new(String::new());
        encoded.extend_pairs(parameters);
        let separator = match (self.mode, self.uri.contains('?')) {
            ("fragment", _) => '#',
            (_, true) => '&',
            (_, false) => '?',
        };
        Answer::redirect(format!("{}{separator}{}", self.uri, encoded.finish()))
    }
}

/// PKCE is not asked for, but held to when it is used.
fn challenge(query: &Parameters) -> Result<Option<(String, String)>, Refusal> {
    let Some(challenge) = query.get("code_challenge") else {
        return Ok(None);
    };
    let method = query.get("code_challenge_method").unwrap_or("plain");
    if !(43..=128).contains(&challenge.len()) || !matches!(method, "S256" | "plain") {
        return Err(Refusal::new(
            "invalid_request",
            501491,
            "Invalid size of Code_Challenge parameter.",
        ));
    }
    Ok(Some((method.to_owned(), challenge.to_owned())))
}

/// The parameter `claims` (OpenID Connect Core, section 5.5): authentication contexts, satisfied policies, and the
/// client's capabilities.
fn request_claims(text: &str, user: &User, session: &mut Session) -> Result<(), Refusal> {
    let claims: Value = serde_json::from_str(text).map_err(|_| {
        Refusal::new(
            "invalid_request",
            90100,
            "claims parameter is empty or not valid.",
        )
    })?;
    let of = |name: &str| values(claims.pointer(&format!("/access_token/{name}")));
    session.cp1 = of("xms_cc").iter().any(|value| value == "cp1");
    session.policies = of("polids");
    for context in of("acrs") {
        if user.contexts.contains(&context) {
            session.contexts.push(context);
        } else if claims.pointer("/access_token/acrs/essential") == Some(&Value::Bool(true)) {
            return Err(Refusal::new(
                "interaction_required",
                50076,
                "Due to a configuration change made by your administrator, or because you moved to a new location, \
                 you must use multi-factor authentication to access the resource.",
            ));
        }
    }
    Ok(())
}

/// `value` and `values` of one requested claim.
fn values(claim: Option<&Value>) -> Vec<String> {
    let Some(claim) = claim else {
        return Vec::new();
    };
    let many = claim.get("values").and_then(Value::as_array);
    many.into_iter()
        .flatten()
        .chain(claim.get("value"))
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

pub(super) fn no_tenant(name: &str) -> Refusal {
    Refusal::new(
        "invalid_request",
        90002,
        format!(
            "Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are signing into the \
             correct cloud."
        ),
    )
}

pub(super) fn no_client(id: &str, tenant: &Tenant) -> Refusal {
    let directory = tenant.domains.first().unwrap_or(&tenant.id);
    Refusal::new(
        "unauthorized_client",
        700016,
        format!(
            "Application with identifier '{id}' was not found in the directory '{directory}'. This can happen if the \
             application has not been installed by the administrator of the tenant or consented to by any user in \
             the tenant. You may have sent your authentication request to the wrong tenant."
        ),
    )
}

fn no_user(name: &str) -> Refusal {
    Refusal::new(
        "invalid_request",
        50034,
        format!("The user account {name} does not exist in the directory."),
    )
}
