//! Asking the person before anything happens at the issuer (MCP, security best practices,
//! "Confused Deputy Problem").
//!
//! The gateway is one client at the issuer for many clients here. So the issuer's own consent says
//! nothing about the client that asks: the person has to be asked here, for each client.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::Response;
use portcullis_store::{Consent, ConsentKey};
use serde::{Deserialize, Serialize};

use crate::authorize::{Asked, Mistake};
use crate::browser::Browser;
use crate::client::Source;
use crate::event::{Event, EventKind};
use crate::fault::Fault;
use crate::front::{Front, Visit};
use crate::issuer::Issuer;
use crate::page::{Html, Page};
use crate::parameters::Parameters;
use crate::redirect::{self, Kind};
use crate::refused::Refused;
use crate::sealing::{Purpose, digest, random_token};
use crate::sign_in::{self, Flow};

/// How long the page is good, in seconds.
const LIFETIME: u64 = 600;

/// What the form brings back, sealed for the browser that it was shown in. Nobody else can have a
/// person answer it, nor change what the answer is about.
#[derive(Serialize, Deserialize)]
struct Form {
    id: String,
    expires: u64,
    asked: Asked,
}

/// Whether the person said yes before, in this browser, to the same client, redirect URI, scopes and
/// endpoint.
///
/// Programs and apps on the person's machine are asked about each time: any other program may call
/// itself by the same id (OAuth 2.1 section 8.6).
pub(crate) async fn is_remembered(
    front: &Front,
    issuer: &Issuer,
    asked: &Asked,
    browser: &Browser,
) -> Result<bool, Refused<Fault>> {
    if !is_memorable(asked) {
        return Ok(false);
    }
    let key = key(issuer, asked, browser);
    let found = front.context.store.consent(&key, front.us_in(0)).await?;
    Ok(found.is_some_and(|consent| consent.granted))
}

/// The page that asks.
pub(crate) fn ask(
    front: &Front,
    issuer: &Issuer,
    asked: &Asked,
    browser: &Browser,
) -> Result<Response<Bytes>, Refused<Fault>> {
    let form = Form {
        id: random_token()?,
        expires: front.now() + LIFETIME,
        asked: asked.clone(),
    };
    let content = serde_json::to_string(&form)
        .map_err(|error| Refused::because(Fault::UNAVAILABLE, error))?;
    let place = place(issuer, browser);
    let sealed = front
        .context
        .key
        .seal_text(Purpose::Request, &place, content)?;
    // A name has to be told from the words around it.
    let title = format!("Let “{}” in?", asked.client_name);
    let action = format!("{}/consent", issuer.url);
    let body = page_body(front, issuer, asked)
        .form(&action)
        .hidden("request", &sealed)
        .raw("<p class=\"actions\"><button name=\"decision\" value=\"allow\">Allow and sign in</button> <button class=\"plain\" name=\"decision\" value=\"deny\">Do not allow</button></p>\n</form>\n")
        .raw("<p class=\"soft\">Next you sign in at ")
        .text(&issuer.host)
        .raw(". The application does not see your password.</p>\n");
    Ok(Page::new(title, body).answer(Some(browser)))
}

/// What the form says.
pub(crate) async fn decide(
    front: &Front,
    issuer: &Issuer,
    visit: &Visit<'_>,
) -> Result<Response<Bytes>, Refused<Fault>> {
    if !visit.is_form() || !visit.is_from_own_page(&front.origin) {
        return Err(Fault::FOREIGN_FORM.into());
    }
    let browser = Browser::of(&visit.head.headers)?;
    let parameters = Parameters::parse(visit.body).map_err(|_| Fault::MALFORMED)?;
    let sealed = parameters.get("request").unwrap_or_default();
    let form: Form = front
        .context
        .key
        .open_text(Purpose::Request, &place(issuer, &browser), sealed)
        .and_then(|content| serde_json::from_slice(content.expose()).ok())
        .ok_or(Fault::CONSENT_EXPIRED)?;
    if form.expires <= front.now() {
        return Err(Fault::CONSENT_EXPIRED.into());
    }
    let once = format!("front-form:{}", digest(&form.id));
    let ends = front.us_in(2 * LIFETIME);
    if !front.context.store.put_once(&once, b"", ends).await? {
        return Err(Fault::CONSENT_EXPIRED.into());
    }
    let asked = form.asked;
    let is_granted = parameters.get("decision") == Some("allow");
    front.tell(Event {
        client: Some(asked.client_id.clone()),
        ..visit.event(
            match is_granted {
                true => EventKind::ConsentGiven,
                false => EventKind::ConsentDenied,
            },
            Some(issuer),
        )
    });
    if !is_granted {
        let address = asked.back.with_error(&Mistake {
            error: "access_denied",
            description: "the person said no",
        });
        let text = "You did not let the application in.";
        return Ok(Page::onward("Going back", text, &address).answer(Some(&browser)));
    }
    if is_memorable(&asked) {
        remember(front, issuer, &asked, &browser).await?;
    }
    let to = sign_in::begin(front, issuer, &browser, Flow::Client(asked)).await?;
    let text = format!("You are taken to {} to sign in.", issuer.host);
    Ok(Page::onward("Going on to sign in", &text, to.as_str()).answer(Some(&browser)))
}

fn page_body(front: &Front, issuer: &Issuer, asked: &Asked) -> Html {
    let known_by = match &asked.source {
        Source::Configured => "Your administrator registered it.".to_owned(),
        Source::Document(host) => format!("It belongs to {host}."),
        Source::Registered => {
            "It registered itself. Nobody has checked its name or who made it.".to_owned()
        }
    };
    let back = &asked.back;
    let resource = front
        .resources
        .iter()
        .find(|resource| resource.url == asked.resource);
    let title = resource.map_or("", |resource| resource.title.as_str());
    let mut body = Html::default()
        .raw("<p>An application wants to use the tools behind this gateway in your name.</p>\n<dl>\n")
        .fact("Application", &asked.client_name)
        .fact("Known how", &known_by)
        .fact("Leads back to", &redirect::shown(&back.redirect, back.kind))
        .fact("Wants to use", title)
        .fact("At", &asked.resource)
        .raw("<dt>May</dt><dd>");
    body = match asked.scopes.is_empty() {
        true => body.raw("what you may at ").text(&issuer.host),
        false => body.words(asked.scopes.iter().map(String::as_str)),
    };
    body = body.raw("</dd>\n");
    if asked.lasting {
        body = body.fact("How long", "Until you, or your administrator, end it");
    }
    body = body.raw("</dl>\n");
    match back.kind {
        Kind::Web => body,
        Kind::Loopback | Kind::Application => body.raw("<p class=\"warn\">This application runs on your computer, and any program there can give itself this name. Allow it only if you have just started to sign in from that application yourself.</p>\n"),
    }
}

async fn remember(
    front: &Front,
    issuer: &Issuer,
    asked: &Asked,
    browser: &Browser,
) -> Result<(), Refused<Fault>> {
    let lifetime = issuer
        .door
        .as_ref()
        .map_or(0, |door| door.consent_lifetime.as_secs());
    let consent = Consent {
        key: key(issuer, asked, browser),
        granted: true,
        at_us: front.us_in(0),
        expires_us: Some(front.us_in(lifetime)),
    };
    Ok(front.context.store.put_consent(&consent).await?)
}

/// Only who has the certificate of a host can be known again by a redirect URI.
fn is_memorable(asked: &Asked) -> bool {
    asked.back.kind == Kind::Web && asked.source != Source::Registered
}

/// Nobody has signed in yet: it is the browser that consented.
fn key(issuer: &Issuer, asked: &Asked, browser: &Browser) -> ConsentKey {
    let mut scopes: BTreeSet<String> = asked.scopes.iter().cloned().collect();
    scopes.insert(format!("resource={}", asked.resource));
    if asked.lasting {
        scopes.insert("offline_access".to_owned());
    }
    ConsentKey {
        principal: format!("browser:{}@{}", browser.digest(), issuer.name),
        client: asked.client_id.clone(),
        redirect: asked.back.redirect.clone(),
        scopes,
    }
}

fn place(issuer: &Issuer, browser: &Browser) -> String {
    format!("{} {}", issuer.name, browser.digest())
}
