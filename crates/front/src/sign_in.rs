//! A sign-in at the issuer, from its beginning until the browser comes back.
//!
//! What has to be remembered is stored sealed for one browser, under a digest of its `state`, for
//! ten minutes and one use, and only after the person agreed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_oauth::{Pending, Scopes, SignIn, begin as begin_at};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::authorize::Asked;
use crate::browser::Browser;
use crate::connect::Confirmed;
use crate::fault::Fault;
use crate::front::Front;
use crate::issuer::Issuer;
use crate::refused::Refused;
use crate::sealing::{Purpose, digest};

/// Seconds.
const LIFETIME: u64 = 600;

/// What a sign-in is for.
#[derive(Serialize, Deserialize)]
pub(crate) enum Flow {
    /// A client wants tokens.
    Client(Asked),
    /// A person wants to connect an account, and shows who they are.
    Connect(Confirmed),
}

#[derive(Serialize, Deserialize)]
struct Record {
    issuer: String,
    pending: String,
    flow: Flow,
}

/// Begins a sign-in; returns where to send the browser.
pub(crate) async fn begin(
    front: &Front,
    issuer: &Issuer,
    browser: &Browser,
    flow: Flow,
) -> Result<Url, Refused<Fault>> {
    let unavailable = |cause| Refused::because(Fault::UNAVAILABLE, cause);
    let server = issuer.server().await.map_err(unavailable)?;
    server.check_pkce(issuer.pkce()).map_err(unavailable)?;
    let endpoint = server.authorization_endpoint().map_err(unavailable)?;
    let (scopes, passed_on) = match &flow {
        Flow::Client(asked) => (
            issuer.qualified(&asked.scopes, asked.lasting, &server),
            asked.passed_on.as_slice(),
        ),
        Flow::Connect(_) => (
            Scopes::of(["openid", "profile"]).unwrap_or_default(),
            &[][..],
        ),
    };
    let passed = |name: &str| {
        let mut own = passed_on.iter().filter(|(own, _)| own == name);
        own.next().map(|(_, value)| value.as_str())
    };
    let (mut url, pending) = begin_at(&SignIn {
        issuer: &server.issuer,
        endpoint,
        names_issuer: server.authorization_response_iss_parameter_supported,
        client_id: issuer.client_id(),
        redirect_uri: &issuer.callback,
        scopes: &scopes,
        // Entra refuses it, and others may: the tokens are for the gateway by their scopes, or by
        // what the issuer was told about the gateway.
        resource: resource(issuer, &flow).as_ref(),
        claims: passed("claims"),
        dpop_jkt: None,
        prompt: passed("prompt"),
        login_hint: passed("login_hint"),
    })
    .map_err(|error| Refused::because(Fault::UNAVAILABLE, error))?;
    for name in ["acr_values", "max_age"] {
        if let Some(value) = passed(name) {
            url.query_pairs_mut().append_pair(name, value);
        }
    }
    if server.require_pushed_authorization_requests
        && let Some(push) = &server.pushed_authorization_request_endpoint
    {
        let pushed = issuer.channel(&server).push(push, &url, front.now()).await;
        url = pushed.map_err(|error| Refused::because(Fault::UNAVAILABLE, error))?;
    }
    store(front, issuer, browser, &pending, flow).await?;
    Ok(url)
}

/// What was begun under this `state`, once.
pub(crate) async fn take(
    front: &Front,
    issuer: &Issuer,
    browser: &Browser,
    state: &str,
) -> Result<(Pending, Flow), Refused<Fault>> {
    let key = key(state);
    let sealed = front.context.store.take(&key, front.us_in(0)).await?;
    let sealed = sealed.ok_or(Fault::STATE)?;
    let opened = front
        .context
        .key
        .open(Purpose::SignIn, &place(&key, browser), &sealed)
        .ok_or(Fault::OTHER_BROWSER)?;
    let record: Record = serde_json::from_slice(opened.expose())
        .map_err(|error| Refused::because(Fault::UNAVAILABLE, error))?;
    if record.issuer != issuer.name {
        // Another issuer's answer came to this one's address.
        return Err(Fault::sign_in("sign-in-issuer-wrong").into());
    }
    let pending = STANDARD
        .decode(&record.pending)
        .ok()
        .and_then(|bytes| Pending::from_bytes(&bytes).ok())
        .ok_or(Fault::UNAVAILABLE)?;
    Ok((pending, record.flow))
}

/// The resource that a standard authorization server is asked about (RFC 8707).
pub(crate) fn resource(issuer: &Issuer, flow: &Flow) -> Option<portcullis_oauth::Resource> {
    match flow {
        Flow::Client(asked) if !issuer.is_entra => {
            portcullis_oauth::Resource::parse(&asked.resource).ok()
        }
        Flow::Client(_) | Flow::Connect(_) => None,
    }
}

async fn store(
    front: &Front,
    issuer: &Issuer,
    browser: &Browser,
    pending: &Pending,
    flow: Flow,
) -> Result<(), Refused<Fault>> {
    let key = key(pending.state());
    let record = Record {
        issuer: issuer.name.clone(),
        pending: STANDARD.encode(pending.to_bytes()),
        flow,
    };
    let content = serde_json::to_string(&record)
        .map_err(|error| Refused::because(Fault::UNAVAILABLE, error))?;
    let place = place(&key, browser);
    let sealed = front.context.key.seal(Purpose::SignIn, &place, content)?;
    let ends = front.us_in(LIFETIME);
    match front.context.store.put_once(&key, &sealed, ends).await? {
        true => Ok(()),
        false => Err(Fault::UNAVAILABLE.into()),
    }
}

fn key(state: &str) -> String {
    format!("front-state:{}", digest(state))
}

fn place(key: &str, browser: &Browser) -> String {
    format!("{key} {}", browser.digest())
}
