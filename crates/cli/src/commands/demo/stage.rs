//! One gateway of the demo: from its configuration file to its end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use portcullis_gateway::gateway::Stores;
use portcullis_gateway::{Gateway, listener, load};
use portcullis_store::{DefinitionKey, DefinitionRecord, RegistryStore, Sqlite, State, StoreError};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::story::Stop;
use crate::duration::now;
use crate::exit::Failure;
use crate::setup;

/// This program, which the lab's servers are part of.
pub(super) fn program() -> Result<PathBuf, Failure> {
    std::env::current_exe()
        .map_err(|error| Failure::because("this program does not know its own path", &error))
}

/// A gateway that serves.
pub(super) struct Stage {
    gateway: Arc<Gateway>,
    serving: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl Stage {
    /// Loads the configuration file, as `portcullis serve` does, and serves it on `socket`.
    pub(super) async fn open(
        file: &Path,
        store: &Sqlite,
        socket: TcpListener,
    ) -> Result<Self, Failure> {
        let gateway = gateway(file, store).await?;
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(listener::serve(Arc::clone(&gateway), socket, async {
            // A stage that is dropped stops as well.
            let _dropped = stopped.await;
        }));
        Ok(Self {
            gateway,
            serving,
            stop,
        })
    }

    /// Waits until the audit trail holds everything that happened so far.
    pub(super) async fn flush(&self) -> bool {
        self.gateway.flush().await
    }

    /// Ends the connections and the servers, and waits for them.
    pub(super) async fn close(self) {
        // The other end is gone only if serving ended already.
        let _ended = self.stop.send(());
        if let Err(error) = self.serving.await {
            tracing::error!(%error, "serving ended badly");
        }
        self.gateway.shutdown().await;
    }
}

/// Looks at every server as `portcullis tools list --refresh` does, and then approves what those in
/// `trusted` offer, as `portcullis tools approve` does. Before the gateway serves, because a running
/// one takes a decision over with a delay.
///
/// Only what nobody had seen before is approved: a version that was held earlier stays held.
pub(super) async fn review(
    file: &Path,
    store: &Sqlite,
    trusted: &[&str],
    stop: &mut Stop,
) -> Result<(), Failure> {
    let unreadable = |error: StoreError| Failure::because("the registry cannot be used", &error);
    let known = versions(&store.load().await.map_err(unreadable)?);
    let gateway = gateway(file, store).await?;
    let inspected = stop.unless(inspect(&gateway)).await;
    gateway.shutdown().await;
    inspected??;
    for record in store.load().await.map_err(unreadable)? {
        let is_new = known
            .get(&record.key)
            .is_none_or(|hashes| !hashes.contains(&record.hash));
        let waits = matches!(record.state, State::Seen | State::Quarantined);
        if !is_new || !waits || !trusted.contains(&record.key.server.as_str()) {
            continue;
        }
        let note = Some("reviewed for the demo");
        store
            .decide(
                &record.key,
                &record.hash,
                State::Approved,
                "demo",
                now(),
                note,
            )
            .await
            .map_err(unreadable)?;
    }
    Ok(())
}

async fn gateway(file: &Path, store: &Sqlite) -> Result<Arc<Gateway>, Failure> {
    let loaded = load(file).map_err(|error| Failure::configuration(error.problems()))?;
    Gateway::open(loaded, Stores::from(store.clone()))
        .await
        .map_err(|error| Failure::because("the gateway cannot start", &error))
}

async fn inspect(gateway: &Gateway) -> Result<(), Failure> {
    for name in gateway.config().servers.keys() {
        gateway.inspect(name).await.map_err(|refusal| {
            Failure::new(format!("server {name}: {}", setup::explain(&refusal)))
        })?;
    }
    Ok(())
}

fn versions(records: &[DefinitionRecord]) -> BTreeMap<DefinitionKey, Vec<String>> {
    let mut known: BTreeMap<DefinitionKey, Vec<String>> = BTreeMap::new();
    for record in records {
        known
            .entry(record.key.clone())
            .or_default()
            .push(record.hash.clone());
    }
    known
}
