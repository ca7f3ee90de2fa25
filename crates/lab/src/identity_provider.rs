//! A standard authorization server that can be told to misbehave, in the shape of a known provider.
//!
//! Without a [`Misbehaviour`] it is honest: PKCE with S256, exact redirect URIs, codes good once, rotated refresh tokens
//! whose reuse ends the family, `resource` as the audience, `iss` in authorization responses. Nobody has to sign in.

mod authorize;
mod clients;
mod exchange;
mod misbehaviour;
mod proof;
mod settings;
mod shape;
mod state;
mod token;

use std::io;
use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use crate::jose::{KeyError, SigningKey};
use crate::web::{Answer, Asked, Bound, Place, Server, lock};

pub use misbehaviour::{Endpoint, Fault, Misbehaviour, RefreshRule};
pub use settings::{Proofs, ProviderClient, ProviderSettings, Trusted};
pub use shape::Shape;
use state::{Grant, State};

/// Why the lab's authorization server cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// It could not listen.
    #[error("cannot start the lab's authorization server")]
    Start(#[from] io::Error),
    /// A key could not be made or used.
    #[error("cannot make or use a key")]
    Key(#[from] KeyError),
    /// A token could not be made.
    #[error("cannot make a token: {0}")]
    Token(&'static str),
}

/// A running authorization server; it ends when it is dropped.
pub struct IdentityProvider {
    state: Arc<State>,
    server: Server,
}

impl IdentityProvider {
    /// Starts on loopback, over plain HTTP.
    ///
    /// # Errors
    /// When it cannot listen or make its key.
    pub async fn start(settings: ProviderSettings) -> Result<Self, ProviderError> {
        let listen = settings.listen;
        let bound = Bound::new(&Place { listen, tls: None }).await?;
        let state = Arc::new(State::new(settings, bound.origin())?);
        let answering = Arc::clone(&state);
        let server = bound.serve(move |asked| answer(&answering, asked));
        Ok(Self { state, server })
    }

    /// Its origin, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.state.base
    }

    /// Its issuer, which depends on the shape.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.state.issuer()
    }

    /// A member of its honest metadata that is a text, such as `token_endpoint`.
    #[must_use]
    pub fn endpoint(&self, member: &str) -> Option<&str> {
        self.state.metadata.get(member)?.as_str()
    }

    /// Misbehaves so from now on, besides what it was told before.
    pub fn misbehave(&self, misbehaviour: Misbehaviour) {
        lock(&self.state.misbehaviours).push(misbehaviour);
    }

    /// Is honest again.
    pub fn behave(&self) {
        lock(&self.state.misbehaviours).clear();
    }

    /// An access token in the server's shape, for its default audience unless another one is given.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn mint(
        &self,
        client: &str,
        scope: &str,
        audience: Option<&str>,
    ) -> Result<String, ProviderError> {
        let settings = &self.state.settings;
        let grant = Grant {
            client: client.to_owned(),
            subject: settings.subject.clone(),
            audience: audience.unwrap_or(&settings.audience).to_owned(),
            ..Grant::default()
        };
        let token = self.state.access_token(&grant, scope);
        token.map_err(|refusal| ProviderError::Token(refusal.1))
    }

    /// The key that signs now; what it signs need not be true.
    ///
    /// # Errors
    /// When there is none.
    pub fn current_key(&self) -> Result<SigningKey, ProviderError> {
        let key = lock(&self.state.keys).first().cloned();
        key.ok_or(ProviderError::Token("no key"))
    }

    /// Signs with a new key from now on; the old one stays published.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn rotate_keys(&self) -> Result<(), ProviderError> {
        let key = SigningKey::rsa()?;
        lock(&self.state.keys).insert(0, key);
        Ok(())
    }

    /// Publishes the current key alone.
    pub fn retire_keys(&self) {
        lock(&self.state.keys).truncate(1);
    }

    /// Stops the clock at that time, in seconds since 1970, or lets it go again.
    pub fn set_time(&self, now: Option<u64>) {
        *lock(&self.state.fixed_time) = now;
    }

    /// How often that path was asked for, whatever the query.
    #[must_use]
    pub fn requests(&self, path: &str) -> usize {
        self.asked(path).len()
    }

    /// What was asked on that path, oldest first.
    #[must_use]
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        self.server.asked(path)
    }
}

/// Routes one request. `POST` and `DELETE /lab/misbehaviours` are for tests in other processes.
fn answer(state: &State, asked: &Asked) -> Answer {
    if asked.path == "/lab/misbehaviours" {
        return control(state, asked);
    }
    let Some(endpoint) = endpoint(state, &asked.path) else {
        return Answer::not_found();
    };
    if let Some(redirect) = redirect(state, endpoint, asked) {
        return redirect;
    }
    let answer = match endpoint {
        Endpoint::Metadata => metadata(state),
        Endpoint::Authorize => state.authorize(asked),
        Endpoint::Token => state.token(asked),
        Endpoint::Keys => {
            let keys: Vec<Value> = lock(&state.keys).iter().map(SigningKey::jwk).collect();
            Answer::json(StatusCode::OK, &json!({"keys": keys}))
        }
        Endpoint::Introspection => state.introspect(asked),
        Endpoint::Revocation => state.revoke(asked),
        Endpoint::Registration => state.register(asked),
    };
    let fault = state.misbehaves(|one| match one {
        Misbehaviour::Broken { endpoint: at, how } if *at == endpoint => Some(*how),
        _ => None,
    });
    match fault {
        Some(fault) => fault.apply(answer),
        None => answer,
    }
}

/// Which endpoint a path is, by the honest metadata.
fn endpoint(state: &State, path: &str) -> Option<Endpoint> {
    let path_of = |url: &str| url::Url::parse(url).map(|url| url.path().to_owned());
    let issuer = path_of(state.issuer()).unwrap_or_default();
    if state
        .settings
        .shape
        .well_known(&issuer)
        .iter()
        .any(|known| known == path)
    {
        return Some(Endpoint::Metadata);
    }
    let members = [
        ("authorization_endpoint", Endpoint::Authorize),
        ("token_endpoint", Endpoint::Token),
        ("jwks_uri", Endpoint::Keys),
        ("introspection_endpoint", Endpoint::Introspection),
        ("revocation_endpoint", Endpoint::Revocation),
        ("registration_endpoint", Endpoint::Registration),
    ];
    members.into_iter().find_map(|(member, endpoint)| {
        let url = state.metadata.get(member)?.as_str()?;
        (path_of(url).ok()? == path).then_some(endpoint)
    })
}

fn metadata(state: &State) -> Answer {
    let mut document = state.metadata.clone();
    for misbehaviour in lock(&state.misbehaviours).iter() {
        match misbehaviour {
            Misbehaviour::Metadata {
                member,
                value: Some(value),
            } => {
                document.insert(member.clone(), value.clone());
            }
            Misbehaviour::Metadata {
                member,
                value: None,
            } => {
                document.remove(member);
            }
            _ => {}
        }
    }
    Answer::json(StatusCode::OK, &Value::Object(document))
}

/// The next hop of a redirect chain; the query counts the hops.
fn redirect(state: &State, endpoint: Endpoint, asked: &Asked) -> Option<Answer> {
    let (hops, last, status) = state.misbehaves(|one| match one {
        Misbehaviour::Redirects {
            endpoint: at,
            hops,
            last,
            status,
        } if *at == endpoint => Some((*hops, last.clone(), *status)),
        _ => None,
    })?;
    let hop = asked.query.get("hop").and_then(|hop| hop.parse().ok());
    let hop: usize = hop.unwrap_or_default();
    let mut answer = if hop < hops {
        Answer::redirect(format!("{}{}?hop={}", state.base, asked.path, hop + 1))
    } else {
        Answer::redirect(last)
    };
    answer.status = StatusCode::from_u16(status).unwrap_or(StatusCode::FOUND);
    Some(answer)
}

fn control(state: &State, asked: &Asked) -> Answer {
    let mut misbehaviours = lock(&state.misbehaviours);
    if asked.method == "DELETE" {
        misbehaviours.clear();
        return Answer::json(StatusCode::OK, &json!({}));
    }
    match serde_json::from_value(asked.json()) {
        Ok(misbehaviour) => {
            misbehaviours.push(misbehaviour);
            Answer::json(StatusCode::OK, &json!({}))
        }
        Err(error) => {
            let body = json!({"error": error.to_string()});
            Answer::json(StatusCode::BAD_REQUEST, &body)
        }
    }
}
