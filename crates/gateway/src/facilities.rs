//! What a configuration needs of the world outside to be served: the way out, secrets, issuers.
//!
//! It is made before the snapshot that uses it. What cannot be made refuses the whole configuration,
//! so that a bad one changes nothing.

use std::sync::Arc;

use async_trait::async_trait;
use portcullis_config::SecretRef;
use portcullis_egress::Client;
use portcullis_identity::{Context, Issuers, SecretError, Secrets};
use portcullis_oauth::{Clock, SystemClock};
use portcullis_store::SessionStore;
use portcullis_token::dpop::NonceKey;
use portcullis_vault::References;
use secrecy::SecretString;

use crate::clock;
use crate::load::Loaded;
use crate::outbound::outbound;
use crate::seal::random_key;

/// How long a nonce of a proof of possession is good, in seconds, and once more as long.
const NONCE_SLOT: u64 = 120;

/// Everything that one configuration is served with.
#[derive(Clone)]
pub(crate) struct Facilities {
    outbound: portcullis_config::Outbound,
    guarded: bool,
    /// The way out for everything that is fetched.
    pub(crate) client: Client,
    /// The secrets that the configuration refers to.
    pub(crate) references: References,
    /// Who calls; `None` where only keys and this machine are known.
    pub(crate) issuers: Option<Arc<Issuers>>,
    clock: Arc<dyn Clock>,
    nonces: Arc<NonceKey>,
}

impl Facilities {
    /// For the first configuration of a process.
    ///
    /// # Errors
    /// Every problem, in words for the operator.
    pub(crate) async fn open(
        loaded: &Loaded,
        sessions: &dyn SessionStore,
    ) -> Result<Self, Vec<String>> {
        let fresh = random_key().map_err(|error| vec![error.to_string()])?;
        let secret = sessions
            .secret("dpop-nonce", &|| fresh.clone())
            .await
            .map_err(|error| vec![format!("the store cannot be read: {error}")])?;
        let nonces = Arc::new(NonceKey::new(&secret, NONCE_SLOT));
        Self::make(loaded, nonces, Arc::new(SystemClock::new()), None).await
    }

    /// For the next configuration. What did not change goes on with what it has learnt.
    ///
    /// # Errors
    /// As [`Facilities::open`].
    pub(crate) async fn renew(&self, loaded: &Loaded) -> Result<Self, Vec<String>> {
        let (nonces, clock) = (Arc::clone(&self.nonces), Arc::clone(&self.clock));
        Self::make(loaded, nonces, clock, Some(self)).await
    }

    async fn make(
        loaded: &Loaded,
        nonces: Arc<NonceKey>,
        clock: Arc<dyn Clock>,
        previous: Option<&Self>,
    ) -> Result<Self, Vec<String>> {
        let config = &loaded.config;
        let guarded = config.controls.egress_guard;
        let same_way = |previous: &&Self| {
            previous.outbound == config.outbound && previous.guarded == guarded
        };
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
        let mut facilities = Self {
            outbound: config.outbound.clone(),
            guarded,
            client,
            references,
            issuers: None,
            clock,
            nonces,
        };
        let known = previous.and_then(|previous| previous.issuers.as_deref());
        facilities.issuers = facilities.issuers(loaded, known).await?;
        Ok(facilities)
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
        let secrets = Referred(self.references.clone());
        let context = Context {
            client: &self.client,
            clock: Arc::clone(&self.clock),
            secrets: &secrets,
            base: &loaded.base,
            nonces: Some(Arc::clone(&self.nonces)),
        };
        match Issuers::new(authn, &context, previous).await {
            Ok(issuers) => Ok(Some(Arc::new(issuers))),
            Err(problems) => Err(problems.iter().map(ToString::to_string).collect()),
        }
    }
}

/// The references of the configuration as `identity` asks for them.
struct Referred(References);

#[async_trait]
impl Secrets for Referred {
    async fn read(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        let read = self.0.read(reference).await;
        read.map_err(|error| SecretError::Unavailable {
            reference: reference.clone(),
            source: Box::new(error),
        })
    }
}
