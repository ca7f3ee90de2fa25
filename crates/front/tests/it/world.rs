//! A gateway's front, the lab's Entra behind it, and time that a test moves.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use portcullis_config::{Config, parse};
use portcullis_egress::{Client, Settings};
use portcullis_front::{
    Connected, Context, Event, Facts, Front, GrantBegun, GrantError, GrantRequest, Grants, Offer,
    SealingKey, Upstream,
};
use portcullis_lab::entra::sample::{self, CONTOSO, GATEWAY, GATEWAY_SECRET, GATEWAY_URI};
use portcullis_lab::entra::{EntraLab, EntraSettings};
use portcullis_oauth::{
    ClientAuth, ClientDocumentSettings, ClientDocuments, ClientIdentity, Clock, Discovery,
    DiscoverySettings,
};
use portcullis_store::{RevocationKind, RevocationStore, Sqlite};
use url::Url;

use crate::app::App;

/// The gateway's address.
pub(crate) const BASE: &str = "http://127.0.0.1:8642";
/// The front door's issuer.
pub(crate) const ISSUER: &str = "http://127.0.0.1:8642/oauth/entra";
/// The endpoint.
pub(crate) const RESOURCE: &str = "http://127.0.0.1:8642/mcp/research";
/// RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// A client that the configuration names.
pub(crate) const CLIENT: &str = "workbench";
pub(crate) const REDIRECT: &str = "http://127.0.0.1:7777/callback";

/// Real time, and what a test adds to it.
#[derive(Debug, Default)]
pub(crate) struct TestClock(Mutex<Duration>);

impl TestClock {
    pub(crate) fn advance(&self, seconds: u64) {
        *self.0.lock().unwrap() += Duration::from_secs(seconds);
    }
}

impl Clock for TestClock {
    fn unix_seconds(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        (now + *self.0.lock().unwrap()).as_secs()
    }

    fn elapsed(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

/// A server's authorization server that agrees to everything.
#[derive(Default)]
pub(crate) struct FakeGrants {
    pub(crate) begun: Mutex<Vec<(String, String, String)>>,
    /// What the last one was asked to grant besides.
    pub(crate) scopes: Mutex<Vec<String>>,
}

#[async_trait]
impl Grants for FakeGrants {
    fn offer(&self, server: &str) -> Option<Offer> {
        (server == "crm").then(|| Offer {
            title: "Contacts".to_owned(),
            host: "crm.example.com".to_owned(),
            scopes: vec!["contacts.read".to_owned()],
        })
    }

    fn client_document(&self) -> Option<String> {
        Some("{\"client_name\":\"Portcullis\"}".to_owned())
    }

    async fn begin(&self, request: GrantRequest<'_>) -> Result<GrantBegun, GrantError> {
        assert_eq!(request.callback, format!("{BASE}/connect/callback"));
        let begun = (
            request.person.principal.clone(),
            request.server.to_owned(),
            request.browser.to_owned(),
        );
        self.begun.lock().unwrap().push(begun);
        *self.scopes.lock().unwrap() = request.scopes.to_vec();
        let url = Url::parse("https://crm.example.com/authorize?state=s").unwrap();
        Ok(GrantBegun { url })
    }

    async fn complete(&self, query: &str, browser: &str) -> Result<Connected, GrantError> {
        let begun = self.begun.lock().unwrap().pop();
        match begun {
            Some((principal, server, own)) if own == browser && query.contains("state=s") => {
                Ok(Connected { server, principal })
            }
            _ => Err(GrantError::Refused("grant-other-browser")),
        }
    }
}

pub(crate) struct World {
    pub(crate) front: Front,
    pub(crate) config: Config,
    pub(crate) context: Context,
    pub(crate) lab: EntraLab,
    pub(crate) app: App,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) store: Sqlite,
    pub(crate) grants: Arc<FakeGrants>,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(EntraSettings::default(), "").await
    }

    /// `more` stands in the section of the front door.
    pub(crate) async fn with(settings: EntraSettings, more: &str) -> Self {
        let mut settings = settings;
        settings.tenants = sample::tenants();
        for tenant in &mut settings.tenants {
            for app in tenant.apps.iter_mut().filter(|app| app.id == GATEWAY) {
                app.redirect_uris = vec!["http://127.0.0.1/oauth/entra/callback".to_owned()];
            }
        }
        let lab = EntraLab::start(settings).await.unwrap();
        let config = config(&lab, more);
        let app = App::start().await;
        let clock = Arc::new(TestClock::default());
        let store = Sqlite::open_in_memory().await.unwrap();
        let grants = Arc::new(FakeGrants::default());
        let events = Arc::new(Mutex::new(Vec::new()));
        let http = Client::new(&Settings {
            use_system_roots: false,
            ..Settings::default()
        })
        .unwrap();
        let upstream = Upstream {
            http: http.clone(),
            discovery: Arc::new(Discovery::new(
                http,
                DiscoverySettings {
                    pause: Duration::ZERO,
                    ..DiscoverySettings::default()
                },
                Arc::clone(&clock) as _,
            )),
            identity: Arc::new(
                ClientIdentity::new(GATEWAY, ClientAuth::SecretPost(GATEWAY_SECRET.into()))
                    .unwrap(),
            ),
        };
        let told = Arc::clone(&events);
        let context = Context {
            upstreams: BTreeMap::from([("entra".to_owned(), upstream)]),
            documents: Arc::new(ClientDocuments::new(
                app.egress(),
                ClientDocumentSettings::default(),
                Arc::clone(&clock) as _,
            )),
            store: Arc::new(store.clone()),
            key: SealingKey::random().unwrap(),
            clock: Arc::clone(&clock) as _,
            grants: Some(Arc::clone(&grants) as _),
            events: Arc::new(move |event| told.lock().unwrap().push(event)),
        };
        let front = Front::new(&config, BASE, context.clone()).unwrap();
        Self {
            front,
            config,
            context,
            lab,
            app,
            clock,
            store,
            grants,
            events,
        }
    }

    /// What was told, by name, with the alarms marked.
    pub(crate) fn told(&self) -> Vec<String> {
        let events = self.events.lock().unwrap();
        events
            .iter()
            .map(|event| match event.kind.is_alarm() {
                true => format!("{}!", event.kind.as_str()),
                false => event.kind.as_str().to_owned(),
            })
            .collect()
    }

    pub(crate) async fn revoked(&self, kind: RevocationKind) -> Vec<String> {
        let revoked = self.store.revocations(0).await.unwrap();
        revoked
            .into_iter()
            .filter(|revocation| revocation.kind == kind)
            .map(|revocation| revocation.key)
            .collect()
    }
}

/// What is known about the tests' requests.
pub(crate) fn facts(principal: Option<&str>) -> Facts<'_> {
    Facts {
        peer: IpAddr::from(Ipv4Addr::LOCALHOST),
        principal,
    }
}

fn config(lab: &EntraLab, more: &str) -> Config {
    let text = format!(
        r#"
[listen]
public-url = "{BASE}"

[authn.issuers.entra]
kind = "entra"
tenant = "{CONTOSO}"
authority-url = "{authority}"

[authn.issuers.entra.client]
id = "{GATEWAY}"
secret = "env:GATEWAY_SECRET"
auth = "post"

[authn.issuers.entra.front-door]
scopes = ["tools.read", "tools.call"]
scope-prefix = "{GATEWAY_URI}/"
{more}
[authn.issuers.entra.front-door.clients]
workbench = ["http://127.0.0.1/callback", "workbench:/callback", "https://work.example/callback"]

[servers.papers]
command = "true"

[profiles.research]
servers = ["papers"]
description = "Papers & notes"
scopes = ["tools.read"]
"#,
        authority = lab.base_url(),
    );
    parse(&text).unwrap_or_else(|problems| panic!("{problems:?}"))
}
