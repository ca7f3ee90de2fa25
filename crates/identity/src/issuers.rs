//! The issuers of one configuration.

mod identify;
mod inventory;
mod probe;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use portcullis_config as config;
use portcullis_egress::Client;
use portcullis_oauth::{Clock, ReadSecret};
use portcullis_token::dpop::{NonceKey, ReplayWindow};
use portcullis_token::{Identity, Issuer};

use crate::certificate::Certificate;
use crate::problem::Problem;
use crate::profile;
use crate::sightings::Sightings;
use crate::source::Source;

pub use inventory::{CertificateEntry, Inventory, IssuerEntry};
pub use probe::Probed;

/// Most proofs of possession that are remembered at a time, of about 150 bytes each: more than
/// 1,500 in each second for as long as one is good.
const PROOFS: usize = 100_000;

/// What issuers are made with.
#[derive(Clone)]
pub struct Context<'a> {
    /// The way out.
    pub client: &'a Client,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The secrets.
    pub secrets: &'a dyn ReadSecret,
    /// The folder of the configuration file.
    pub base: &'a Path,
    /// Where the nonces of proofs come from, which replicas should share; `None` when proofs need
    /// none. With nonces a proof that was made in advance, or used at another replica more than a
    /// few minutes ago, is worth nothing.
    pub nonces: Option<Arc<NonceKey>>,
}

/// Everybody whose word about callers is taken.
///
/// Nothing is asked for when it is made: an issuer that is down does not keep a gateway from
/// starting.
pub struct Issuers {
    entries: BTreeMap<String, Arc<Entry>>,
    certificates: Option<config::CertificatePrincipals>,
    clock: Arc<dyn Clock>,
    nonces: Option<Arc<NonceKey>>,
    memory: Arc<Memory>,
}

/// One issuer.
pub(crate) struct Entry {
    profile: Issuer,
    config: config::Issuer,
    source: Arc<Source>,
}

/// What is remembered of requests. It outlives a configuration.
struct Memory {
    proofs: Mutex<ReplayWindow>,
    sightings: Sightings,
}

impl Issuers {
    /// The issuers of an `[authn]` section.
    ///
    /// What `previous` has learnt from an issuer (keys, answers about tokens, groups) is kept if
    /// nothing has changed about how that one is asked: neither its configuration nor the content
    /// of its secrets and files. Proofs and sightings are always kept. Pass `None` when
    /// `[outbound]` or the clock changes: what is kept goes on with the client it began with.
    ///
    /// # Errors
    /// Every problem: a secret, certificate or key that is not there or of no use.
    pub async fn new(
        authn: &config::Authn,
        context: &Context<'_>,
        previous: Option<&Issuers>,
    ) -> Result<Issuers, Vec<Problem>> {
        let mut entries = BTreeMap::new();
        let mut problems = Vec::new();
        for (name, issuer) in &authn.issuers {
            let place = format!("authn.issuers.{name}");
            let known = previous
                .and_then(|previous| previous.entries.get(name))
                .map(|entry| &entry.source);
            match Source::open(&place, issuer, context, known).await {
                Ok(source) => {
                    let entry = Entry {
                        profile: profile::compile(name, issuer),
                        config: issuer.clone(),
                        source,
                    };
                    entries.insert(name.clone(), Arc::new(entry));
                }
                Err(mut more) => problems.append(&mut more),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Issuers {
            entries,
            certificates: authn.certificates.clone(),
            clock: Arc::clone(&context.clock),
            nonces: context.nonces.clone(),
            memory: previous.map_or_else(Memory::new, |previous| Arc::clone(&previous.memory)),
        })
    }

    /// Whom a verified client certificate stands for; `None` when certificates stand for nobody,
    /// or this one has not the one name that counts.
    #[must_use]
    pub fn by_certificate(&self, certificate: &Certificate) -> Option<Identity> {
        let rules = self.certificates.as_ref()?;
        certificate.identity(rules, self.clock.unix_seconds())
    }

    /// Whether there is nobody whose tokens are taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The nonce for the next proof, to be sent with any answer as `DPoP-Nonce` (RFC 9449 section
    /// 8.2); `None` when proofs need none.
    #[must_use]
    pub fn nonce(&self) -> Option<String> {
        let nonces = self.nonces.as_ref()?;
        Some(nonces.current(self.clock.unix_seconds()))
    }

    /// Forgets what issuers said about opaque tokens and about groups, so that a revocation is seen
    /// with the next request.
    pub fn forget(&self) {
        for entry in self.entries.values() {
            entry.source.forget();
        }
    }
}

impl Memory {
    fn new() -> Arc<Memory> {
        Arc::new(Memory {
            proofs: Mutex::new(ReplayWindow::new(PROOFS)),
            sightings: Sightings::new(),
        })
    }
}

impl fmt::Debug for Issuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuers")
            .field("names", &self.entries.keys())
            .field("certificates", &self.certificates)
            .finish_non_exhaustive()
    }
}
