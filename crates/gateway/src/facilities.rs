//! What a configuration needs of the world outside to be served: the way out, secrets, issuers.
//!
//! It is made before the snapshot that uses it. What cannot be made refuses the whole configuration,
//! so that a bad one changes nothing.

mod broker;
mod front;

use std::sync::Arc;

use portcullis_broker::Broker;
use portcullis_egress::Client;
use portcullis_front::Front;
use portcullis_identity::{Context, Issuers};
use portcullis_oauth::{Clock, SystemClock};
use portcullis_store::VaultStore;
use portcullis_token::dpop::NonceKey;
use portcullis_vault::configured::{self, Surroundings};
use portcullis_vault::{CacheLimits, References, Vault};

use crate::clock;
use crate::gateway::Stores;
use crate::happenings::Happenings;
use crate::load::Loaded;
use crate::outbound::outbound;
use crate::seal::random_key;
use crate::vault::FixedSecrets;

/// How long a nonce of a proof of possession is good, in seconds, and once more as long.
const NONCE_SLOT: u64 = 120;

/// Everything that one configuration is served with.
#[derive(Clone)]
pub(crate) struct Facilities {
    outbound: portcullis_config::Outbound,
    guarded: bool,
    sealed_by: portcullis_config::Vault,
    /// The way out for everything that is fetched.
    pub(crate) client: Client,
    /// The secrets that the configuration refers to.
    pub(crate) references: References,
    /// Those of them that servers are shown on behalf of every caller.
    pub(crate) fixed: Arc<FixedSecrets>,
    /// Who calls; `None` where only keys and this machine are known.
    pub(crate) issuers: Option<Arc<Issuers>>,
    /// Where credentials are kept; `None` where none is.
    pub(crate) vault: Option<Arc<Vault>>,
    /// The tokens with which servers are called; `None` where none gets any.
    pub(crate) broker: Option<Arc<Broker>>,
    /// The pages and documents for browsers and OAuth clients; `None` where there are none.
    pub(crate) front: Option<Arc<Front>>,
    clock: Arc<dyn Clock>,
    nonces: Arc<NonceKey>,
    happenings: Happenings,
}

impl Facilities {
    /// For the first configuration of a process.
    ///
    /// # Errors
    /// Every problem, in words for the operator.
    pub(crate) async fn open(
        loaded: &Loaded,
        stores: &Stores,
        happenings: Happenings,
    ) -> Result<Self, Vec<String>> {
        let fresh = random_key().map_err(|error| vec![error.to_string()])?;
        let secret = stores
            .sessions
            .secret("dpop-nonce", &|| fresh.clone())
            .await
            .map_err(|error| vec![format!("the store cannot be read: {error}")])?;
        let lasting = Lasting {
            clock: Arc::new(SystemClock::new()),
            nonces: Arc::new(NonceKey::new(&secret, NONCE_SLOT)),
            happenings,
        };
        Self::make(loaded, stores, lasting, None).await
    }

    /// For the next configuration. What did not change goes on with what it has learnt.
    ///
    /// # Errors
    /// As [`Facilities::open`].
    pub(crate) async fn renew(
        &self,
        loaded: &Loaded,
        stores: &Stores,
    ) -> Result<Self, Vec<String>> {
        let lasting = Lasting {
            clock: Arc::clone(&self.clock),
            nonces: Arc::clone(&self.nonces),
            happenings: self.happenings.clone(),
        };
        Self::make(loaded, stores, lasting, Some(self)).await
    }

    async fn make(
        loaded: &Loaded,
        stores: &Stores,
        lasting: Lasting,
        previous: Option<&Self>,
    ) -> Result<Self, Vec<String>> {
        let config = &loaded.config;
        let guarded = config.controls.egress_guard;
        let same_way =
            |previous: &&Self| previous.outbound == config.outbound && previous.guarded == guarded;
        let previous = previous.filter(same_way);
        let client = match previous {
            Some(previous) => previous.client.clone(),
            None => outbound(config, &loaded.base)
                .and_then(|settings| {
                    Client::new(&settings).map_err(|error| format!("`outbound`: {error}"))
                })
                .map_err(|problem| vec![problem])?,
        };
        let now: portcullis_vault::Clock = Arc::new(clock::unix_micros);
        let references = References::new(&config.secrets, &loaded.base, &client, now)
            .map_err(|error| vec![error.to_string()])?;
        let fixed = FixedSecrets::read(config, &references).await?;
        let mut facilities = Self {
            outbound: config.outbound.clone(),
            guarded,
            sealed_by: config.vault.clone(),
            client,
            references,
            fixed: Arc::new(fixed),
            issuers: None,
            vault: None,
            broker: None,
            front: None,
            clock: lasting.clock,
            nonces: lasting.nonces,
            happenings: lasting.happenings,
        };
        let same_key = |previous: &&Self| previous.sealed_by == config.vault;
        let known = previous
            .filter(same_key)
            .and_then(|previous| previous.vault.clone());
        facilities.vault = facilities.vault(loaded, stores, known).await?;
        let known = previous.and_then(|previous| previous.issuers.as_deref());
        facilities.issuers = facilities.issuers(loaded, known).await?;
        let known = previous.and_then(|previous| previous.broker.as_deref());
        facilities.broker = broker::broker(&facilities, loaded, stores, known)?;
        facilities.front = front::front(&facilities, loaded, stores).await?;
        Ok(facilities)
    }

    /// The vault, where something is kept in it. Whoever keeps nothing has no key to look after.
    async fn vault(
        &self,
        loaded: &Loaded,
        stores: &Stores,
        known: Option<Arc<Vault>>,
    ) -> Result<Option<Arc<Vault>>, Vec<String>> {
        let config = &loaded.config;
        if !front::keeps(config) && !broker::is_needed(config) {
            return Ok(None);
        }
        if known.is_some() {
            return Ok(known);
        }
        let surroundings = Surroundings {
            references: self.references.clone(),
            client: self.client.clone(),
            clock: Arc::new(clock::unix_micros),
        };
        let store = Arc::clone(&stores.store) as Arc<dyn VaultStore>;
        let limits = CacheLimits::default();
        match configured::open(&config.vault, store, limits, &surroundings).await {
            Ok(vault) => Ok(Some(Arc::new(vault))),
            Err(error) => Err(vec![format!("`vault`: {}", chain(&error))]),
        }
    }

    async fn issuers(
        &self,
        loaded: &Loaded,
        previous: Option<&Issuers>,
    ) -> Result<Option<Arc<Issuers>>, Vec<String>> {
        let authn = &loaded.config.authn;
        if authn.issuers.is_empty() && authn.certificates.is_none() {
            return Ok(None);
        }
        let context = Context {
            client: &self.client,
            clock: Arc::clone(&self.clock),
            secrets: &self.references,
            base: &loaded.base,
            nonces: Some(Arc::clone(&self.nonces)),
        };
        match Issuers::new(authn, &context, previous).await {
            Ok(issuers) => Ok(Some(Arc::new(issuers))),
            Err(problems) => Err(problems.iter().map(ToString::to_string).collect()),
        }
    }
}

/// What stays the same from one configuration to the next.
struct Lasting {
    clock: Arc<dyn Clock>,
    nonces: Arc<NonceKey>,
    happenings: Happenings,
}

/// An error with all its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
