//! A user's account at a server: its tokens come from that server's authorization server, go into the
//! vault, are renewed there, and are shown to that server alone.

use std::sync::Arc;

use portcullis_lab::identity_provider::{IdentityProvider, ProviderClient, ProviderSettings};
use portcullis_store::{CredentialFilter, Sqlite, VaultStore};
use portcullis_testkit::{Script, ScriptedServer};
use portcullis_vault::configured::{Surroundings, open};
use portcullis_vault::{CacheLimits, CredentialState, Grant, References, Secret};

use super::Scene;
use super::paths::Rounds;
use super::search::Needles;
use crate::binary::eventually;
use crate::cli::connect::connect;
use crate::place::Place;

/// The registration of the gateway at the authorization server.
pub(super) const SECRET: &str = "canary-client-secret-7Yp2Lr9QwXz4";
/// Whose account it is: the user of an API key.
const USER: &str = "grace";

/// The server and the authorization server of its accounts.
pub(super) struct Granting {
    provider: IdentityProvider,
    server: ScriptedServer,
}

impl Granting {
    pub(super) async fn start() -> Self {
        let settings = ProviderSettings {
            clients: vec![ProviderClient {
                id: "portcullis".to_owned(),
                secret: Some(SECRET.to_owned()),
                redirect_uris: vec!["http://127.0.0.1/oauth/callback".to_owned()],
                ..ProviderClient::default()
            }],
            // Short enough to be renewed while the test looks on.
            token_lifetime: 8,
            ..ProviderSettings::default()
        };
        Self {
            provider: IdentityProvider::start(settings).await.unwrap(),
            server: ScriptedServer::start(Script::modern().tool("search")).await,
        }
    }

    /// The server's sections of the configuration.
    pub(super) fn section(&self) -> String {
        format!(
            "[servers.crm]\nurl = \"{}\"\n[servers.crm.auth]\nkind = \"user-grant\"\n\
             issuer = \"{}\"\nscopes = [\"crm.read\"]\nclient-id = \"portcullis\"\n\
             client-secret = \"file:secrets/crm\"\n",
            self.server.url(),
            self.provider.issuer()
        )
    }

    /// Connects the account, calls with it, has it renewed, and calls again. Every token on the way, and
    /// everything that was said.
    pub(super) fn tokens(&self, scene: &Scene, rounds: &Rounds<'_>) -> (Vec<String>, String) {
        let mut said = connect(&scene.world.place, &["crm", "--user", USER]);
        let first = sealed(&scene.world.place);
        said.push_str(&rounds.call_as_key("crm__search"));
        assert_eq!(self.shown(), first.access);
        let second = eventually("the account is renewed", || {
            said.push_str(&rounds.call_as_key("crm__search"));
            let now = sealed(&scene.world.place);
            (now.access != first.access && now.refresh != first.refresh).then_some(now)
        });
        said.push_str(&rounds.call_as_key("crm__search"));
        assert!(
            said.matches("\"text\":\"done\"").count() >= 3,
            "the account is not used: {said}"
        );
        // Looking for them finds what the vault would write if it did not seal.
        let tokens = vec![first.access, first.refresh, second.access, second.refresh];
        assert!(
            Needles::new(&tokens)
                .found_in(second.unsealed.expose())
                .is_some()
        );
        (tokens, said)
    }

    /// The token that the server was shown last.
    fn shown(&self) -> String {
        let called = self.server.last("tools/call");
        let shown = called.header("authorization").unwrap();
        shown.split_once(' ').unwrap().1.to_owned()
    }

    /// What the server received.
    pub(super) fn transcript(&self) -> String {
        self.server.transcript()
    }
}

/// The account as it is in the vault now.
struct Sealed {
    unsealed: Secret,
    access: String,
    refresh: String,
}

/// Opens the vault beside the gateway, with the key that only its owner can read.
fn sealed(place: &Place) -> Sealed {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let unsealed = runtime.block_on(async {
        let store = Sqlite::open(&place.join("portcullis.db")).await.unwrap();
        let store: Arc<dyn VaultStore> = Arc::new(store);
        let settings = portcullis_egress::Settings {
            use_system_roots: false,
            ..portcullis_egress::Settings::default()
        };
        let surroundings = Surroundings {
            references: References::local(place.path()),
            client: portcullis_egress::Client::new(&settings).unwrap(),
            clock: Arc::new(|| 0),
        };
        let section = portcullis_config::Vault::default();
        let vault = open(&section, store, CacheLimits::default(), &surroundings);
        let vault = vault.await.unwrap();
        let filter = CredentialFilter {
            principal: Some(USER.to_owned()),
            kind: Some("user-grant".to_owned()),
            state: Some(CredentialState::Active),
            ..CredentialFilter::default()
        };
        let records = vault.list(&filter).await.unwrap();
        assert_eq!(records.len(), 1);
        let opened = vault.get(&records[0].key).await.unwrap().unwrap();
        opened.secret
    });
    let grant = Grant::decode(&unsealed).unwrap();
    let text = |secret: &Secret| secret.expose_str().unwrap().to_owned();
    Sealed {
        access: text(&grant.access),
        refresh: text(&grant.refresh.unwrap()),
        unsealed,
    }
}
