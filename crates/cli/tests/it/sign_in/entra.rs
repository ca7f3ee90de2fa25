//! The lab's Entra, as strict as the real one. Clients cannot talk to it as they are; through the
//! gateway's front door they can.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Mutex;

use portcullis_lab::entra::sample::{self, CONTOSO, GATEWAY, GATEWAY_SECRET, HOST};
use portcullis_lab::entra::{EntraLab, EntraSettings, ResourceRule};
use rcgen::{CertificateParams, KeyPair};
use serde_json::Value;

use super::clients::{Client, Known, ONE_OF_EACH, Session, check};
use super::interop;
use super::node::Program;
use super::world::World;

/// The lab's Entra with the gateway's registration, and a gateway in front of which it stands.
struct Stage {
    world: World,
    lab: EntraLab,
    _runtime: tokio::runtime::Runtime,
}

impl Stage {
    /// `uris` are the Application ID URIs of the gateway's registration.
    fn new(rule: ResourceRule, uris: impl FnOnce(&World) -> Vec<String>) -> Self {
        let world = World::new();
        let mut settings = EntraSettings {
            resource: rule,
            tenants: sample::tenants(),
            ..EntraSettings::default()
        };
        let uris = uris(&world);
        for app in &mut settings.tenants[0].apps {
            match app.id.as_str() {
                GATEWAY => {
                    app.redirect_uris = vec!["http://127.0.0.1/oauth/company/callback".to_owned()];
                    app.identifier_uris = [vec![api_uri()], uris.clone()].concat();
                }
                HOST => app.redirect_uris = vec!["http://127.0.0.1/callback".to_owned()],
                _ => {}
            }
        }
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let lab = runtime.block_on(EntraLab::start(settings)).unwrap();
        world.place.write("secret", GATEWAY_SECRET);
        Self {
            world,
            lab,
            _runtime: runtime,
        }
    }

    /// Serves with `more` in the issuer's section and below it.
    fn configure(&self, more: &str, profile: &str) {
        let issuers = format!(
            "[authn.issuers.company]\nkind = \"entra\"\ntenant = \"{CONTOSO}\"\nauthority-url = \"{}\"\n\
             audiences = [\"{GATEWAY}\"]\n[authn.issuers.company.client]\nid = \"{GATEWAY}\"\n\
             secret = \"file:{}\"\nauth = \"post\"\n{more}",
            self.lab.base_url(),
            self.world.place.join("secret").display(),
        );
        self.world.configure(&issuers, profile);
    }

    fn signs_in(&self, client: Client, interop: &Path, known: &Known) -> Result<Value, String> {
        let (home, url) = (self.world.place.path(), self.world.url());
        let session = Session::start(client, interop, home, &url, known, 0);
        let report = session.report()?;
        check(client, &report, 0).map(|()| report)
    }

    /// The code with which Entra refuses an authorization request, if it does.
    fn authorize(&self, scope: &str, resource: &str) -> Option<String> {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("client_id", HOST),
                ("response_type", "code"),
                ("redirect_uri", "http://127.0.0.1/callback"),
                ("scope", scope),
                ("resource", resource),
            ])
            .finish();
        let host = self.lab.base_url().strip_prefix("http://").unwrap();
        let path = format!("/{CONTOSO}/oauth2/v2.0/authorize?{query}");
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = crate::http::send(host, &request);
        let (_, rest) = answer.body.split_once("AADSTS")?;
        let digits = rest.split(|other: char| !other.is_ascii_digit()).next()?;
        Some(format!("AADSTS{digits}"))
    }

    /// What Entra publishes.
    fn metadata(&self) -> Value {
        let host = self.lab.base_url().strip_prefix("http://").unwrap();
        let path = format!("/{CONTOSO}/v2.0/.well-known/openid-configuration");
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        crate::http::send(host, &request).json()
    }
}

fn api_uri() -> String {
    format!("api://{GATEWAY}")
}

/// What a client that has a registration at Entra is told there. None of them gets past it.
#[track_caller]
fn refused(stage: &Stage, interop: &Path, clients: &[Client], code: &str) {
    let _gateway = stage.world.serve();
    let known = Known::Id(HOST.to_owned());
    for client in clients {
        let done = stage.signs_in(*client, interop, &known);
        let path = format!("/{CONTOSO}/oauth2/v2.0/authorize");
        let asked = stage.lab.asked(&path);
        let told = done.expect_err(&format!("{client:?} was let in after {:?}", asked.last()));
        assert!(told.contains(code), "{client:?}: {told}");
    }
}

#[test]
fn entra_refuses_a_resource_that_it_does_not_know() {
    let Some(interop) = interop() else { return };
    let stage = Stage::new(ResourceRule::Matched, |_| Vec::new());
    stage.configure("", &format!("scopes = [\"{}/tools.read\"]", api_uri()));
    refused(&stage, &interop, &ONE_OF_EACH, "AADSTS9010010");
}

/// As it was for everybody before March 2026.
#[test]
fn entra_refuses_the_parameter_itself() {
    let Some(interop) = interop() else { return };
    let stage = Stage::new(ResourceRule::Unsupported, |world| vec![world.url()]);
    stage.configure("", &format!("scopes = [\"{}/tools.read\"]", api_uri()));
    let one = ONE_OF_EACH.get(..1).unwrap();
    refused(&stage, &interop, one, "AADSTS901002");
}

/// What clients of all ages do, one by one, as an authorization request. The metadata without a word
/// about PKCE, at which a client has to stop (MCP 2025-11-25), is the fourth; the clients above go on.
#[test]
fn entra_refuses_what_clients_do() {
    let stage = Stage::new(ResourceRule::Matched, |world| vec![world.url()]);
    let url = stage.world.url();
    let scope = format!("{url}/tools.read");
    assert_eq!(stage.authorize(&scope, &url), None);
    let slash = format!("{url}/");
    let elsewhere = stage.world.base();
    for (scope, resource) in [
        (&*scope, &*elsewhere),
        (&*scope, &*slash),
        ("tools.read", &*url),
    ] {
        let code = stage.authorize(scope, resource);
        assert_eq!(code.as_deref(), Some("AADSTS9010010"), "{scope} {resource}");
    }
    let metadata = stage.metadata();
    let pkce = metadata.get("code_challenge_methods_supported");
    assert!(pkce.is_none(), "{metadata}");
}

/// Where the registration fits, clients need no front door. The scopes are announced in full.
#[test]
fn a_registration_that_fits_needs_no_front_door() {
    let Some(interop) = interop() else { return };
    let stage = Stage::new(ResourceRule::Matched, |world| vec![world.url()]);
    stage.configure("", "scopes = [\"tools.read\"]");
    let _gateway = stage.world.serve();
    let known = Known::Id(HOST.to_owned());
    for client in ONE_OF_EACH {
        let done = stage.signs_in(client, &interop, &known);
        assert!(done.is_ok(), "{client:?}: {done:?}");
    }
}

/// What failed above, and every way of being known.
#[test]
fn the_front_door_lets_every_client_in() {
    let Some(interop) = interop() else { return };
    let stage = Stage::new(ResourceRule::Matched, |_| Vec::new());
    let key = KeyPair::generate().unwrap();
    let names = ["localhost".to_owned()];
    let certificate = CertificateParams::new(names)
        .unwrap()
        .self_signed(&key)
        .unwrap();
    stage.world.place.write("tls/host.pem", &certificate.pem());
    stage
        .world
        .place
        .write("tls/host.key", &key.serialize_pem());
    let home = stage.world.place.path();
    let document = Program::document(&interop, home, "tls/host.pem", "tls/host.key");
    let front_door = format!(
        "[authn.issuers.company.front-door]\nregistration = true\nscopes = [\"tools.read\"]\n\
         scope-prefix = \"{}/\"\n[authn.issuers.company.front-door.clients]\n\
         workbench = [\"http://127.0.0.1/callback\"]\n\
         [outbound]\nallow = [\"localhost\"]\nca = \"tls/host.pem\"\n",
        api_uri()
    );
    stage.configure(&front_door, "scopes = [\"tools.read\"]");
    let gateway = stage.world.serve();
    let metadata = stage
        .world
        .document("/.well-known/oauth-authorization-server/oauth/company");
    assert_eq!(metadata["code_challenge_methods_supported"][0], "S256");

    let ways = [
        Known::Id("workbench".to_owned()),
        Known::Document(document.ready["document"].as_str().unwrap().to_owned()),
        Known::Registration,
    ];
    let work: VecDeque<_> = ONE_OF_EACH
        .into_iter()
        .flat_map(|client| ways.clone().map(|known| (client, known)))
        .collect();
    let (work, failures) = (Mutex::new(work), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let next = work.lock().unwrap().pop_front();
                    let Some((client, known)) = next else { return };
                    let done = stage.signs_in(client, &interop, &known);
                    if let Err(problem) = done {
                        let who = format!("{client:?} {known:?}: {problem}");
                        failures.lock().unwrap().push(who);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "{}\n\nthe gateway said:\n{}",
        failures.join("\n\n"),
        gateway.process.stderr()
    );
}
