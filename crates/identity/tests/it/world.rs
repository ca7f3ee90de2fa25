//! Time that tests move, a configuration as an operator writes it, and requests.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis_config::Config;
use portcullis_egress::{Client, Settings};
use portcullis_identity::{
    Certificate, Context, Endpoint, Identified, Issuers, Kind, LocalSecrets, Problem, Rejected,
    Scheme, Shown,
};
use portcullis_oauth::Clock;
use portcullis_token::dpop::NonceKey;
use secrecy::SecretString;
use tempfile::TempDir;

pub(crate) const RESOURCE: &str = "https://gw.contoso.com/research";
pub(crate) const URL: &str = "https://gw.contoso.com/research";

/// Time that stands still until the test moves it.
#[derive(Debug, Default)]
pub(crate) struct TestClock(Mutex<Duration>);

impl Clock for TestClock {
    fn unix_seconds(&self) -> u64 {
        1_800_000_000 + self.elapsed().as_secs()
    }

    fn elapsed(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

/// A gateway's folder, time and issuers.
pub(crate) struct World {
    pub(crate) clock: Arc<TestClock>,
    pub(crate) issuers: Arc<Issuers>,
    pub(crate) endpoint: Endpoint,
    pub(crate) nonces: Option<Arc<NonceKey>>,
    folder: TempDir,
}

impl World {
    /// With this `[authn]`. `SECRET` in it is a file with `secret`.
    pub(crate) async fn new(authn: &str) -> World {
        World::with(authn, None).await
    }

    pub(crate) async fn with(authn: &str, nonces: Option<Arc<NonceKey>>) -> World {
        let folder = TempDir::new().unwrap();
        let clock = Arc::new(TestClock::default());
        let empty = Config::default();
        let world = World {
            issuers: Arc::new(
                build(&empty, &clock, folder.path(), None, None)
                    .await
                    .unwrap(),
            ),
            clock,
            endpoint: Endpoint::default(),
            nonces,
            folder,
        };
        world.secret("lab-provider-secret");
        world.reload(authn).await
    }

    /// The same world with another configuration.
    pub(crate) async fn reload(mut self, authn: &str) -> World {
        let config = self.config(authn);
        self.endpoint = Endpoint::of(&config, &config.profiles["p"]);
        self.issuers = Arc::new(self.try_reload(authn).await.unwrap());
        self
    }

    pub(crate) async fn try_reload(&self, authn: &str) -> Result<Issuers, Vec<Problem>> {
        build(
            &self.config(authn),
            &self.clock,
            self.folder.path(),
            self.nonces.clone(),
            Some(&self.issuers),
        )
        .await
    }

    fn config(&self, authn: &str) -> Config {
        let secret = format!("\"file:{}\"", self.path("secret").display());
        let text = format!(
            "{}\n[servers.s]\ncommand = \"x\"\n[profiles.p]\nservers = [\"s\"]\nresource = \"{RESOURCE}\"\n",
            authn.replace("SECRET", &secret)
        );
        portcullis_config::parse(&text).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn secret(&self, secret: &str) {
        std::fs::write(self.path("secret"), format!("{secret}\n")).unwrap();
    }

    pub(crate) fn advance(&self, seconds: u64) {
        *self.clock.0.lock().unwrap() += Duration::from_secs(seconds);
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.unix_seconds()
    }

    pub(crate) async fn identify(&self, shown: &Shown<'_>) -> Result<Identified, Rejected> {
        self.issuers.identify(shown, &self.endpoint).await
    }

    /// What comes of a bearer token: who, or why not.
    pub(crate) async fn bearer(&self, token: &str) -> String {
        let token = SecretString::from(token);
        outcome(&self.identify(&shown(&token)).await)
    }
}

async fn build(
    config: &Config,
    clock: &Arc<TestClock>,
    base: &Path,
    nonces: Option<Arc<NonceKey>>,
    previous: Option<&Issuers>,
) -> Result<Issuers, Vec<Problem>> {
    let client = Client::new(&Settings {
        use_system_roots: false,
        ..Settings::default()
    });
    let context = Context {
        client: &client.unwrap(),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        secrets: &LocalSecrets::new(base),
        base,
        nonces,
    };
    Issuers::new(&config.authn, &context, previous).await
}

/// A request with a bearer token.
pub(crate) fn shown(token: &SecretString) -> Shown<'_> {
    Shown {
        scheme: Scheme::Bearer,
        token,
        proof: None,
        method: "POST",
        url: URL,
        certificate: None,
        address: None,
    }
}

/// The same from this address.
pub(crate) fn from<'a>(shown: Shown<'a>, address: &str) -> Shown<'a> {
    Shown {
        address: Some(address.parse::<IpAddr>().unwrap()),
        ..shown
    }
}

/// The same over a connection with this certificate.
pub(crate) fn by<'a>(shown: Shown<'a>, certificate: &'a Certificate) -> Shown<'a> {
    Shown {
        certificate: Some(certificate),
        ..shown
    }
}

/// Who calls, or why nobody does, in one line.
pub(crate) fn outcome(result: &Result<Identified, Rejected>) -> String {
    match result {
        Ok(identified) => format!(
            "{:?} {}:{}",
            identified.identity.kind, identified.identity.issuer, identified.identity.subject
        ),
        Err(rejected) => {
            let kind = match rejected.kind() {
                Kind::Missing => "missing",
                Kind::Invalid => "invalid",
                Kind::InsufficientScope => "insufficient-scope",
                Kind::UseDpopNonce { .. } => "use-dpop-nonce",
                Kind::Unavailable => "unavailable",
            };
            let cause = rejected.cause().unwrap_or("-");
            format!("{} ({kind}, {cause})", rejected.code())
        }
    }
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what}");
}
