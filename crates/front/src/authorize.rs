//! The authorization endpoint of a front door (OAuth 2.1 section 4.1, RFC 7636, RFC 8707).
//!
//! Until the client and its redirect URI are certain, a person reads what is wrong. After that the
//! client is told, but nobody is sent to another website by a mistake in a request alone.

use bytes::Bytes;
use http::Response;
use portcullis_config::FrontDoor;
use portcullis_mcp::json;
use serde::{Deserialize, Serialize};

use crate::answer;
use crate::browser::Browser;
use crate::client::{self, Client, Source};
use crate::consent;
use crate::fault::Fault;
use crate::front::{Front, Visit};
use crate::issuer::Issuer;
use crate::page::{Html, Page};
use crate::parameters::Parameters;
use crate::redirect::{self, Kind};
use crate::refused::Refused;
use crate::resource::Resource;
use crate::sign_in::{self, Flow};

const MAX_STATE: usize = 2048;
const MAX_HINT: usize = 320;
const MAX_CLAIMS: usize = 8 * 1024;
/// Scopes that are no right at a tool; the gateway asks for what it needs of them itself.
const IGNORED: &[&str] = &["openid", "profile", "email", "address", "phone"];

/// A request that is all right, and the way back to its client.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) client_id: String,
    pub(crate) client_name: String,
    pub(crate) source: Source,
    pub(crate) back: WayBack,
    /// The S256 challenge.
    pub(crate) challenge: String,
    /// The scopes as the client calls them.
    pub(crate) scopes: Vec<String>,
    /// The canonical address of the endpoint that the tokens are for.
    pub(crate) resource: String,
    /// Whether a refresh token is wanted.
    pub(crate) lasting: bool,
    /// What the issuer is asked besides, by name.
    pub(crate) passed_on: Vec<(String, String)>,
}

/// How a client is told what came of its request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct WayBack {
    pub(crate) redirect: String,
    pub(crate) kind: Kind,
    state: Option<String>,
    /// Our own issuer identifier (RFC 9207).
    issuer: String,
}

/// What the client is told is wrong (RFC 6749 section 4.1.2.1).
pub(crate) struct Mistake {
    pub(crate) error: &'static str,
    pub(crate) description: &'static str,
}

impl WayBack {
    pub(crate) fn with_code(&self, code: &str) -> String {
        self.with(&[("code", Some(code))])
    }

    pub(crate) fn with_error(&self, mistake: &Mistake) -> String {
        self.with(&[
            ("error", Some(mistake.error)),
            ("error_description", Some(mistake.description)),
        ])
    }

    fn with(&self, parameters: &[(&str, Option<&str>)]) -> String {
        let rest = [
            ("state", self.state.as_deref()),
            ("iss", Some(self.issuer.as_str())),
        ];
        redirect::with(&self.redirect, &[parameters, rest.as_slice()].concat())
    }
}

pub(crate) async fn authorize(
    front: &Front,
    issuer: &Issuer,
    visit: &Visit<'_>,
) -> Result<Response<Bytes>, Refused<Fault>> {
    let door = issuer.door.as_ref().ok_or(Fault::CLIENT_UNKNOWN)?;
    let parameters = Parameters::parse(visit.query().as_bytes()).map_err(|_| Fault::MALFORMED)?;
    let id = parameters.get("client_id").ok_or(Fault::CLIENT_UNKNOWN)?;
    let client = client::find(front, issuer, door, id).await?;
    let redirect = parameters.get("redirect_uri").ok_or(Fault::REDIRECT)?;
    let kind = client.redirect(redirect).ok_or(Fault::REDIRECT)?;
    let back = WayBack {
        redirect: redirect.to_owned(),
        kind,
        state: parameters
            .get("state")
            .filter(|state| is_printable(state, MAX_STATE))
            .map(str::to_owned),
        issuer: issuer.url.clone(),
    };
    let browser = Browser::of(&visit.head.headers)?;
    let told = |mistake: &Mistake| {
        let rule = answer::rule(mistake.error);
        let reference = front.note(visit, Some(issuer), rule, mistake.description);
        tell_client(&client, &back, mistake, &reference, &browser)
    };
    let asked = match read(front, issuer, door, &client, back.clone(), &parameters) {
        Ok(asked) => asked,
        Err(mistake) => return told(&mistake),
    };
    let prompt = parameters.get("prompt");
    let is_known = prompt != Some("consent")
        && consent::is_remembered(front, issuer, &asked, &browser).await?;
    match (is_known, prompt) {
        (true, _) => {
            let to = sign_in::begin(front, issuer, &browser, Flow::Client(asked)).await?;
            answer::redirect(to.as_str()).ok_or(Fault::UNAVAILABLE.into())
        }
        (false, Some("none")) => {
            let mistake = Mistake {
                error: "consent_required",
                description: "the person has to be asked",
            };
            told(&mistake)
        }
        (false, _) => consent::ask(front, issuer, &asked, &browser),
    }
}

/// Tells the client what is wrong with its request. A redirect to a website that nobody vouches for
/// happens only when the person follows a link (RFC 9700 section 4.11.2).
fn tell_client(
    client: &Client,
    back: &WayBack,
    mistake: &Mistake,
    reference: &str,
    browser: &Browser,
) -> Result<Response<Bytes>, Refused<Fault>> {
    let address = back.with_error(mistake);
    if client.source == Source::Configured || back.kind == Kind::Loopback {
        return answer::redirect(&address).ok_or(Fault::REDIRECT.into());
    }
    let body = Html::default()
        .paragraph("The application asked for something that it cannot have. Nothing was given to anybody.")
        .raw("<dl>\n")
        .fact("Application", &client.name)
        .fact("Leads back to", &redirect::shown(&back.redirect, back.kind))
        .fact("What is wrong", mistake.description)
        .raw("</dl>\n")
        .button_link(&address, "Back to the application")
        .raw("<p class=\"soft\">Rule <code>")
        .text(answer::rule(mistake.error))
        .raw("</code>, reference <code>")
        .text(reference)
        .raw("</code></p>\n");
    let mut page = Page::new("The application made a mistake", body);
    page.status = http::StatusCode::BAD_REQUEST;
    Ok(page.answer(Some(browser)))
}

/// Everything about a request whose client and redirect URI are certain.
fn read(
    front: &Front,
    issuer: &Issuer,
    door: &FrontDoor,
    client: &Client,
    back: WayBack,
    parameters: &Parameters,
) -> Result<Asked, Mistake> {
    let is_wrong = |error, description| Err(Mistake { error, description });
    match parameters.get("response_type") {
        Some("code") => {}
        Some(_) => return is_wrong("unsupported_response_type", "response_type must be code"),
        None => return is_wrong("invalid_request", "response_type is missing"),
    }
    for (name, error) in [
        ("request", "request_not_supported"),
        ("request_uri", "request_uri_not_supported"),
    ] {
        if parameters.get(name).is_some() {
            return is_wrong(error, "request objects are not taken");
        }
    }
    if parameters
        .get("response_mode")
        .is_some_and(|mode| mode != "query")
    {
        return is_wrong("invalid_request", "response_mode must be query");
    }
    if back.state.is_none() {
        return is_wrong("invalid_request", "state is missing or unusable");
    }
    let challenge = parameters.get("code_challenge").unwrap_or_default();
    if parameters.get("code_challenge_method") != Some("S256") || !is_challenge(challenge) {
        return is_wrong("invalid_request", "PKCE with S256 is required");
    }
    let resource = resource(front, issuer, parameters.get("resource"))?;
    let (scopes, asks_offline) = scopes(door, resource, parameters.get("scope"))?;
    Ok(Asked {
        client_id: client.id.clone(),
        client_name: client.name.clone(),
        source: client.source.clone(),
        back,
        challenge: challenge.to_owned(),
        scopes,
        resource: resource.url.clone(),
        lasting: client.lasting || asks_offline,
        passed_on: passed_on(parameters)?,
    })
}

/// The endpoint that is meant. A client that does not say means the only one there is.
fn resource<'a>(
    front: &'a Front,
    issuer: &Issuer,
    asked: Option<&str>,
) -> Result<&'a Resource, Mistake> {
    let mut fitting = front.resources.iter().filter(|resource| {
        resource.takes(&issuer.name) && asked.is_none_or(|asked| resource.is_meant(asked))
    });
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(Mistake {
            error: "invalid_target",
            description: "resource is not the address of one of this gateway's endpoints",
        }),
    }
}

/// The scopes as the client calls them, without those of OpenID Connect, and whether
/// `offline_access` is among them. None at all means those of the endpoint.
fn scopes(
    door: &FrontDoor,
    resource: &Resource,
    asked: Option<&str>,
) -> Result<(Vec<String>, bool), Mistake> {
    let mut scopes: Vec<String> = Vec::new();
    let mut asks_offline = false;
    for scope in asked
        .unwrap_or_default()
        .split(' ')
        .filter(|scope| !scope.is_empty())
    {
        if scope == "offline_access" {
            asks_offline = true;
        } else if !IGNORED.contains(&scope) && !scopes.iter().any(|known| known == scope) {
            if !may_be_asked(door, resource, scope) {
                return Err(Mistake {
                    error: "invalid_scope",
                    description: "a scope is not one that applications may ask for here",
                });
            }
            scopes.push(scope.to_owned());
        }
    }
    if scopes.is_empty() {
        let own = match resource.scopes.is_empty() {
            true => &door.scopes,
            false => &resource.scopes,
        };
        scopes.clone_from(own);
    }
    Ok((scopes, asks_offline))
}

/// By its own name, or by that which the issuer has for it.
fn may_be_asked(door: &FrontDoor, resource: &Resource, scope: &str) -> bool {
    let bare = door
        .scope_prefix
        .as_deref()
        .and_then(|prefix| scope.strip_prefix(prefix));
    [Some(scope), bare].into_iter().flatten().any(|scope| {
        let mut known = door.scopes.iter().chain(&resource.scopes);
        known.any(|known| known == scope)
    })
}

/// What concerns the sign-in at the issuer alone: who, how strongly, how recently.
fn passed_on(parameters: &Parameters) -> Result<Vec<(String, String)>, Mistake> {
    let is_wrong = |description| Mistake {
        error: "invalid_request",
        description,
    };
    let mut out = Vec::new();
    for name in ["claims", "prompt", "login_hint", "acr_values", "max_age"] {
        let Some(value) = parameters.get(name) else {
            continue;
        };
        let fits = match name {
            "claims" => is_object(value),
            "prompt" => matches!(value, "none" | "login" | "select_account" | "consent"),
            "max_age" => value.len() <= 9 && value.bytes().all(|byte| byte.is_ascii_digit()),
            _ => is_printable(value, MAX_HINT),
        };
        if !fits {
            return Err(is_wrong(
                "claims, prompt, login_hint, acr_values or max_age is unusable",
            ));
        }
        // Consent to the client was or is asked for here; the issuer would ask for consent to us.
        if (name, value) != ("prompt", "consent") {
            out.push((name.to_owned(), value.to_owned()));
        }
    }
    Ok(out)
}

fn is_object(text: &str) -> bool {
    let limits = json::Limits {
        max_bytes: MAX_CLAIMS,
        max_depth: 8,
    };
    json::check(text.as_bytes(), &limits)
        .is_ok_and(|text| json::kind(text) == json::JsonKind::Object)
}

/// RFC 7636 section 4.2: a SHA-256 in base64url.
fn is_challenge(text: &str) -> bool {
    text.len() == 43
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

fn is_printable(text: &str, most: usize) -> bool {
    text.len() <= most && text.bytes().all(|byte| (0x20..=0x7e).contains(&byte))
}
