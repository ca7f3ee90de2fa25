//! What a server is called with on behalf of a caller, where that is not the same for all.
//!
//! The broker makes it. A caller's own token is lent to the broker for exchanges at its issuer and to
//! nobody else: [`Exchangeable`] cannot be read here.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use portcullis_broker::SubjectToken;
use portcullis_broker::{self as broker, Broker, Needed, Reason as Because, Rejected, Retry};
use portcullis_mcp::json::quote;
use portcullis_policy::PrincipalKind;
use portcullis_token::challenge::{self, Challenge};
use portcullis_token::identity::PrincipalKind as Kind;
use portcullis_upstream::{Cause, Credential, Credentials, UpstreamError};
use secrecy::SecretString;
use url::Url;

use crate::authn::Principal;
use crate::clock;
use crate::refusal::{Reason, Refusal};

/// How much of the scopes that a server asks for is told, in bytes.
const SCOPES: usize = 512;

/// The token by which a caller came, where tokens of its issuer are exchanged for others.
#[derive(Clone, Default)]
pub(crate) struct Exchangeable(Option<Arc<SubjectToken>>);

impl Exchangeable {
    pub(crate) fn new(token: SecretString) -> Self {
        Self(Some(Arc::new(SubjectToken::access(token))))
    }
}

impl fmt::Debug for Exchangeable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exchangeable")
    }
}

/// For whom one server is called.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) broker: Arc<Broker>,
    pub(crate) server: Arc<str>,
    pub(crate) principal: Arc<Principal>,
    pub(crate) token: Exchangeable,
}

impl Caller {
    fn asked(&self) -> broker::Caller<'_> {
        let now = clock::unix_seconds();
        let lives = |principal: &Principal| {
            let token = principal.signed_in();
            token.is_some_and(|token| token.expires > now)
        };
        // What ended is not shown to anybody any more, for a connection that outlives it.
        let subject = self.token.0.as_deref().filter(|_| lives(&self.principal));
        asked(&self.principal, subject)
    }
}

/// A principal as the broker knows it.
pub(crate) fn asked<'a>(
    principal: &'a Principal,
    subject: Option<&'a SubjectToken>,
) -> broker::Caller<'a> {
    let token = principal.signed_in();
    broker::Caller {
        tenant: principal.tenant().unwrap_or_default(),
        principal: principal.id(),
        kind: kind(principal.kind()),
        issuer: principal.issuer(),
        subject,
        scopes: token
            .map(|token| token.scopes.as_slice())
            .unwrap_or_default(),
        client: token.and_then(|token| token.client.as_deref()),
        actors: token
            .map(|token| token.actors.as_slice())
            .unwrap_or_default(),
        token_id: token.and_then(|token| token.token.as_deref()),
        issued: token.and_then(|token| token.issued),
        can_be_challenged: principal.can_step_up(),
    }
}

fn kind(kind: PrincipalKind) -> Kind {
    match kind {
        PrincipalKind::User => Kind::User,
        PrincipalKind::Agent => Kind::Agent,
        PrincipalKind::Workload => Kind::Workload,
    }
}

#[async_trait]
impl Credentials for Caller {
    async fn credential(&self) -> Result<Box<dyn Credential>, Cause> {
        let given = self.broker.credential(&self.server, &self.asked()).await;
        match given.map_err(cause)? {
            Some(given) => Ok(Box::new(Given::new(self, given)?)),
            // A server that gets no token from the broker has no source at all.
            None => Err(cause(Needed::Unavailable)),
        }
    }
}

/// What one request is sent with.
struct Given {
    caller: Caller,
    credential: broker::Credential,
    headers: HeaderMap,
}

impl Given {
    fn new(caller: &Caller, credential: broker::Credential) -> Result<Self, Cause> {
        let value = credential.header_value();
        let value = value.map_err(|_| cause(Needed::Unavailable))?;
        let mut headers = HeaderMap::with_capacity(1);
        headers.insert(credential.name.clone(), value);
        Ok(Self {
            caller: caller.clone(),
            credential,
            headers,
        })
    }
}

#[async_trait]
impl Credential for Given {
    fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    fn proof(&self, method: &Method, uri: &Uri) -> Result<Option<HeaderValue>, Cause> {
        if !self.credential.is_bound() {
            return Ok(None);
        }
        let url = address(uri)?;
        let now = u64::try_from(clock::unix_seconds()).unwrap_or_default();
        let proof = self.credential.prove(method.as_str(), &url, now);
        proof.map_err(|error| Arc::new(error) as Cause)
    }

    fn answered(&self, uri: &Uri, status: StatusCode, head: &HeaderMap) -> bool {
        let is_bound = self.credential.is_bound();
        is_bound && address(uri).is_ok_and(|url| self.credential.answered(&url, status, head))
    }

    async fn rejected(
        &self,
        status: StatusCode,
        challenges: &[HeaderValue],
    ) -> Result<Option<Box<dyn Credential>>, Cause> {
        let Caller { broker, server, .. } = &self.caller;
        let challenges = read(challenges);
        let rejected = Rejected {
            status,
            challenges: &challenges,
        };
        let asked = self.caller.asked();
        match broker
            .rejected(server, &asked, &self.credential, &rejected)
            .await
        {
            Retry::With(other) => Ok(Some(Box::new(Given::new(&self.caller, other)?))),
            Retry::Needed(needed) => Err(cause(needed)),
            Retry::No => Ok(None),
        }
    }
}

fn address(uri: &Uri) -> Result<Url, Cause> {
    Url::parse(&uri.to_string()).map_err(|error| Arc::new(error) as Cause)
}

/// What a server demands. Of a header that cannot be read nothing is obeyed.
fn read(headers: &[HeaderValue]) -> Vec<Challenge> {
    let texts = headers.iter().filter_map(|header| header.to_str().ok());
    texts
        .flat_map(|text| challenge::parse(text).unwrap_or_default())
        .collect()
}

fn cause(needed: Needed) -> Cause {
    Arc::new(needed)
}

/// For whom a connection was used last: what it does by itself, it does for that caller.
#[derive(Default)]
pub(crate) struct Latest(ArcSwapOption<Caller>);

impl Latest {
    pub(crate) fn is(&self, caller: Caller) {
        self.0.store(Some(Arc::new(caller)));
    }

    pub(crate) fn caller(&self) -> Option<Arc<Caller>> {
        self.0.load_full()
    }
}

#[async_trait]
impl Credentials for Latest {
    async fn credential(&self) -> Result<Box<dyn Credential>, Cause> {
        match self.caller() {
            Some(caller) => caller.credential().await,
            None => Err(cause(Needed::Unavailable)),
        }
    }
}

/// What it looks like to a host that there is no credential; `None` for other errors.
pub(crate) fn refused(error: &UpstreamError) -> Option<Refusal> {
    let UpstreamError::Credential(cause) = error else {
        return None;
    };
    let needed = cause.downcast_ref::<Needed>();
    let refusal = match needed {
        Some(Needed::SignIn { .. }) => Refusal::new(Reason::SignInNeeded),
        Some(Needed::Scope { scopes, .. }) => {
            let told: Vec<&str> = bounded(scopes).collect();
            let named: Vec<String> = told.iter().map(|scope| quote(scope)).collect();
            Refusal::new(Reason::MoreScopesNeeded)
                .detail(told.join(" "))
                .data("scopes", format!("[{}]", named.join(",")))
        }
        Some(Needed::Challenge { .. }) => Refusal::new(Reason::ClaimsRequired),
        Some(Needed::Refused {
            reason: Because::InteractionRequired,
        }) => Refusal::new(Reason::StepUpImpossible),
        Some(needed @ Needed::Refused { .. }) => {
            Refusal::new(Reason::ServerCredentialRefused).detail(needed.code())
        }
        Some(Needed::Unavailable) | Some(_) | None => {
            Refusal::new(Reason::ServerCredentialUnavailable)
        }
    };
    let refusal = refusal.because(error.clone());
    Some(match needed {
        Some(needed) => refusal.needing(needed.clone()),
        None => refusal,
    })
}

/// As many of the scopes as are told.
fn bounded(scopes: &[String]) -> impl Iterator<Item = &str> {
    let mut length = 0;
    let fits = move |scope: &&String| {
        length += scope.len();
        length <= SCOPES
    };
    scopes.iter().take_while(fits).map(String::as_str)
}

#[cfg(test)]
mod tests;
