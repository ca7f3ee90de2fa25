//! The front that a configuration needs: what it says of its endpoints, the front doors of its issuers.

use std::collections::BTreeMap;
use std::sync::Arc;

use portcullis_config::{Config, IssuerKind};
use portcullis_egress::{Client, PeerTls, certificates};
use portcullis_front::{Context, Front, SealingKey, Upstream};
use portcullis_oauth::{ClientDocumentSettings, ClientDocuments, Discovery, DiscoverySettings};
use portcullis_vault::Vault;
use portcullis_vault::configured::client_identity;

use super::{Facilities, chain};
use crate::clock;
use crate::connect::{self, Connections};
use crate::gateway::Stores;
use crate::load::Loaded;

/// Whether anybody gets in by a token, so that hosts have to be told where it comes from.
fn is_needed(config: &Config) -> bool {
    config
        .authn
        .issuers
        .values()
        .any(|issuer| !matches!(issuer.kind, IssuerKind::Spiffe(_)) || issuer.front_door.is_some())
        || connect::is_offered(config)
}

/// Whether the front keeps anything that must be readable after a restart, or by another replica.
pub(super) fn keeps(config: &Config) -> bool {
    let mut issuers = config.authn.issuers.values();
    issuers.any(|issuer| issuer.front_door.is_some()) || connect::is_offered(config)
}

/// The front; `None` where there is nothing to say.
///
/// # Errors
/// Every problem, in words for the operator.
pub(super) async fn front(
    facilities: &Facilities,
    loaded: &Loaded,
    stores: &Stores,
) -> Result<Option<Arc<Front>>, Vec<String>> {
    let config = &loaded.config;
    let Some(base_url) = config.listen.base_url().filter(|_| is_needed(config)) else {
        return Ok(None);
    };
    let key = match &facilities.vault {
        Some(vault) if keeps(config) => sealing_key(vault, stores).await?,
        _ => SealingKey::random().map_err(one)?,
    };
    let happenings = facilities.happenings.clone();
    let context = Context {
        upstreams: upstreams(facilities, loaded).await?,
        documents: Arc::new(ClientDocuments::new(
            facilities.client.clone(),
            ClientDocumentSettings::default(),
            Arc::clone(&facilities.clock),
        )),
        store: Arc::clone(&stores.store),
        key,
        clock: Arc::clone(&facilities.clock),
        grants: facilities
            .broker
            .as_ref()
            .and_then(|broker| Connections::new(config, broker))
            .map(|connections| Arc::new(connections) as _),
        events: Arc::new(move |event| happenings.of_front(event)),
    };
    Front::new(config, &base_url, context)
        .map(|front| Some(Arc::new(front)))
        .map_err(one)
}

/// The way to every issuer at which the gateway is registered.
async fn upstreams(
    facilities: &Facilities,
    loaded: &Loaded,
) -> Result<BTreeMap<String, Upstream>, Vec<String>> {
    let mut upstreams = BTreeMap::new();
    let mut problems = Vec::new();
    for (name, issuer) in &loaded.config.authn.issuers {
        let Some(client) = &issuer.client else {
            continue;
        };
        let http = match &issuer.ca {
            None => Ok(facilities.client.clone()),
            Some(file) => with_authority(&facilities.client, &loaded.base.join(file)),
        };
        let identity = client_identity(client, &facilities.references).await;
        match (http, identity) {
            (Ok(http), Ok(identity)) => {
                let settings = DiscoverySettings::default();
                let clock = Arc::clone(&facilities.clock);
                let discovery = Arc::new(Discovery::new(http.clone(), settings, clock));
                let identity = Arc::new(identity);
                let upstream = Upstream {
                    http,
                    discovery,
                    identity,
                };
                upstreams.insert(name.clone(), upstream);
            }
            (http, identity) => {
                let place = format!("`authn.issuers.{name}`");
                problems.extend(http.err().map(|error| format!("{place}: {error}")));
                problems.extend(
                    identity
                        .err()
                        .map(|error| format!("{place}: {}", chain(&error))),
                );
            }
        }
    }
    match problems.is_empty() {
        true => Ok(upstreams),
        false => Err(problems),
    }
}

/// A way out that trusts one authority alone.
pub(super) fn with_authority(client: &Client, file: &std::path::Path) -> Result<Client, String> {
    let pem = std::fs::read(file)
        .map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    let roots = certificates(&pem).map_err(|error| format!("{}: {error}", file.display()))?;
    let peer = PeerTls {
        roots,
        ..PeerTls::default()
    };
    client.for_peer(&peer).map_err(|error| error.to_string())
}

/// Another replica may be making the key right now; then it is there in a moment.
async fn sealing_key(vault: &Vault, stores: &Stores) -> Result<SealingKey, Vec<String>> {
    const TRIES: u32 = 50;
    const PAUSE: std::time::Duration = std::time::Duration::from_millis(200);
    let mut tries = 0;
    loop {
        match SealingKey::of(vault, &*stores.store, clock::unix_micros()).await {
            Err(portcullis_front::SealingKeyError::Busy) if tries < TRIES => {
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
            made => return made.map_err(one),
        }
    }
}

fn one(error: impl std::error::Error) -> Vec<String> {
    vec![chain(&error)]
}
