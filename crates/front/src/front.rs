//! The front: what it is built from, and which handler answers what.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response};
use portcullis_config::Config;
use portcullis_oauth::{ClientDocuments, Clock};
use portcullis_store::Store;
use url::Url;

use crate::connect::{self, Grants};
use crate::event::{Event, EventKind};
use crate::fault::Fault;
use crate::issuer::{Issuer, Upstream};
use crate::metadata;
use crate::refused::Refused;
use crate::resource::Resource;
use crate::route::{self, Endpoint, Route};
use crate::sealing::{SealingKey, random_token};
use crate::{answer, authorize, callback, consent, register, token};

/// What a [`Front`] works with. All of it survives a reload of the configuration.
#[derive(Clone)]
pub struct Context {
    /// The way to each issuer at which the gateway is registered, by the issuer's name.
    pub upstreams: BTreeMap<String, Upstream>,
    /// Finds out about clients.
    pub documents: Arc<ClientDocuments>,
    /// Keeps what is good once, consents and revocations.
    pub store: Arc<dyn Store>,
    /// Seals what leaves this process.
    pub key: SealingKey,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Connects accounts at servers; `None`: nobody can.
    pub grants: Option<Arc<dyn Grants>>,
    /// Hears of everything that an operator should see. Must not block.
    pub events: Arc<dyn Fn(Event) + Send + Sync>,
}

/// What is known about a request besides its text.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Who sent it.
    pub peer: IpAddr,
    /// The principal, when the request itself was authenticated: by a client certificate, or
    /// because it comes from this machine.
    pub principal: Option<&'a str>,
}

/// Why there is no front.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrontError {
    /// The gateway's own address is neither https nor http.
    #[error("the gateway's public address is no http address")]
    BaseUrl,
    /// An issuer has a front door, and there is no way to it, or its addresses are none.
    #[error("there is no way to the issuer {0} behind its front door")]
    Issuer(String),
}

/// Answers for the pages and endpoints of the gateway that are no MCP endpoints.
pub struct Front {
    pub(crate) context: Context,
    /// `scheme://host[:port]` of the gateway, by which our own forms are recognised.
    pub(crate) origin: String,
    /// The gateway's address without a slash at its end.
    pub(crate) base: String,
    pub(crate) prefix: String,
    pub(crate) issuers: BTreeMap<String, Issuer>,
    pub(crate) resources: Vec<Resource>,
    endpoints: Vec<String>,
}

/// A request on its way through a handler.
pub(crate) struct Visit<'a> {
    pub(crate) head: &'a Parts,
    pub(crate) body: &'a [u8],
    pub(crate) facts: &'a Facts<'a>,
}

impl Front {
    /// A front for one configuration. `base_url` is the address of the gateway as clients write it:
    /// [`Listen::base_url`](portcullis_config::Listen::base_url), or the address that is listened on.
    /// It never follows from a request.
    ///
    /// # Errors
    /// [`FrontError`]
    pub fn new(config: &Config, base_url: &str, context: Context) -> Result<Self, FrontError> {
        let base = base_url.trim_end_matches('/').to_owned();
        let url = Url::parse(&base).map_err(|_| FrontError::BaseUrl)?;
        if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
            return Err(FrontError::BaseUrl);
        }
        let mut issuers = BTreeMap::new();
        for (name, settings) in &config.authn.issuers {
            let upstream = context.upstreams.get(name).cloned();
            match upstream.and_then(|upstream| Issuer::new(name, settings, &base, upstream)) {
                Some(issuer) => {
                    issuers.insert(name.clone(), issuer);
                }
                None if settings.front_door.is_some() => {
                    return Err(FrontError::Issuer(name.clone()));
                }
                None => {}
            }
        }
        let resources = config
            .profiles
            .iter()
            .filter_map(|(name, profile)| Resource::new(name, profile, config, &base));
        Ok(Self {
            origin: url.origin().ascii_serialization(),
            prefix: url.path().trim_end_matches('/').to_owned(),
            issuers,
            resources: resources.collect(),
            endpoints: config
                .profiles
                .values()
                .map(|profile| profile.path.clone())
                .collect(),
            base,
            context,
        })
    }

    /// Whether a request for this path is to be answered here. An MCP endpoint at the same path
    /// comes first.
    #[must_use]
    pub fn owns(&self, path: &str) -> bool {
        !self.endpoints.iter().any(|endpoint| endpoint == path)
            && route::of(path, &self.prefix).is_some()
    }

    /// Whether pages of any origin may ask for this path and read the answer: the documents, the
    /// token endpoint and the registration, for clients that run in browsers. What [`owns`](Self::owns)
    /// says comes first.
    #[must_use]
    pub fn is_public(&self, path: &str) -> bool {
        route::of(path, &self.prefix).is_some_and(|route| route.public_verbs().is_some())
    }

    /// Where an issuer has to be told to send browsers back to: the redirect URI of the gateway's
    /// registration there.
    #[must_use]
    pub fn callback(&self, issuer: &str) -> Option<&Url> {
        self.issuers.get(issuer).map(|issuer| &issuer.callback)
    }

    /// Where the authorization servers of MCP servers send browsers back to.
    #[must_use]
    pub fn connect_callback(&self) -> String {
        format!("{}/connect/callback", self.base)
    }

    /// Answers one request. The body has been read; its size is the listener's to limit.
    pub async fn respond(&self, request: Request<Bytes>, from: &Facts<'_>) -> Response<Bytes> {
        let (head, body) = request.into_parts();
        let visit = Visit {
            head: &head,
            body: &body,
            facts: from,
        };
        let Some(route) = route::of(head.uri.path(), &self.prefix) else {
            return answer::not_found();
        };
        match route.public_verbs() {
            Some(verbs) if head.method == Method::OPTIONS => answer::preflight(verbs),
            Some(_) => answer::for_any_origin(self.follow(route, &visit).await),
            None => self.follow(route, &visit).await,
        }
    }

    async fn follow(&self, route: Route<'_>, visit: &Visit<'_>) -> Response<Bytes> {
        match route {
            Route::Resource(path) => visit.document(self.resource_document(path)),
            Route::Metadata(name, form) => {
                let issuer = self.issuers.get(name);
                visit.document(
                    issuer
                        .and_then(|issuer| metadata::document(issuer, self.resources.iter(), form)),
                )
            }
            Route::Door(name, endpoint) => match self.issuers.get(name) {
                Some(issuer) => self.enter(issuer, endpoint, visit).await,
                None => answer::not_found(),
            },
            Route::Client => {
                let grants = self.context.grants.as_ref();
                visit.document(grants.and_then(|grants| grants.client_document()))
            }
            Route::Connect(_) | Route::Connected if self.context.grants.is_none() => {
                answer::not_found()
            }
            Route::Connect(ticket) => match visit.head.method {
                Method::GET => self.page(visit, None, connect::show(self, ticket, visit)),
                Method::POST => {
                    let asked = connect::confirm(self, ticket, visit).await;
                    self.page(visit, None, asked)
                }
                _ => answer::method_not_allowed("GET, POST"),
            },
            Route::Connected => match visit.head.method {
                Method::GET => {
                    let done = connect::complete(self, visit).await;
                    self.page(visit, None, done)
                }
                _ => answer::method_not_allowed("GET"),
            },
        }
    }

    async fn enter(
        &self,
        issuer: &Issuer,
        endpoint: Endpoint,
        visit: &Visit<'_>,
    ) -> Response<Bytes> {
        if endpoint == Endpoint::Callback {
            // People also come back here who sign in to connect an account, without a front door.
            return match visit.head.method {
                Method::GET => {
                    let back = callback::callback(self, issuer, visit).await;
                    self.page(visit, Some(issuer), back)
                }
                _ => answer::method_not_allowed("GET"),
            };
        }
        let Some(door) = &issuer.door else {
            return answer::not_found();
        };
        match (endpoint, &visit.head.method) {
            (Endpoint::Authorize, &Method::GET) => {
                let asked = authorize::authorize(self, issuer, visit).await;
                self.page(visit, Some(issuer), asked)
            }
            (Endpoint::Authorize, _) => answer::method_not_allowed("GET"),
            (Endpoint::Consent, &Method::POST) => {
                let decided = consent::decide(self, issuer, visit).await;
                self.page(visit, Some(issuer), decided)
            }
            (Endpoint::Keys, _) => visit.document(Some("{\"keys\":[]}".to_owned())),
            (Endpoint::Register, _) if !door.registration => answer::not_found(),
            (Endpoint::Token, &Method::POST) => {
                let given = token::token(self, issuer, visit).await;
                self.endpoint(visit, issuer, given)
            }
            (Endpoint::Register, &Method::POST) => {
                let registered = register::register(self, issuer, visit);
                self.endpoint(visit, issuer, registered)
            }
            (Endpoint::Consent | Endpoint::Register | Endpoint::Token | Endpoint::Callback, _) => {
                answer::method_not_allowed("POST")
            }
        }
    }

    /// The document about the resource with this path. At the root, that of the only resource.
    fn resource_document(&self, path: &str) -> Option<String> {
        let path = path.trim_end_matches('/');
        let named = self.resources.iter().find(|resource| resource.is_at(path));
        match (named, self.resources.as_slice()) {
            (Some(resource), _) => Some(resource.document()),
            (None, [only]) if path.is_empty() => Some(only.document()),
            _ => None,
        }
    }

    /// The answer of a page, or the page that says why there is none.
    fn page(
        &self,
        visit: &Visit<'_>,
        issuer: Option<&Issuer>,
        result: Result<Response<Bytes>, Refused<Fault>>,
    ) -> Response<Bytes> {
        result.unwrap_or_else(|refused| {
            let reference = self.note(visit, issuer, refused.is.rule, &refused.detail());
            refused.is.page(&reference).answer(None)
        })
    }

    /// The answer of an endpoint, or the error that says why there is none.
    fn endpoint(
        &self,
        visit: &Visit<'_>,
        issuer: &Issuer,
        result: Result<Response<Bytes>, Refused<answer::OauthError>>,
    ) -> Response<Bytes> {
        result.unwrap_or_else(|refused| {
            let detail = match refused.cause {
                Some(_) => refused.detail(),
                None => refused.is.description.to_owned(),
            };
            self.note(visit, Some(issuer), refused.is.rule(), &detail);
            refused.is.answer()
        })
    }

    /// Writes a refusal down, once. What comes back stands in the log and on the page.
    pub(crate) fn note(
        &self,
        visit: &Visit<'_>,
        issuer: Option<&Issuer>,
        rule: &'static str,
        detail: &str,
    ) -> String {
        let reference: String = random_token()
            .unwrap_or_default()
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(12)
            .collect();
        let name = issuer.map_or("", |issuer| &issuer.name);
        let peer = visit.facts.peer;
        tracing::warn!(rule, reference, issuer = name, %peer, detail, "refused at the front");
        self.tell(Event {
            reference: Some(reference.clone()),
            ..visit.event(EventKind::Refused(rule), issuer)
        });
        reference
    }

    pub(crate) fn tell(&self, event: Event) {
        (self.context.events)(event);
    }

    /// Seconds since 1970.
    pub(crate) fn now(&self) -> u64 {
        self.context.clock.unix_seconds()
    }

    /// Microseconds since 1970, some seconds from now.
    pub(crate) fn us_in(&self, seconds: u64) -> i64 {
        let later = self.now().saturating_add(seconds).saturating_mul(1_000_000);
        i64::try_from(later).unwrap_or(i64::MAX)
    }
}

impl Visit<'_> {
    pub(crate) fn query(&self) -> &str {
        self.head.uri.query().unwrap_or_default()
    }

    pub(crate) fn event(&self, kind: EventKind, issuer: Option<&Issuer>) -> Event {
        Event {
            kind,
            peer: self.facts.peer,
            issuer: issuer.map(|issuer| issuer.name.clone()),
            client: None,
            subject: None,
            reference: None,
        }
    }

    /// Whether the body is declared to be a form.
    pub(crate) fn is_form(&self) -> bool {
        self.is_declared("application/x-www-form-urlencoded")
    }

    pub(crate) fn is_declared(&self, media: &str) -> bool {
        self.head
            .headers
            .get(http::header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|declared| declared.trim().eq_ignore_ascii_case(media))
    }

    /// Whether a form comes from a page of ours, as far as the browser says where it comes from.
    pub(crate) fn is_from_own_page(&self, origin: &str) -> bool {
        let says = |name: &str, right: &dyn Fn(&str) -> bool| {
            self.head
                .headers
                .get_all(name)
                .iter()
                .all(|value| value.to_str().is_ok_and(right))
        };
        says("origin", &|value| value.eq_ignore_ascii_case(origin))
            && says("sec-fetch-site", &|value| value == "same-origin")
    }

    /// A document for anybody who asks.
    fn document(&self, document: Option<String>) -> Response<Bytes> {
        match (&self.head.method, document) {
            (_, None) => answer::not_found(),
            (&Method::GET | &Method::HEAD, Some(document)) => answer::document(document),
            _ => answer::method_not_allowed("GET, HEAD"),
        }
    }
}
