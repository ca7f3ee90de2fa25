//! A stage: one gateway on a temporary store and a port of its own, with the canary behind it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::Request;
use http_body_util::Full;
use portcullis_config::Controls;
use portcullis_egress::{EgressError, Naming};
use portcullis_gateway::gateway::Stores;
use portcullis_gateway::{Gateway, Loaded, listener};
use portcullis_store::{
    AuditEntry, AuditFilter, AuditStore, DefinitionKey, DefinitionRecord, Observation,
    RegistryStore, Revocation, RevocationKind, RevocationStore, Sqlite, State,
};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::client::{Client, Post, Reply};
use super::scene::{RECORD, STATE, Scene};
use super::witness::Witness;
use crate::exit::Failure;
use crate::setup;

/// How long a decision may take to come into force. The gateway looks twice a second.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running gateway with two clients and all that can be observed behind it.
pub(super) struct Stage {
    pub(super) first: Client,
    pub(super) second: Client,
    /// A caller that the store knows as revoked.
    pub(super) revoked: Client,
    /// A caller of whom a policy demands a stronger sign-in.
    pub(super) weak: Client,
    /// The first caller at the server that is reached over HTTP.
    pub(super) web: Client,
    /// The first caller at the server whose program is another one.
    pub(super) stranger: Client,
    /// The first caller's name.
    pub(super) caller: String,
    pub(super) controls: Controls,
    pub(super) witness: Arc<Witness>,
    canary: String,
    strangers_name: String,
    store: Sqlite,
    folder: PathBuf,
    gateway: Arc<Gateway>,
    stop: oneshot::Sender<()>,
    listening: JoinHandle<()>,
    asked: AtomicUsize,
}

impl Stage {
    /// Opens a gateway. `approved` is put on record before it looks at the canary.
    pub(super) async fn open(
        scene: &Scene,
        loaded: Loaded,
        approved: &[Observation],
    ) -> Result<Self, Failure> {
        let folder = loaded.base.clone();
        let controls = loaded.config.controls.clone();
        let store = setup::open_file(&folder.join("prove.db")).await?;
        if !approved.is_empty() {
            store.observe(approved, 0).await.map_err(|error| {
                Failure::because("the temporary registry cannot be written", &error)
            })?;
        }
        revoke(&store, &scene.revoked.name).await?;
        let witness = Arc::new(Witness::new(store.clone()));
        let stores = Stores {
            audit: Arc::clone(&witness) as Arc<dyn AuditStore>,
            ..Stores::from(store.clone())
        };
        let gateway = Gateway::open(loaded, stores)
            .await
            .map_err(|error| Failure::because("the gateway cannot start", &error))?;
        let socket = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .map_err(|error| Failure::because("no loopback port can be bound", &error))?;
        let address = socket
            .local_addr()
            .map_err(|error| Failure::because("the loopback port has no address", &error))?;
        let (stop, stopped) = oneshot::channel::<()>();
        let listening = tokio::spawn(listener::serve(Arc::clone(&gateway), socket, async move {
            // A stage that is dropped stops as well.
            let _stopped = stopped.await;
        }));
        let path = Scene::path(&scene.canary);
        Ok(Self {
            first: Client::new(address, &path, &scene.first.key),
            second: Client::new(address, &path, &scene.second.key),
            revoked: Client::new(address, &path, &scene.revoked.key),
            weak: Client::new(address, &path, &scene.weak.key),
            web: Client::new(address, &Scene::path(&scene.web), &scene.first.key),
            stranger: Client::new(address, &Scene::path(&scene.stranger), &scene.first.key),
            strangers_name: scene.stranger.clone(),
            caller: scene.first.name.clone(),
            controls,
            witness,
            canary: scene.canary.clone(),
            store,
            folder,
            gateway,
            stop,
            listening,
            asked: AtomicUsize::new(0),
        })
    }

    /// Ends the gateway and its servers.
    pub(super) async fn close(self) {
        // The listener may have ended by itself.
        let _ended = self.stop.send(());
        drop((self.first, self.second, self.revoked, self.weak));
        drop((self.web, self.stranger));
        let _ended = self.listening.await;
        self.gateway.shutdown().await;
        self.store.close().await;
    }

    /// Looks at a server as the operator does, so that its definitions are on record.
    pub(super) async fn inspect(&self, server: &str) -> Result<(), Failure> {
        let looked = self.gateway.inspect(server).await;
        looked.map(|_| ()).map_err(|refusal| {
            Failure::new(format!(
                "the canary cannot be used: {}",
                setup::explain(&refusal)
            ))
        })
    }

    /// Approves everything on record and waits until that is in force.
    pub(super) async fn approve(&self) -> Result<(), Failure> {
        let failed = |error| Failure::because("the temporary registry cannot be written", &error);
        let mut of_stranger = Vec::new();
        for record in self.store.load().await.map_err(failed)? {
            // What the stranger offers is what the canary offers, and nobody may ask it.
            if record.key.server == self.canary && record.key.kind != "identity" {
                of_stranger.push(Observation {
                    key: DefinitionKey {
                        server: self.strangers_name.clone(),
                        ..record.key.clone()
                    },
                    hash: record.hash.clone(),
                    text: record.text.clone(),
                    state: State::Approved,
                    findings: record.findings.clone(),
                });
            }
            if record.state != State::Approved {
                self.store
                    .decide(
                        &record.key,
                        &record.hash,
                        State::Approved,
                        "portcullis prove",
                        0,
                        None,
                    )
                    .await
                    .map_err(failed)?;
            }
        }
        self.store.observe(&of_stranger, 0).await.map_err(failed)?;
        let started = Instant::now();
        while !self.tools().await?.contains(&"echo".to_owned()) && started.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// What is approved here, ready to be put on record elsewhere.
    pub(super) async fn approved(&self) -> Result<Vec<Observation>, Failure> {
        let records =
            self.store.load().await.map_err(|error| {
                Failure::because("the temporary registry cannot be read", &error)
            })?;
        let approved = records
            .into_iter()
            .filter(|record| record.state == State::Approved)
            // Each stage takes the canary's program as it finds it: this one may be updated meanwhile.
            .filter(|record| record.key.kind != "identity");
        let observation = |DefinitionRecord {
                               key,
                               hash,
                               text,
                               state,
                               findings,
                               ..
                           }| Observation {
            key,
            hash,
            text,
            state,
            findings,
        };
        Ok(approved.map(observation).collect())
    }

    /// A text that nothing else in this run holds.
    pub(super) fn fresh(&self) -> String {
        format!("prove-{}", self.asked.fetch_add(1, Ordering::Relaxed))
    }

    /// A call of a tool, in the modern era.
    pub(super) fn tool(&self, name: &str, arguments: Value) -> Post {
        Post::modern(
            &self.fresh(),
            "tools/call",
            json!({"name": name, "arguments": arguments}),
        )
    }

    /// The tools that the first caller sees.
    pub(super) async fn tools(&self) -> Result<Vec<String>, Failure> {
        let listed = self
            .ask(
                &self.first,
                Post::modern(&self.fresh(), "tools/list", json!({})),
            )
            .await?;
        Ok(listed.tools().into_iter().map(str::to_owned).collect())
    }

    /// Begins to fetch from an address as the gateway does.
    pub(super) async fn fetch(&self, url: &str, naming: Naming) -> Result<(), EgressError> {
        let request = Request::get(url)
            .body(Full::default())
            .map_err(|_| EgressError::BadRedirect)?;
        let client = self.gateway.egress();
        client.open(request, naming).await.map(drop)
    }

    /// Sends a message.
    pub(super) async fn ask(&self, client: &Client, post: Post) -> Result<Reply, Failure> {
        client
            .send(post)
            .await
            .map_err(|error| Failure::because("a probe got no answer", &error))
    }

    /// Calls `echo` in one of the eras: how that was refused, `None` if it was not.
    pub(super) async fn refusal_of_echo(&self, legacy: bool) -> Result<Option<String>, Failure> {
        let id = self.fresh();
        let params = json!({"name": "echo", "arguments": {"text": id}});
        let post = if legacy {
            let opened = self
                .ask(&self.first, Post::initialize(&self.fresh()))
                .await?;
            match &opened.session {
                Some(session) => Post::legacy(&id, session, "tools/call", &params),
                None => return Ok(Some(opened.summary())),
            }
        } else {
            Post::modern(&id, "tools/call", params)
        };
        let reply = self.ask(&self.first, post).await?;
        Ok((!reply.is_result()).then(|| reply.summary()))
    }

    /// Whether the canary received this text.
    pub(super) fn reached(&self, text: &str) -> Result<bool, Failure> {
        Ok(self.record()?.contains(&format!("{text}\"")))
    }

    /// Everything that the canary received.
    ///
    /// No file means that nothing has arrived. A file that cannot be read means nothing at all, and
    /// must not pass for "stopped".
    pub(super) fn record(&self) -> Result<String, Failure> {
        match std::fs::read(self.folder.join(RECORD)) {
            // A line may be half-written; what of it is there already counts.
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(Failure::because(
                "the canary's record cannot be read",
                &error,
            )),
        }
    }

    /// Makes the canary change the definition of the tool `changing`.
    pub(super) fn change_definition(&self) -> Result<(), Failure> {
        std::fs::write(self.folder.join(STATE), "changed")
            .map_err(|error| Failure::because("the canary cannot be told to change", &error))
    }

    /// Every entry of the trail so far.
    pub(super) async fn trail(&self) -> Result<Vec<AuditEntry>, Failure> {
        self.gateway.flush().await;
        let filter = AuditFilter {
            limit: 1_000_000,
            ..AuditFilter::default()
        };
        self.store
            .entries(&filter)
            .await
            .map_err(|error| Failure::because("the temporary trail cannot be read", &error))
    }

    /// How many messages this stage was sent.
    pub(super) fn sent(&self) -> usize {
        [
            &self.first,
            &self.second,
            &self.revoked,
            &self.weak,
            &self.web,
            &self.stranger,
        ]
        .map(Client::sent)
        .iter()
        .sum()
    }

    /// The canary's name as a server.
    pub(super) fn canary(&self) -> &str {
        &self.canary
    }
}

/// Puts a caller on record as revoked, before the gateway reads the record.
async fn revoke(store: &Sqlite, name: &str) -> Result<(), Failure> {
    let revocation = Revocation {
        kind: RevocationKind::Workload,
        key: name.to_owned(),
        at_us: 0,
        reason: "to see whether it is believed".to_owned(),
        by: "portcullis prove".to_owned(),
        expires_us: None,
    };
    let revoked = store.revoke(&revocation).await;
    revoked.map(drop).map_err(|error| {
        Failure::because(
            "the temporary list of revocations cannot be written",
            &error,
        )
    })
}
