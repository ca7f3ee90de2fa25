//! The groups of a person whose Entra ID token has no room for them, from Microsoft Graph.
//!
//! A token with more than 200 groups names an address where they could be had. It is never used:
//! the address here is the configured cloud's, and what goes into it is checked to be a GUID.

mod answer;
mod app_tokens;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};
use portcullis_egress::{Client, Limits, Naming};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use url::Url;

use crate::cache::Cache;
use crate::document;
use crate::{Clock, DocumentError, freshness};

pub use app_tokens::AppTokens;

/// Gives the access tokens for Microsoft Graph: app-only, for the configured cloud's Graph.
pub trait GraphTokens: Send + Sync {
    /// A token for `tenant`.
    ///
    /// # Errors
    /// [`GraphError::NoToken`].
    fn token<'a>(
        &'a self,
        tenant: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<SecretString, GraphError>> + Send + 'a>>;

    /// Graph refused the token that was given last for `tenant`: do not give it again.
    fn discard(&self, tenant: &str);
}

/// Bounds of [`Graph`].
#[derive(Clone, Copy, Debug)]
pub struct GraphSettings {
    /// How long a person's groups are used. Who leaves a group keeps it at most this long.
    pub keep: Duration,
    /// How long after a failure the same person is not asked about again.
    pub pause: Duration,
    /// The longest wait that Graph may impose within one look-up, over all its requests.
    pub patience: Duration,
    /// The longest time without any request that Graph may impose (`Retry-After`).
    pub longest_silence: Duration,
    /// Most people whose groups are kept.
    pub capacity: usize,
    /// Most look-ups under way at once.
    pub parallel: usize,
    /// Most groups of one person. Graph itself stops at 11,000.
    pub max_groups: usize,
    /// Time limit for each request.
    pub timeout: Duration,
}

impl Default for GraphSettings {
    /// Five minutes, five seconds, five seconds, a minute, 10,000 people, 16 look-ups,
    /// 11,000 groups, ten seconds.
    fn default() -> Self {
        GraphSettings {
            keep: Duration::from_secs(300),
            pause: Duration::from_secs(5),
            patience: Duration::from_secs(5),
            longest_silence: Duration::from_secs(60),
            capacity: 10_000,
            parallel: 16,
            max_groups: 11_000,
            timeout: Duration::from_secs(10),
        }
    }
}

/// Why a person's groups are not known. The caller is refused: an incomplete list could leave out
/// the group that a policy forbids something to.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// Tenant or object id is no GUID.
    #[error("tenant or object id is not a guid")]
    NotAGuid,
    /// There is no token for Graph.
    #[error("no token for Microsoft Graph")]
    NoToken(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// Graph refuses our token or our permissions.
    #[error("Microsoft Graph refuses us with status {0}")]
    Refused(u16),
    /// Graph asks for fewer requests.
    #[error("Microsoft Graph asks for fewer requests")]
    Throttled,
    /// Graph knows no such person.
    #[error("Microsoft Graph knows no such user")]
    UserUnknown,
    /// More groups than Graph or the settings allow.
    #[error("user has more groups than can be looked up")]
    TooMany,
    /// A page of the answer leads to another origin than Graph's.
    #[error("answer of Microsoft Graph leads elsewhere")]
    ForeignPage,
    /// Graph cannot be reached, or its answer is not what is documented.
    #[error("Microsoft Graph cannot be asked")]
    Document(#[source] DocumentError),
}

impl GraphError {
    /// The stable id of the cause.
    pub fn code(&self) -> &'static str {
        match self {
            GraphError::NotAGuid => "graph-id",
            GraphError::NoToken(_) => "graph-no-token",
            GraphError::Refused(_) => "graph-refused",
            GraphError::Throttled => "graph-throttled",
            GraphError::UserUnknown => "graph-user-unknown",
            GraphError::TooMany => "graph-too-many-groups",
            GraphError::ForeignPage => "graph-foreign-page",
            GraphError::Document(_) => "graph-unavailable",
        }
    }
}

type Groups = Result<Arc<[String]>, GraphError>;

/// Looks up groups at one cloud's Graph and keeps them for a while.
pub struct Graph {
    client: Client,
    base: Url,
    tokens: Arc<dyn GraphTokens>,
    settings: GraphSettings,
    clock: Arc<dyn Clock>,
    permits: Semaphore,
    /// By tenant and object id.
    kept: Cache<(String, String), Groups>,
    /// Until when Graph wants no requests, in milliseconds of [`Clock::elapsed`].
    silent_until: AtomicU64,
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph")
            .field("base", &self.base.as_str())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Graph {
    /// `base` is the origin of Graph in the configured cloud, such as
    /// `https://graph.microsoft.com`; it counts as the operator's own words.
    pub fn new(
        client: Client,
        base: Url,
        tokens: Arc<dyn GraphTokens>,
        settings: GraphSettings,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Graph {
            client,
            base,
            tokens,
            permits: Semaphore::new(settings.parallel.max(1)),
            kept: Cache::new(settings.capacity, Arc::clone(&clock)),
            settings,
            clock,
            silent_until: AtomicU64::new(0),
        }
    }

    /// The object ids of all security groups and directory roles of a person, those that come by
    /// membership in other groups included. All of them or an error.
    ///
    /// # Errors
    /// [`GraphError`].
    pub async fn groups(&self, tenant: &str, object: &str) -> Groups {
        if !is_guid(tenant) || !is_guid(object) {
            return Err(GraphError::NotAGuid);
        }
        let key = (tenant.to_ascii_lowercase(), object.to_ascii_lowercase());
        let (tenant, object) = key.clone();
        self.kept
            .get(key, || async {
                match self.look_up(&tenant, &object).await {
                    Ok(groups) => (Ok(groups.into()), self.settings.keep),
                    Err(error) => {
                        tracing::warn!(code = error.code(), "groups cannot be looked up");
                        (Err(error), self.settings.pause)
                    }
                }
            })
            .await
    }

    /// Forgets everybody's groups.
    pub fn forget(&self) {
        self.kept.clear();
    }

    async fn look_up(&self, tenant: &str, object: &str) -> Result<Vec<String>, GraphError> {
        if self.is_silent() {
            return Err(GraphError::Throttled);
        }
        // It is never closed, so there is always a permit in the end.
        let _permit = self.permits.acquire().await;
        let mut place = self.base.clone();
        place.set_path(&format!("/v1.0/users/{object}/getMemberObjects"));
        place.set_query(None);
        let mut visit = Visit {
            tenant,
            patience: self.settings.patience,
            renewed: false,
        };
        let mut groups = Vec::new();
        let mut method = Method::POST;
        loop {
            let response = self.ask(&mut visit, &method, &place).await?;
            let page = answer::page(response.body()).map_err(GraphError::Document)?;
            groups.extend(page.groups);
            if groups.len() > self.settings.max_groups {
                return Err(GraphError::TooMany);
            }
            let Some(next) = page.next else {
                groups.sort_unstable();
                groups.dedup();
                return Ok(groups);
            };
            // The token goes along, so the next page has to be where the first one was. A page
            // that brings nothing could go on for ever.
            if next.origin() != self.base.origin() || page.is_empty {
                return Err(GraphError::ForeignPage);
            }
            place = next;
            method = Method::GET;
        }
    }

    /// One page, with as much patience as is left.
    async fn ask(
        &self,
        visit: &mut Visit<'_>,
        method: &Method,
        place: &Url,
    ) -> Result<Response<Bytes>, GraphError> {
        loop {
            let response = self.send(visit.tenant, method, place).await?;
            match response.status() {
                StatusCode::OK => return Ok(response),
                StatusCode::UNAUTHORIZED if !visit.renewed => {
                    visit.renewed = true;
                    self.tokens.discard(visit.tenant);
                }
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                    self.wait(visit, &response).await?;
                }
                status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                    return Err(GraphError::Refused(status.as_u16()));
                }
                StatusCode::NOT_FOUND => return Err(GraphError::UserUnknown),
                StatusCode::BAD_REQUEST if answer::is_too_many(response.body()) => {
                    return Err(GraphError::TooMany);
                }
                status => {
                    return Err(GraphError::Document(DocumentError::Status(status.as_u16())));
                }
            }
        }
    }

    /// Waits as long as Graph says, or gives up at once when that is longer than the patience that
    /// is left, and then leaves Graph alone for that time.
    async fn wait(
        &self,
        visit: &mut Visit<'_>,
        response: &Response<Bytes>,
    ) -> Result<(), GraphError> {
        let wanted = freshness::retry_after(response.headers())
            .unwrap_or(Duration::from_secs(1))
            .max(Duration::from_millis(100));
        match visit.patience.checked_sub(wanted) {
            Some(left) => {
                visit.patience = left;
                tokio::time::sleep(wanted).await;
                Ok(())
            }
            None => {
                let silence = wanted.min(self.settings.longest_silence);
                let until = self.clock.elapsed().saturating_add(silence);
                self.silent_until
                    .fetch_max(milliseconds(until), Ordering::AcqRel);
                Err(GraphError::Throttled)
            }
        }
    }

    fn is_silent(&self) -> bool {
        milliseconds(self.clock.elapsed()) < self.silent_until.load(Ordering::Acquire)
    }

    async fn send(
        &self,
        tenant: &str,
        method: &Method,
        place: &Url,
    ) -> Result<Response<Bytes>, GraphError> {
        let token = self.tokens.token(tenant).await?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
            .map_err(|error| GraphError::NoToken(Arc::new(error)))?;
        bearer.set_sensitive(true);
        let body = match *method {
            Method::POST => Bytes::from_static(br#"{"securityEnabledOnly":true}"#),
            _ => Bytes::new(),
        };
        let mut request =
            document::request(method.clone(), place, body).map_err(GraphError::Document)?;
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, bearer);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let limits = Limits {
            timeout: self.settings.timeout,
            max_body: answer::MAX_BYTES,
            redirects: 0,
        };
        self.client
            .send(request, Naming::Configured, &limits)
            .await
            .map_err(|error| GraphError::Document(DocumentError::Fetch(error)))
    }
}

/// What one look-up has used up so far.
struct Visit<'a> {
    tenant: &'a str,
    patience: Duration,
    renewed: bool,
}

/// `8-4-4-4-12` hexadecimal digits and nothing else: it becomes part of a path.
fn is_guid(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let mut parts = text.split('-');
    lengths.iter().all(|&length| {
        parts
            .next()
            .is_some_and(|part| part.len() == length && is_hexadecimal(part))
    }) && parts.next().is_none()
}

fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
