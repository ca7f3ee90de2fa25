//! How a test describes its gateway.

use std::sync::Arc;

use portcullis_gateway::gateway::Stores;
use portcullis_gateway::{Gateway, listener, load};
use portcullis_store::{AuditStore, Sqlite};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::TestGateway;
use crate::{Script, ScriptedServer, sha256};

type Wrap = Box<dyn FnOnce(Arc<dyn AuditStore>) -> Arc<dyn AuditStore>>;

/// A gateway to be started.
pub struct Builder {
    files: Files,
    servers: Vec<(String, Script)>,
    canaries: Vec<String>,
    wrap: Option<Wrap>,
}

/// The configuration as sections, so that a test can replace one.
#[derive(Clone)]
pub(super) struct Files {
    sections: Vec<(String, String)>,
    cedar: String,
}

impl Builder {
    pub(super) fn new() -> Self {
        let mut files = Files {
            sections: Vec::new(),
            cedar: "permit (principal, action, resource);".to_owned(),
        };
        files.section("authn", "loopback = \"local\"");
        files.section("registry", "mode = \"trust-on-first-use\"");
        Self {
            files,
            servers: Vec::new(),
            canaries: Vec::new(),
            wrap: None,
        }
    }

    /// Adds a server. The profile `main` at `/mcp/main` has all of them, unless a section says else.
    #[must_use]
    pub fn server(mut self, name: &str, script: Script) -> Self {
        self.servers.push((name.to_owned(), script));
        self
    }

    /// Sets a section of `portcullis.toml`, in place of one with this name. A name in brackets of
    /// its own, like `[authn.key]`, is an entry of an array and always added. `servers.NAME` adds to
    /// the section of that server.
    #[must_use]
    pub fn section(mut self, name: &str, body: &str) -> Self {
        self.files.section(name, body);
        self
    }

    /// Switches a control off.
    #[must_use]
    pub fn without(self, control: &str) -> Self {
        self.section("controls", &format!("{control} = false"))
    }

    /// Adds an API key for a user in these groups.
    #[must_use]
    pub fn key(self, user: &str, key: &str, groups: &str) -> Self {
        let hash = sha256(key);
        self.section(
            "[authn.key]",
            &format!("name = \"{user}\"\nhash = \"{hash}\"\ngroups = [{groups}]"),
        )
        .canary(key)
    }

    /// Nobody gets in without a key.
    #[must_use]
    pub fn without_loopback(self) -> Self {
        self.section("authn", "")
    }

    /// Replaces the policies.
    #[must_use]
    pub fn policy(mut self, cedar: &str) -> Self {
        self.files.cedar = cedar.to_owned();
        self
    }

    /// A secret of a caller: it may be in no server's requests, in no reply and nowhere in the store.
    #[must_use]
    pub fn canary(mut self, secret: &str) -> Self {
        self.canaries.push(secret.to_owned());
        self
    }

    /// Puts something between the gateway and its audit store.
    #[must_use]
    pub fn audit(
        mut self,
        wrap: impl FnOnce(Arc<dyn AuditStore>) -> Arc<dyn AuditStore> + 'static,
    ) -> Self {
        self.wrap = Some(Box::new(wrap));
        self
    }

    /// Starts the servers and the gateway.
    pub async fn start(mut self) -> TestGateway {
        let mut servers = Vec::new();
        let mut names = Vec::new();
        for (name, script) in self.servers {
            let server = ScriptedServer::start(script).await;
            let section = format!("servers.{name}");
            let more = self.files.body(&section);
            self.files
                .section(&section, &format!("url = \"{}\"\n{more}", server.url()));
            names.push(format!("\"{name}\""));
            servers.push((name, server));
        }
        if self.files.body("profiles.main").is_empty() && !names.is_empty() {
            self.files.section(
                "profiles.main",
                &format!("servers = [{}]", names.join(", ")),
            );
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("portcullis.toml");
        std::fs::write(&path, self.files.toml()).unwrap();
        std::fs::create_dir(folder.path().join("policies")).unwrap();
        std::fs::write(folder.path().join("policies/test.cedar"), &self.files.cedar).unwrap();
        let loaded = load(&path).unwrap_or_else(|error| panic!("{}", error.problems().join("\n")));
        let store = Sqlite::open(&folder.path().join("portcullis.db"))
            .await
            .unwrap();
        let mut stores = Stores::from(store.clone());
        if let Some(wrap) = self.wrap {
            stores.audit = wrap(stores.audit);
        }
        let gateway = Gateway::open(loaded, stores).await.unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let listening = tokio::spawn(listener::serve(Arc::clone(&gateway), socket, async move {
            // A dropped sender stops it too.
            let _either = stopped.await;
        }));
        TestGateway {
            gateway,
            address,
            folder,
            files: self.files.into(),
            store,
            servers,
            canaries: self.canaries,
            replies: Vec::new().into(),
            listening: Some((stop, listening)).into(),
        }
    }
}

impl Files {
    pub(super) fn section(&mut self, name: &str, body: &str) {
        let known = self
            .sections
            .iter_mut()
            .find(|(known, _)| known == name && !name.starts_with('['));
        match known {
            Some((_, old)) => *old = body.to_owned(),
            None => self.sections.push((name.to_owned(), body.to_owned())),
        }
    }

    pub(super) fn toml(&self) -> String {
        self.sections
            .iter()
            .map(|(name, body)| format!("[{name}]\n{body}\n\n"))
            .collect()
    }

    fn body(&self, name: &str) -> String {
        self.sections
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, body)| body.clone())
            .unwrap_or_default()
    }
}
