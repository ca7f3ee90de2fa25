//! Microsoft Entra ID and Microsoft Graph as their documentation, and people who met them, describe them.
//!
//! The lab refuses what Entra refuses, under the same codes: a `resource` that is no identifier URI of the scopes'
//! owner, a slash at its end, a bare scope beside it (all AADSTS9010010), and it has neither PKCE metadata nor dynamic
//! registration. Nobody has to sign in: the first person of a tenant, or the one of `login_hint`, is signed in and
//! agrees. Everything it holds is invented ([`sample`]).

mod authorize;
mod client;
mod control;
mod directory;
mod discovery;
mod graph;
mod on_behalf_of;
mod refusal;
pub mod sample;
mod scope;
mod settings;
mod state;
mod token;
mod tokens;

use std::io;
use std::sync::Arc;

use serde_json::Value;

use crate::jose::{KeyError, SigningKey};
use crate::web::{Answer, Asked, Bound, Place, Server, lock};

pub use directory::{App, FederatedCredential, GRAPH_APP, GRAPH_URI, Tenant, User};
use discovery::Version;
use scope::Wanted;
pub use settings::{EntraSettings, KeyIssuer, Policy, RefreshReuse, ResourceRule};
pub use state::PERSONAL_TENANT;
use state::{Session, State};
use tokens::{Issue, Proof};

/// Names in the server's certificate: loopback, and the real hosts of the national clouds.
const NAMES: [&str; 9] = [
    "localhost",
    "127.0.0.1",
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
    "sts.windows.net",
    "graph.microsoft.com",
    "graph.microsoft.us",
    "microsoftgraph.chinacloudapi.cn",
];

/// Why the lab's Entra cannot do something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntraError {
    /// It could not listen, or not write its certificate.
    #[error("cannot start the lab's Entra")]
    Start(#[source] io::Error),
    /// A key could not be made or used.
    #[error("cannot make or use a key")]
    Key(#[from] KeyError),
    /// The directory has no such person, client or scope.
    #[error("the directory has no {0}")]
    Unknown(String),
}

/// A running Entra with its Graph; it ends when it is dropped.
pub struct EntraLab {
    state: Arc<State>,
    server: Server,
    graph: Server,
    base_url: String,
}

impl EntraLab {
    /// Starts on loopback.
    ///
    /// # Errors
    /// When it cannot listen, write the certificate, or make its keys.
    pub async fn start(settings: EntraSettings) -> Result<Self, EntraError> {
        let tls = settings.tls.clone();
        let tls = tls.as_deref().map(|folder| (folder, NAMES.as_slice()));
        let listen = settings.listen;
        let bound = Bound::new(&Place { listen, tls })
            .await
            .map_err(EntraError::Start)?;
        let beside = (listen.ip(), 0).into();
        let folder = settings.tls.as_ref().map(|folder| folder.join("graph"));
        let tls = folder.as_deref().map(|folder| (folder, NAMES.as_slice()));
        let graph = Bound::new(&Place {
            listen: beside,
            tls,
        })
        .await
        .map_err(EntraError::Start)?;
        let base_url = bound.origin();
        let state = Arc::new(State::new(settings, &base_url, &graph.origin())?);
        let (for_entra, for_graph) = (Arc::clone(&state), Arc::clone(&state));
        Ok(Self {
            server: bound.serve(move |asked| answer(&for_entra, asked)),
            graph: graph.serve(move |asked| graph::answer(&for_graph, asked)),
            base_url,
            state,
        })
    }

    /// The origin of Entra, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The origin of Graph, without a slash at the end.
    #[must_use]
    pub fn graph_url(&self) -> &str {
        &self.state.graph
    }

    /// The issuer of version 2.0 tokens of a tenant.
    #[must_use]
    pub fn issuer_v2(&self, tenant: &str) -> String {
        self.state.issuer_v2(tenant)
    }

    /// The issuer of version 1.0 tokens of a tenant.
    #[must_use]
    pub fn issuer_v1(&self, tenant: &str) -> String {
        self.state.issuer_v1(tenant)
    }

    /// Signs any claims with the current key, under the header that Entra gives a token of their `ver`.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn mint(&self, claims: &Value) -> Result<String, KeyError> {
        self.state.sign(claims)
    }

    /// Signs any claims with the current key under exactly that header.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn mint_under(&self, header: &Value, claims: &Value) -> Result<String, KeyError> {
        lock(&self.state.keys).current.sign(header, claims)
    }

    /// The claims that Entra would put into a token for that person and client; `scope` is what the client asks for.
    /// The client is taken to have authenticated with a secret, if it has one.
    ///
    /// # Errors
    /// When the directory does not know one of them.
    pub fn user_claims(&self, user: &str, client: &str, scope: &str) -> Result<Value, EntraError> {
        self.state.claims_for(Some(user), client, scope)
    }

    /// The claims that Entra would put into an app-only token, in the first tenant that knows the client.
    ///
    /// # Errors
    /// When the directory does not know one of them.
    pub fn app_claims(&self, client: &str, scope: &str) -> Result<Value, EntraError> {
        self.state.claims_for(None, client, scope)
    }

    /// The key that signs now.
    #[must_use]
    pub fn current_key(&self) -> SigningKey {
        lock(&self.state.keys).current.clone()
    }

    /// The key of the personal accounts' tenant, which must not sign for another one. It is in the document of `common`.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn personal_key(&self) -> Result<SigningKey, KeyError> {
        state::personal_key()
    }

    /// Signs with a new key from now on; the old one stays published.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn rotate_keys(&self) -> Result<(), KeyError> {
        self.state.rotate()
    }

    /// Publishes the current key alone.
    pub fn retire_keys(&self) {
        lock(&self.state.keys).previous.clear();
    }

    /// Adds a condition that is not satisfied.
    pub fn set_policy(&self, policy: Policy) {
        lock(&self.state.policies).push(policy);
    }

    /// Removes every condition.
    pub fn clear_policies(&self) {
        lock(&self.state.policies).clear();
    }

    /// Makes every refresh token of a person (by object id or user principal name) useless.
    pub fn revoke_sessions(&self, user: &str) {
        self.state.revoke(user);
    }

    /// Stops the clock at that time, in seconds since 1970, or lets it go again.
    pub fn set_time(&self, now: Option<u64>) {
        *lock(&self.state.fixed_time) = now;
    }

    /// How often that path was asked for, at Entra and at Graph, whatever the query.
    #[must_use]
    pub fn requests(&self, path: &str) -> usize {
        self.asked(path).len()
    }

    /// What was asked on that path, oldest first.
    #[must_use]
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        let mut asked = self.server.asked(path);
        asked.extend(self.graph.asked(path));
        asked
    }
}

impl State {
    fn rotate(&self) -> Result<(), KeyError> {
        let fresh = SigningKey::rsa()?;
        let mut keys = lock(&self.keys);
        let old = std::mem::replace(&mut keys.current, fresh);
        keys.previous.push(old);
        Ok(())
    }

    fn revoke(&self, user: &str) {
        let oid = self.user(user).map_or(user, |(_, user)| &user.oid);
        for grant in lock(&self.grants).refresh.values_mut() {
            grant.revoked |= grant.session.user == oid;
        }
    }

    fn claims_for(
        &self,
        user: Option<&str>,
        client: &str,
        scope: &str,
    ) -> Result<Value, EntraError> {
        let unknown = |what: &str| EntraError::Unknown(what.to_owned());
        let found = user.map(|name| self.user(name).ok_or_else(|| unknown(name)));
        let (tenant, user) = match found.transpose()? {
            Some((tenant, user)) => (tenant, Some(user)),
            None => {
                let mut tenants = self.settings.tenants.iter();
                let tenant = tenants.find(|tenant| tenant.app(client).is_some());
                (tenant.ok_or_else(|| unknown(client))?, None)
            }
        };
        let client = tenant.app(client).ok_or_else(|| unknown(client))?;
        let wanted = Wanted::read(tenant, client, scope).map_err(|_| unknown(scope))?;
        let proof = match client.is_public() {
            true => Proof::Public,
            false => Proof::Secret,
        };
        let issue = Issue::new(tenant, client, proof, &wanted);
        Ok(match user {
            None => self.app_claims(&issue),
            Some(user) => {
                let session = Session {
                    signed_in: self.now(),
                    ..Session::default()
                };
                self.user_claims(&issue, user, &wanted.scopes, &session)
            }
        })
    }
}

/// Routes one request.
fn answer(state: &Arc<State>, asked: &Asked) -> Answer {
    let segments: Vec<&str> = asked.path.split('/').skip(1).collect();
    if let ["lab", action] = segments.as_slice() {
        return control::answer(state, action, asked);
    }
    let down = |endpoint| {
        let refusal = state.outage(endpoint)?;
        Some(refusal.to_answer(&refusal::Ids::new(state.now(), None)))
    };
    let answer = match segments.as_slice() {
        [tenant, "v2.0", ".well-known", "openid-configuration"] => {
            down("metadata").or_else(|| state.metadata(tenant, Version::Two))
        }
        [tenant, ".well-known", "openid-configuration"] => {
            down("metadata").or_else(|| state.metadata(tenant, Version::One))
        }
        [tenant, "discovery", "v2.0", "keys"] => {
            down("keys").or_else(|| state.key_set(tenant, Version::Two))
        }
        [tenant, "discovery", "keys"] => {
            down("keys").or_else(|| state.key_set(tenant, Version::One))
        }
        // The version 1.0 document names endpoints of its own, which want `resource` in the place of `scope`. The lab
        // has none: its version 1.0 tokens come from the version 2.0 endpoints, for APIs that take no other.
        [tenant, "oauth2", "v2.0", "authorize"] => Some(state.authorize(tenant, asked)),
        [tenant, "oauth2", "v2.0", "token"] => Some(state.token(tenant, asked)),
        _ => None,
    };
    answer.unwrap_or_else(Answer::not_found)
}
