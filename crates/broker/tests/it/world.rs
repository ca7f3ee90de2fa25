//! What every test needs: a configuration, time that it moves, a vault over SQLite, and callers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_broker::{
    Broker, Caller, Context, Credential, Event, Http, Needed, OwnClient, Reason, SubjectToken,
};
use portcullis_config::SecretRef;
use portcullis_egress::{Client, Settings};
use portcullis_oauth::{Clock, ReadSecret, SecretUnreadable};
use portcullis_store::Sqlite;
use portcullis_token::identity::PrincipalKind;
use portcullis_vault::keys::FileKey;
use portcullis_vault::{CacheLimits, Providers, Vault};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

/// The address that sign-ins come back to.
pub(crate) const CALLBACK: &str = "http://127.0.0.1/oauth/callback";

/// Time that stands still until the test moves it. It starts now.
#[derive(Debug)]
pub(crate) struct TestClock {
    start: u64,
    passed: Mutex<Duration>,
}

impl TestClock {
    pub(crate) fn pass(&self, seconds: u64) {
        *self.passed.lock().unwrap() += Duration::from_secs(seconds);
    }
}

impl Clock for TestClock {
    fn unix_seconds(&self) -> u64 {
        self.start + self.elapsed().as_secs()
    }

    fn elapsed(&self) -> Duration {
        *self.passed.lock().unwrap()
    }
}

/// Secrets by the name of their variable.
#[derive(Default)]
pub(crate) struct Secrets(pub(crate) Mutex<HashMap<String, String>>);

#[async_trait::async_trait]
impl ReadSecret for Secrets {
    async fn read(&self, reference: &SecretRef) -> Result<SecretString, SecretUnreadable> {
        let found = match reference {
            SecretRef::Env(name) => self.0.lock().unwrap().get(name).cloned(),
            _ => None,
        };
        found
            .map(SecretString::from)
            .ok_or_else(|| SecretUnreadable("it is not there".into()))
    }
}

pub(crate) struct World {
    pub(crate) clock: Arc<TestClock>,
    pub(crate) store: Arc<Sqlite>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
    pub(crate) own: OwnClient,
    /// Whether others may name loopback addresses.
    pub(crate) is_open: bool,
    folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let clock = Arc::new(TestClock {
            start: now.as_secs(),
            passed: Mutex::default(),
        });
        let store = Sqlite::open(&folder.path().join("portcullis.db")).await;
        let store = Arc::new(store.unwrap());
        let root = FileKey::open_or_create(&folder.path().join("vault.key")).unwrap();
        let for_vault = Arc::clone(&clock);
        let vault = Vault::open(
            Arc::clone(&store) as Arc<_>,
            Providers::one(Arc::new(root)),
            CacheLimits::default(),
            Arc::new(move || i64::try_from(for_vault.unix_seconds()).unwrap() * 1_000_000),
        );
        let secrets = [
            ("PROVIDER", "lab-provider-secret"),
            ("ENTRA", portcullis_lab::entra::sample::GATEWAY_SECRET),
        ];
        let secrets = secrets.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            vault: Arc::new(vault.await.unwrap()),
            clock,
            store,
            secrets: Arc::new(Secrets(Mutex::new(secrets.into()))),
            events: Arc::default(),
            own: OwnClient {
                name: "Portcullis".to_owned(),
                callback: Url::parse(CALLBACK).unwrap(),
                document: None,
                may_register: false,
            },
            is_open: false,
            folder,
        }
    }

    pub(crate) fn broker(&self, config: &str) -> Broker {
        self.broker_after(config, None)
    }

    pub(crate) fn broker_after(&self, config: &str, previous: Option<&Broker>) -> Broker {
        let parsed = portcullis_config::parse(config).unwrap_or_else(|problems| {
            let text = portcullis_config::Config::render_problems(&problems, "test", config);
            panic!("{text}")
        });
        let events = Arc::clone(&self.events);
        let context = Context {
            http: Http {
                general: client(self.is_open),
                servers: HashMap::new(),
                issuers: HashMap::new(),
            },
            secrets: Arc::clone(&self.secrets) as Arc<_>,
            vault: Arc::clone(&self.vault),
            one_time: Arc::clone(&self.store) as Arc<_>,
            revocations: Arc::clone(&self.store) as Arc<_>,
            clock: Arc::clone(&self.clock) as Arc<_>,
            base: ".".into(),
            client: Some(self.own.clone()),
            on_event: Arc::new(move |event| events.lock().unwrap().push(event)),
        };
        Broker::new(&parsed, context, previous).unwrap()
    }

    /// The files of the store that hold these bytes.
    pub(crate) fn files_with(&self, bytes: &[u8]) -> Vec<String> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        let holds = |content: &[u8]| content.windows(bytes.len()).any(|part| part == bytes);
        files
            .map(|file| file.unwrap().path())
            .filter(|path| path.is_file() && holds(&std::fs::read(path).unwrap()))
            .map(|path| path.display().to_string())
            .collect()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }
}

/// A client by which only the operator's own words lead to loopback, unless it is open.
pub(crate) fn client(is_open: bool) -> Client {
    let allow = is_open.then(|| "127.0.0.1".parse().unwrap());
    Client::new(&Settings {
        use_system_roots: false,
        allow: allow.into_iter().collect(),
        ..Settings::default()
    })
    .unwrap()
}

/// A user without a token of an issuer.
pub(crate) fn user(principal: &str) -> Caller<'_> {
    Caller {
        tenant: "",
        principal,
        kind: PrincipalKind::User,
        issuer: None,
        subject: None,
        scopes: &[],
        client: None,
        actors: &[],
        token_id: None,
        issued: None,
        can_be_challenged: false,
    }
}

/// A user who came with a token of an issuer.
pub(crate) fn came_by<'a>(
    issuer: &'a str,
    tenant: &'a str,
    subject: &'a SubjectToken,
) -> Caller<'a> {
    Caller {
        tenant,
        issuer: Some(issuer),
        subject: Some(subject),
        ..user("ada")
    }
}

pub(crate) fn subject(token: &str) -> SubjectToken {
    SubjectToken::access(SecretString::from(token))
}

/// The token in the credential.
pub(crate) fn token(credential: &Credential) -> String {
    let value = credential.value.expose_secret();
    value.strip_prefix("Bearer ").unwrap().to_owned()
}

/// The claims of the token in the credential.
pub(crate) fn claims(credential: &Credential) -> Value {
    let token = token(credential);
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// What is needed instead of a credential.
pub(crate) fn needed(credential: Result<Option<Credential>, Needed>) -> Needed {
    credential.unwrap_err()
}

pub(crate) fn refused(reason: Reason) -> Needed {
    Needed::Refused { reason }
}
