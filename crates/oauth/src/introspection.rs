//! Asking the issuer whether an opaque token is good (RFC 7662).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use portcullis_egress::Client;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use url::Url;

use crate::back_channel::{BackChannel, CallError};
use crate::cache::Cache;
use crate::client_auth::ClientIdentity;
use crate::document::Document;
use crate::form::Form;
use crate::metadata::{Discovery, IssuerQuery, MetadataError};
use crate::{Clock, DocumentError};

/// Bounds of [`Introspection`].
#[derive(Clone, Copy, Debug)]
pub struct IntrospectionSettings {
    /// How long an answer about a good token is used, and never past the token's `exp`. A token
    /// that was revoked works at most this long.
    pub keep_active: Duration,
    /// How long an answer about a bad token is used.
    pub keep_inactive: Duration,
    /// How long after a failure the same token is not asked about again.
    pub pause: Duration,
    /// Most answers that are kept.
    pub capacity: usize,
    /// Most requests under way at once.
    pub parallel: usize,
    /// Most bytes of a token that is asked about.
    pub max_token: usize,
}

impl Default for IntrospectionSettings {
    /// Sixty seconds, five seconds, one second, 10,000 answers, 32 requests, 16 KiB.
    fn default() -> Self {
        IntrospectionSettings {
            keep_active: Duration::from_secs(60),
            keep_inactive: Duration::from_secs(5),
            pause: Duration::from_secs(1),
            capacity: 10_000,
            parallel: 32,
            max_token: 16 * 1024,
        }
    }
}

/// Why nothing is known about a token.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IntrospectionError {
    /// The issuer says that the token is not good: unknown, expired, revoked, not for us.
    #[error("issuer says that the token is not active")]
    Inactive,
    /// The token is too long to be asked about, or empty.
    #[error("token has no acceptable length")]
    TokenLength,
    /// The issuer's metadata leads to no introspection endpoint.
    #[error("metadata of the issuer leads to no introspection endpoint")]
    Metadata(#[source] MetadataError),
    /// The issuer cannot be asked.
    #[error("issuer cannot be asked about the token")]
    Call(#[source] Arc<CallError>),
    /// The issuer does not accept our own credentials.
    #[error("issuer refuses our client credentials")]
    Unauthorized,
    /// The answer's status is neither 200 nor 401.
    #[error("issuer answered with status {0}")]
    Status(u16),
    /// The answer is not what RFC 7662 says.
    #[error("answer of the issuer is of no use")]
    Answer(#[source] DocumentError),
}

impl IntrospectionError {
    /// The stable id of the cause.
    pub fn code(&self) -> &'static str {
        match self {
            IntrospectionError::Inactive => "token-inactive",
            IntrospectionError::TokenLength => "token-too-large",
            IntrospectionError::Metadata(error) => error.code(),
            IntrospectionError::Call(_) | IntrospectionError::Status(_) => {
                "introspection-unavailable"
            }
            IntrospectionError::Unauthorized => "introspection-unauthorized",
            IntrospectionError::Answer(_) => "introspection-answer",
        }
    }

    /// Whether the token may be good and only the issuer cannot be asked.
    pub fn is_outage(&self) -> bool {
        !matches!(
            self,
            IntrospectionError::Inactive | IntrospectionError::TokenLength
        )
    }
}

/// What the issuer says about a good token: the text of its answer, read strictly, with
/// `active: true`. Who the caller is and whether the token is for us is for
/// `portcullis_token::from_introspection` to say.
#[derive(Clone)]
pub struct Introspected(Arc<str>);

impl Introspected {
    /// The answer.
    pub fn json(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Introspected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspected").finish_non_exhaustive()
    }
}

/// The introspection endpoint of one issuer.
#[derive(Debug)]
pub struct Introspection {
    place: Place,
    settings: IntrospectionSettings,
    clock: Arc<dyn Clock>,
    permits: Semaphore,
    /// By the SHA-256 of the token: the token itself is not kept.
    answers: Cache<[u8; 32], Result<Introspected, IntrospectionError>>,
}

enum Place {
    Configured(BackChannel, Url),
    Discovered {
        client: Client,
        discovery: Arc<Discovery>,
        query: IssuerQuery,
        identity: Arc<ClientIdentity>,
    },
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Configured(_, endpoint) => write!(f, "Configured({endpoint})"),
            Place::Discovered { query, .. } => write!(f, "Discovered({})", query.issuer),
        }
    }
}

impl Introspection {
    /// At an endpoint that is known. `channel` says who we are there.
    pub fn new(
        channel: BackChannel,
        endpoint: Url,
        settings: IntrospectionSettings,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Introspection::at(Place::Configured(channel, endpoint), settings, clock)
    }

    /// Where the issuer's metadata says (`introspection_endpoint`). It is asked for at first use,
    /// so that an issuer that is down does not keep the gateway from starting.
    pub fn discovered(
        client: Client,
        discovery: Arc<Discovery>,
        query: IssuerQuery,
        identity: Arc<ClientIdentity>,
        settings: IntrospectionSettings,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let place = Place::Discovered {
            client,
            discovery,
            query,
            identity,
        };
        Introspection::at(place, settings, clock)
    }

    fn at(place: Place, settings: IntrospectionSettings, clock: Arc<dyn Clock>) -> Self {
        Introspection {
            place,
            permits: Semaphore::new(settings.parallel.max(1)),
            answers: Cache::new(settings.capacity, Arc::clone(&clock)),
            settings,
            clock,
        }
    }

    /// What the issuer says about `token`, now or within the bounds of the settings.
    ///
    /// # Errors
    /// [`IntrospectionError::Inactive`] when it is not good, else why nothing is known. Both
    /// refuse the caller.
    pub async fn ask(&self, token: &SecretString) -> Result<Introspected, IntrospectionError> {
        let length = token.expose_secret().len();
        if length == 0 || length > self.settings.max_token {
            return Err(IntrospectionError::TokenLength);
        }
        let digest: [u8; 32] = Sha256::digest(token.expose_secret().as_bytes()).into();
        self.answers
            .get(digest, || async {
                match self.fetch(token).await {
                    Ok((answer, expires)) => self.keep(answer, expires),
                    Err(IntrospectionError::Inactive) => (
                        Err(IntrospectionError::Inactive),
                        self.settings.keep_inactive,
                    ),
                    Err(error) => (Err(error), self.settings.pause),
                }
            })
            .await
    }

    /// Forgets every answer, so that a revocation is seen at once.
    pub fn forget(&self) {
        self.answers.clear();
    }

    fn keep(
        &self,
        answer: Introspected,
        expires: Option<i64>,
    ) -> (Result<Introspected, IntrospectionError>, Duration) {
        let longest = self.settings.keep_active;
        let Some(expires) = expires else {
            return (Ok(answer), longest);
        };
        let left = u64::try_from(expires)
            .unwrap_or(0)
            .saturating_sub(self.clock.unix_seconds());
        // Whether a token that is just over still counts is a matter of the clock skew that the
        // issuer's profile allows, so it is handed on; but it is not kept.
        (Ok(answer), longest.min(Duration::from_secs(left)))
    }

    async fn place(&self) -> Result<(BackChannel, Url), IntrospectionError> {
        match &self.place {
            Place::Configured(channel, endpoint) => Ok((channel.clone(), endpoint.clone())),
            Place::Discovered {
                client,
                discovery,
                query,
                identity,
            } => {
                let server = discovery
                    .authorization_server(query)
                    .await
                    .map_err(IntrospectionError::Metadata)?;
                let endpoint = server
                    .introspection_endpoint()
                    .map_err(IntrospectionError::Metadata)?
                    .clone();
                let channel = BackChannel::new(client.clone(), server, Arc::clone(identity));
                Ok((channel, endpoint))
            }
        }
    }

    async fn fetch(
        &self,
        token: &SecretString,
    ) -> Result<(Introspected, Option<i64>), IntrospectionError> {
        // It is never closed, so there is always a permit in the end.
        let _permit = self.permits.acquire().await;
        let (channel, endpoint) = self.place().await?;
        let mut form = Form::new();
        form.add_secret("token", token);
        form.add("token_type_hint", "access_token");
        let response = channel
            .post(&endpoint, form, self.clock.unix_seconds())
            .await
            .map_err(|error| IntrospectionError::Call(Arc::new(error)))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => return Err(IntrospectionError::Unauthorized),
            status => return Err(IntrospectionError::Status(status.as_u16())),
        }
        read(response.body())
    }
}

/// An answer about a good token and its `exp`.
fn read(body: &[u8]) -> Result<(Introspected, Option<i64>), IntrospectionError> {
    let document = Document::parse(body).map_err(IntrospectionError::Answer)?;
    if !document.has("active") {
        return Err(IntrospectionError::Answer(DocumentError::Missing("active")));
    }
    if !document
        .flag("active")
        .map_err(IntrospectionError::Answer)?
    {
        return Err(IntrospectionError::Inactive);
    }
    let expires = document
        .seconds("exp")
        .map_err(IntrospectionError::Answer)?;
    // It was read as text a moment ago.
    let text = String::from_utf8_lossy(body);
    Ok((Introspected(text.into()), expires))
}

#[cfg(test)]
mod tests;
