//! The gateway on real sockets, with a real store in a folder of its own.

mod builder;
mod teardown;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use portcullis_gateway::{Gateway, LoadError, load};
use portcullis_store::{
    AuditEntry, AuditFilter, AuditStore, DefinitionRecord, RegistryStore, Sqlite, State,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use builder::Builder;

use crate::{Call, Caller, Reply, ScriptedServer, Speaks, eventually};
use builder::Files;

/// A running gateway with its servers.
pub struct TestGateway {
    gateway: Arc<Gateway>,
    address: SocketAddr,
    folder: tempfile::TempDir,
    files: Mutex<Files>,
    store: Sqlite,
    servers: Vec<(String, ScriptedServer)>,
    canaries: Vec<String>,
    replies: Mutex<Vec<Reply>>,
    listening: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
}

impl std::fmt::Debug for TestGateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestGateway")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl TestGateway {
    /// A gateway that lets the loopback principal `local` do everything and trusts definitions on
    /// first use. A test takes away what it is about.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The gateway itself.
    pub fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// A server by the name it is configured under.
    pub fn server(&self, name: &str) -> &ScriptedServer {
        self.servers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, server)| server)
            .unwrap_or_else(|| panic!("no server {name}"))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The configuration file.
    pub fn config_path(&self) -> PathBuf {
        self.folder.path().join("portcullis.toml")
    }

    /// The folder with everything in it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The store, beside the gateway's own handle.
    pub fn store(&self) -> &Sqlite {
        &self.store
    }

    /// Stops listening, lets open connections end and drops those that do not.
    pub async fn stop(&self) {
        let listening = self.listening.lock().unwrap().take();
        if let Some((stop, serving)) = listening {
            drop(stop);
            serving.await.unwrap();
        }
    }

    /// A request of any shape.
    pub fn http(&self, verb: &str, path: &str) -> Call {
        Call::new(self.address, verb, path)
    }

    /// A legacy client at the profile `main`, greeted.
    pub async fn legacy(&self) -> Caller<'_> {
        self.caller(Speaks::Legacy, "/mcp/main", &[]).await
    }

    /// A client at the profile `main` that can be asked for something: a raw capabilities object.
    pub async fn able(&self, speaks: Speaks, capabilities: &str) -> Caller<'_> {
        let mut caller = self.stranger(speaks, "/mcp/main", &[]);
        caller.declare(capabilities);
        caller.greet().await;
        caller
    }

    /// A modern client at the profile `main`.
    pub async fn modern(&self) -> Caller<'_> {
        self.caller(Speaks::Modern, "/mcp/main", &[]).await
    }

    /// A client of any kind, greeted where its era has greetings.
    pub async fn caller(&self, speaks: Speaks, path: &str, headers: &[(&str, &str)]) -> Caller<'_> {
        let mut caller = self.stranger(speaks, path, headers);
        caller.greet().await;
        caller
    }

    /// A client that has not greeted the gateway.
    pub fn stranger(&self, speaks: Speaks, path: &str, headers: &[(&str, &str)]) -> Caller<'_> {
        Caller::new(self, speaks, path, headers)
    }

    /// Keeps a reply for the search for secrets at the end.
    pub fn keep(&self, reply: Reply) -> Reply {
        self.replies.lock().unwrap().push(reply.clone());
        reply
    }

    /// The whole audit trail, oldest first, after everything under way is written.
    pub async fn entries(&self) -> Vec<AuditEntry> {
        self.gateway.flush().await;
        self.store
            .entries(&AuditFilter {
                limit: 100_000,
                ..AuditFilter::default()
            })
            .await
            .unwrap()
    }

    /// The last entry of this method, once it is closed.
    pub async fn entry(&self, method: &str) -> AuditEntry {
        eventually(&format!("a closed entry of {method}"), async || {
            let entry = self
                .entries()
                .await
                .into_iter()
                .rfind(|entry| entry.opened.method == method);
            entry.filter(|entry| entry.closed.is_some())
        })
        .await
    }

    /// Every version of every definition on record.
    pub async fn definitions(&self) -> Vec<DefinitionRecord> {
        self.store.load().await.unwrap()
    }

    /// Gives the newest version of a definition a state, as another process would. The gateway is
    /// told by nobody and sees it by itself.
    pub async fn decide(&self, server: &str, kind: &str, name: &str, state: State) {
        let records = self.definitions().await;
        let record = records
            .iter()
            .rfind(|record| {
                record.key.server == server && record.key.kind == kind && record.key.name == name
            })
            .unwrap_or_else(|| panic!("{server} {kind} {name} was never seen"));
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_micros();
        let now = i64::try_from(now).unwrap();
        self.store
            .decide(&record.key, &record.hash, state, "tester", now, None)
            .await
            .unwrap();
    }

    /// Changes a section of the configuration and reloads.
    ///
    /// # Errors
    /// When the new configuration is not valid; the gateway then keeps the old one.
    pub async fn reload(&self, section: &str, body: &str) -> Result<(), LoadError> {
        let text = {
            let mut files = self.files.lock().unwrap();
            files.section(section, body);
            files.toml()
        };
        std::fs::write(self.config_path(), text).unwrap();
        self.reload_files().await
    }

    /// Changes the policies and reloads.
    ///
    /// # Errors
    /// As for [`TestGateway::reload`].
    pub async fn reload_policies(&self, cedar: &str) -> Result<(), LoadError> {
        std::fs::write(self.folder.path().join("policies/test.cedar"), cedar).unwrap();
        self.reload_files().await
    }

    async fn reload_files(&self) -> Result<(), LoadError> {
        let loaded = load(&self.config_path())?;
        let reloaded = self.gateway.reload(loaded).await;
        reloaded.map_err(LoadError::Problems)
    }
}
