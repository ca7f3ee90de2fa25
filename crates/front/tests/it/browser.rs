//! A browser without script: it keeps the front's cookie, reads forms and follows what it is told.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use portcullis_egress::{Client, Limits, Naming, Settings};
use portcullis_front::Front;
use serde_json::Value;
use url::Url;

use crate::world::{BASE, CHALLENGE, CLIENT, ISSUER, REDIRECT, RESOURCE, VERIFIER, World, facts};

pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

#[derive(Default)]
pub(crate) struct Browser {
    pub(crate) cookie: Option<String>,
    pub(crate) principal: Option<String>,
    /// Fields that are sent along, in the place of the browser's own.
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Page {
    fn of(answer: Response<Bytes>) -> Self {
        let (head, body) = answer.into_parts();
        Self {
            status: head.status.as_u16(),
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// Where it leads: by redirect, by itself, or by the link that stands there.
    pub(crate) fn leads_to(&self) -> Url {
        let address = match self.header("location") {
            "" => between(
                &self.body,
                "class=\"button\" rel=\"noreferrer\" href=\"",
                "\"",
            )
            .unwrap_or_else(|| panic!("leads nowhere: {}", self.body)),
            address => address.to_owned(),
        };
        Url::parse(&address).unwrap()
    }

    /// A parameter of where it leads.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let url = self.leads_to();
        let found = url.query_pairs().find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned())
    }

    /// The rule that an error page names.
    pub(crate) fn rule(&self) -> String {
        between(&self.body, "Rule <code>", "</code>")
            .unwrap_or_else(|| panic!("no rule: {} {}", self.status, self.body))
    }

    /// The value of a hidden field.
    pub(crate) fn field(&self, name: &str) -> String {
        between(&self.body, &format!("name=\"{name}\" value=\""), "\"")
            .unwrap_or_else(|| panic!("no field {name}: {}", self.body))
    }
}

/// The text between two marks, as a person would read it.
fn between(text: &str, start: &str, end: &str) -> Option<String> {
    let (_, rest) = text.split_once(start)?;
    let (found, _) = rest.split_once(end)?;
    Some(found.replace("&amp;", "&").replace("&#39;", "'"))
}

impl Browser {
    pub(crate) async fn get(&mut self, front: &Front, address: &str) -> Page {
        let request = Request::get(address);
        self.send(front, request, String::new()).await
    }

    pub(crate) async fn post(
        &mut self,
        front: &Front,
        address: &str,
        form: &[(&str, &str)],
    ) -> Page {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        let request = Request::post(address)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("host", "127.0.0.1:8642");
        self.send(front, request, body.finish()).await
    }

    async fn send(
        &mut self,
        front: &Front,
        mut request: http::request::Builder,
        body: String,
    ) -> Page {
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Bytes::from(body)).unwrap();
        assert!(front.owns(request.uri().path()), "{}", request.uri());
        let facts = facts(self.principal.as_deref());
        let page = Page::of(front.respond(request, &facts).await);
        if let Some((cookie, _)) = page.header("set-cookie").split_once(';') {
            self.cookie = Some(cookie.to_owned());
        }
        page
    }

    /// Asks for authorization; `changed` replaces parameters, an empty value leaves one out.
    pub(crate) async fn authorize(&mut self, front: &Front, changed: &[(&str, &str)]) -> Page {
        self.get(front, &authorize_url(changed)).await
    }

    /// Says yes on the page that asks.
    pub(crate) async fn allow(&mut self, front: &Front, page: &Page) -> Page {
        self.decide(front, page, "allow").await
    }

    pub(crate) async fn decide(&mut self, front: &Front, page: &Page, decision: &str) -> Page {
        let request = page.field("request");
        let form = [("request", request.as_str()), ("decision", decision)];
        self.post(front, &format!("{ISSUER}/consent"), &form).await
    }

    /// From the page that leads to the issuer to where the issuer sends the browser back to.
    pub(crate) async fn at_issuer(&self, page: &Page) -> Url {
        let back = elsewhere(page.leads_to().as_str()).await;
        assert_eq!(back.status, 302, "{}", back.body);
        back.leads_to()
    }

    /// A whole sign-in up to the redirect to the client.
    pub(crate) async fn sign_in(&mut self, front: &Front, changed: &[(&str, &str)]) -> Page {
        let asks = self.authorize(front, changed).await;
        let onward = match asks.status {
            302 => asks,
            _ => self.allow(front, &asks).await,
        };
        let back = self.at_issuer(&onward).await;
        self.get(front, back.as_str()).await
    }
}

pub(crate) fn authorize_url(changed: &[(&str, &str)]) -> String {
    let mut parameters = BTreeMap::from([
        ("client_id", CLIENT),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("state", "its-state"),
        ("resource", RESOURCE),
        ("scope", "tools.read"),
    ]);
    parameters.extend(changed.iter().copied());
    parameters.retain(|_, value| !value.is_empty());
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    format!("{ISSUER}/authorize?{}", query.finish())
}

/// A request to somebody else.
pub(crate) async fn elsewhere(address: &str) -> Page {
    let client = Client::new(&Settings {
        use_system_roots: false,
        ..Settings::default()
    })
    .unwrap();
    let request = Request::get(address).body(Bytes::new()).unwrap();
    let limits = Limits::default();
    let answer = client.send(request, Naming::Configured, &limits).await;
    Page::of(answer.unwrap())
}

/// Asks the token endpoint; `changed` replaces parameters of the form.
pub(crate) async fn token(front: &Front, form: &[(&str, &str)], changed: &[(&str, &str)]) -> Page {
    let mut fields: BTreeMap<&str, &str> = form.iter().copied().collect();
    fields.extend(changed.iter().copied());
    fields.retain(|_, value| !value.is_empty());
    let fields: Vec<_> = fields.into_iter().collect();
    let address = format!("{BASE}/oauth/entra/token");
    Browser::default().post(front, &address, &fields).await
}

pub(crate) async fn redeem(front: &Front, code: &str, changed: &[(&str, &str)]) -> Page {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
        ("code", code),
        ("resource", RESOURCE),
    ];
    token(front, &form, changed).await
}

pub(crate) async fn refresh(front: &Front, refresh: &str, changed: &[(&str, &str)]) -> Page {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", CLIENT),
        ("refresh_token", refresh),
    ];
    token(front, &form, changed).await
}

/// The code of a whole sign-in.
pub(crate) async fn code(world: &World, changed: &[(&str, &str)]) -> String {
    let done = Browser::default().sign_in(&world.front, changed).await;
    done.parameter("code")
        .unwrap_or_else(|| panic!("no code: {}", done.leads_to()))
}
