//! One server for which tokens are fetched.

mod authority;
mod exchanged;
mod give_back;
mod granted;
mod issuer;
mod own;
mod possession;
mod refresh;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portcullis_config::{self as config, TokenSource, Transport};
use portcullis_egress::Client;
use portcullis_oauth::{Discovery, DiscoverySettings, Scopes, StepUp};
use portcullis_vault::{RenewalSettings, Renewing, Secret, VaultError};
use url::Url;

pub(crate) use authority::Authority;
pub use give_back::AtServer;
pub(crate) use give_back::Given;
pub(crate) use granted::USER_GRANT;
pub(crate) use possession::{Binding, Possession, Possessions, is_about_tokens, type_name};

use crate::cache::{Ages, TokenCache};
use crate::context::Context;
use crate::event::Event;
use crate::needed::Needed;
use refresh::Refresher;

/// Most principals whose rejections and challenges are remembered for one server.
const REMEMBERED: usize = 4096;

/// One server for which tokens are fetched, with its grants.
pub(crate) struct Server {
    pub(crate) parts: Arc<Parts>,
    pub(crate) renewing: Renewing,
}

/// What a server's tokens are fetched with.
pub(crate) struct Parts {
    pub(crate) name: String,
    pub(crate) setup: Setup,
    pub(crate) url: Url,
    pub(crate) context: Arc<Context>,
    /// To the server itself.
    pub(crate) peer: Client,
    /// To the issuer that tokens are exchanged at.
    pub(crate) through: Client,
    renew_before: Duration,
    /// Asks the server.
    near: Discovery,
    /// Asks authorization servers.
    far: Arc<Discovery>,
    /// Origins of issuers that are Entra ID, besides the known clouds.
    entra: Arc<[String]>,
    pub(crate) memory: Arc<Memory>,
}

/// What the configuration says; while it stays the same, what is in memory stays.
#[derive(Clone, PartialEq)]
pub(crate) struct Setup {
    url: String,
    pub(crate) source: TokenSource,
    identity: config::ServerIdentity,
    through: Option<config::Issuer>,
}

/// What is remembered about a server from call to call.
pub(crate) struct Memory {
    pub(crate) exchanged: TokenCache,
    possessions: Possessions,
    bound: Mutex<Option<authority::Bound>>,
    finding: tokio::sync::Mutex<()>,
    hints: Mutex<authority::Hints>,
    first: tokio::sync::Mutex<own::LastFailure>,
    principals: Mutex<HashMap<String, Remembered>>,
}

/// What is remembered about a principal at a server. The gateway itself has the empty name.
#[derive(Clone, Default)]
pub(crate) struct Remembered {
    /// Scopes that the server asked for, all that are needed.
    pub(crate) scopes: Scopes,
    pub(crate) steps: StepUp,
    /// When it asked for more scopes last, in seconds since 1970.
    pub(crate) stepped: u64,
    /// The digest of the token that had too few scopes then.
    pub(crate) with: Option<[u8; 32]>,
    /// When it was refused last, in seconds since 1970.
    pub(crate) rejected: Option<u64>,
}

/// What all servers of a broker have in common.
pub(crate) struct Shared {
    pub(crate) context: Arc<Context>,
    pub(crate) far: Arc<Discovery>,
    pub(crate) entra: Arc<[String]>,
    pub(crate) renew_before: Duration,
}

impl Server {
    /// The server of that section, if it gets tokens. What was in memory stays if nothing changed.
    pub(crate) fn new(
        name: &str,
        server: &config::Server,
        authn: &config::Authn,
        common: &Shared,
        previous: Option<&Server>,
    ) -> Result<Option<Self>, VaultError> {
        let config::AuthMethod::Token(source) = &server.auth.method else {
            return Ok(None);
        };
        let (Transport::Http { url, .. } | Transport::OpenApi { url, .. }) = &server.transport
        else {
            return Ok(None);
        };
        let Ok(parsed) = Url::parse(url) else {
            return Ok(None);
        };
        let context = Arc::clone(&common.context);
        let through = source.grant.through();
        let setup = Setup {
            url: url.clone(),
            source: (**source).clone(),
            identity: server.identity.clone(),
            through: through.and_then(|name| authn.issuers.get(name)).cloned(),
        };
        let http = &context.http;
        let client = |known: Option<&Client>| known.unwrap_or(&http.general).clone();
        let peer = client(http.servers.get(name));
        let memory = previous
            .filter(|previous| previous.parts.setup == setup)
            .map(|previous| Arc::clone(&previous.parts.memory));
        let parts = Arc::new(Parts {
            name: name.to_owned(),
            url: parsed,
            through: client(through.and_then(|name| http.issuers.get(name))),
            near: Discovery::new(
                peer.clone(),
                DiscoverySettings::default(),
                Arc::clone(&context.clock),
            ),
            peer,
            renew_before: common.renew_before,
            far: Arc::clone(&common.far),
            entra: Arc::clone(&common.entra),
            memory: memory.unwrap_or_else(|| Arc::new(Memory::new(&context))),
            setup,
            context,
        });
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).map_err(|_| VaultError::Randomness)?;
        let clock = Arc::clone(&parts.context);
        let renewing = Renewing::new(
            Arc::clone(&parts.context.vault),
            Arc::new(Refresher(Arc::clone(&parts))),
            RenewalSettings {
                renew_before: parts.renew_before,
                ..RenewalSettings::default()
            },
            Arc::new(move || clock.now_us()),
            u64::from_be_bytes(seed),
            {
                let parts = Arc::clone(&parts);
                Arc::new(move |event| {
                    let server = parts.name.clone();
                    parts.context.tell(Event::Renewal { server, event });
                })
            },
        )?;
        Ok(Some(Self { parts, renewing }))
    }
}

impl Memory {
    fn new(context: &Context) -> Self {
        Self {
            exchanged: TokenCache::new(Arc::clone(&context.clock)),
            possessions: Possessions::default(),
            bound: Mutex::default(),
            finding: tokio::sync::Mutex::default(),
            hints: Mutex::default(),
            first: tokio::sync::Mutex::default(),
            principals: Mutex::default(),
        }
    }

    /// What is remembered about a principal.
    pub(crate) fn of(&self, principal: &str) -> Remembered {
        let principals = lock(&self.principals);
        principals.get(principal).cloned().unwrap_or_default()
    }

    pub(crate) fn remember(&self, principal: &str, what: Remembered) {
        let mut principals = lock(&self.principals);
        if principals.len() >= REMEMBERED && !principals.contains_key(principal) {
            // What is forgotten costs the server one more challenge.
            let any = principals.keys().next().cloned();
            any.and_then(|any| principals.remove(&any));
        }
        principals.insert(principal.to_owned(), what);
    }
}

impl Parts {
    pub(crate) fn now(&self) -> u64 {
        self.context.clock.unix_seconds()
    }

    pub(crate) fn ages(&self) -> Ages {
        Ages {
            max_age: self.setup.source.max_token_age,
            renew_before: self.renew_before,
        }
    }

    /// The scopes of the configuration; empty: the server says.
    pub(crate) fn configured_scopes(&self) -> Result<Scopes, Needed> {
        let scopes = self.setup.source.scopes.iter().map(String::as_str);
        Scopes::of(scopes).map_err(|_| Needed::refused(crate::Reason::Scope))
    }

    pub(crate) fn tell_scope_refused(&self) {
        let server = self.name.clone();
        self.context.tell(Event::ScopeRefused { server });
    }
}

/// The name of a principal in [`Memory`]: tenants may share names.
pub(crate) fn remembered_as(tenant: &str, principal: &str) -> String {
    format!("{tenant}\n{principal}")
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A token as the vault holds it. The other copy is overwritten when it is dropped.
pub(crate) fn to_secret(token: &secrecy::SecretString) -> Secret {
    use secrecy::ExposeSecret as _;

    Secret::from(token.expose_secret())
}

pub(crate) fn to_string(token: &Secret) -> Result<secrecy::SecretString, Needed> {
    let text = token.expose_str();
    let text = text.map_err(|_| Needed::refused(crate::Reason::AnswerUnusable))?;
    Ok(secrecy::SecretString::from(text))
}

/// Scopes as they are stored.
pub(crate) fn to_texts(scopes: &Scopes) -> Vec<String> {
    scopes.iter().map(str::to_owned).collect()
}
