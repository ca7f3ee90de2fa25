//! A broker for one command.

mod peer;

use std::collections::HashMap;
use std::sync::Arc;

use portcullis_broker::{Broker, Context, Http, OwnClient};
use portcullis_gateway::Loaded;
use portcullis_oauth::SystemClock;
use portcullis_store::Store;
use portcullis_vault::CacheLimits;
use portcullis_vault::configured::{self, Surroundings};
use url::Url;

use super::opened::surroundings;
use crate::exit::Failure;

/// The broker of this configuration, which will talk about these servers. Sign-ins come back to
/// `callback`, if there are any.
pub(super) async fn broker(
    loaded: &Loaded,
    about: &[&str],
    store: Arc<dyn Store>,
    callback: Option<Url>,
) -> Result<Broker, Failure> {
    let surroundings = surroundings(loaded)?;
    let Surroundings {
        references, client, ..
    } = surroundings.clone();
    let section = &loaded.config.vault;
    let limits = CacheLimits::default();
    let vault = configured::open(section, Arc::clone(&store) as _, limits, &surroundings)
        .await
        .map_err(|error| {
            Failure::because("the vault cannot be opened", &error)
                .help("`portcullis vault status` says more")
        })?;
    let mut servers = HashMap::new();
    for name in about {
        if let Some(own) = peer::client(loaded, name, &client, &references).await? {
            servers.insert((*name).to_owned(), own);
        }
    }
    let context = Context {
        http: Http {
            servers,
            issuers: HashMap::new(),
            general: client,
        },
        secrets: Arc::new(references),
        vault: Arc::new(vault),
        one_time: Arc::clone(&store) as _,
        revocations: store,
        clock: Arc::new(SystemClock::new()),
        base: loaded.base.clone(),
        client: callback.map(|callback| OwnClient {
            name: "Portcullis".to_owned(),
            callback,
            document: None,
            may_register: true,
        }),
        on_event: Arc::new(|event| tracing::debug!(?event, "the broker")),
    };
    Broker::new(&loaded.config, context, None)
        .map_err(|error| Failure::because("the broker cannot be prepared", &error))
}
