//! `portcullis vault connect`, with curl as the browser and the lab's authorization server.

use std::process::Stdio;

use portcullis_lab::identity_provider::{IdentityProvider, ProviderClient, ProviderSettings};

use crate::binary::{self, Running, portcullis};
use crate::place::Place;

struct World {
    _runtime: tokio::runtime::Runtime,
    _provider: IdentityProvider,
    place: Place,
}

impl World {
    fn new() -> Self {
        let settings = ProviderSettings {
            clients: vec![ProviderClient {
                id: "portcullis".to_owned(),
                secret: Some("lab-provider-secret".to_owned()),
                redirect_uris: vec!["http://127.0.0.1/oauth/callback".to_owned()],
                ..ProviderClient::default()
            }],
            ..ProviderSettings::default()
        };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let provider = runtime.block_on(IdentityProvider::start(settings)).unwrap();
        let place = Place::empty();
        place.write("secret", "lab-provider-secret");
        place.write("policies/everything.cedar", crate::place::EVERYTHING);
        place.write(
            "portcullis.toml",
            &format!(
                "[authn]\nloopback = \"ada\"\n\
                 [servers.crm]\nurl = \"http://127.0.0.1:9/mcp\"\n\
                 [servers.crm.auth]\nkind = \"user-grant\"\nissuer = \"{}\"\nscopes = [\"crm.read\"]\n\
                 client-id = \"portcullis\"\nclient-secret = \"file:{}\"\n\
                 [servers.plain]\ncommand = \"true\"\n\
                 [profiles.p]\nservers = [\"crm\", \"plain\"]\n",
                provider.issuer(),
                place.join("secret").display()
            ),
        );
        Self {
            _runtime: runtime,
            _provider: provider,
            place,
        }
    }

    fn connect(&self) -> (Running, String) {
        let mut command = portcullis(self.place.path(), &["vault", "connect", "crm", "--json"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let running = Running::start(command);
        let start = running.hears("address to open", |line| {
            let line = line.trim();
            line.starts_with("http://127.0.0.1:")
                .then(|| line.to_owned())
        });
        (running, start)
    }

    /// What a browser shows that follows redirects and keeps cookies.
    fn browse(&self, jar: &str, address: &str, more: &[&str]) -> String {
        let mut command = binary::scrubbed("curl", self.place.path());
        command
            .args(["-sS", "--max-time", "20", "-b", jar, "-c", jar])
            .args(more)
            .arg(address);
        let output = binary::finish(command);
        format!("{}{}", output.stdout, output.stderr)
    }
}

#[test]
fn a_user_signs_in_and_the_grant_is_sealed() {
    let world = World::new();
    let (mut running, start) = world.connect();
    let said = running.stderr();
    assert!(
        said.contains("Connects ada to crm: a sign-in at http://127.0.0.1:"),
        "{said}"
    );
    assert!(said.contains("for crm.read"), "{said}");
    let shown = world.browse("jar", &start, &["-L"]);
    assert!(
        shown.contains("Connected. You may close this page."),
        "{shown}"
    );
    let code = binary::eventually("it ends", || running.child.try_wait().unwrap()).code();
    assert_eq!(code, Some(0), "{}", running.stderr());
    let rows = world
        .place
        .run(&["vault", "list", "--user", "ada", "--json"])
        .json();
    assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
    assert_eq!(rows[0]["principal"], "ada");
    assert_eq!(rows[0]["server"], "crm");
    assert_eq!(rows[0]["state"], "active");
}

#[test]
fn another_browser_and_another_site_get_nothing() {
    let world = World::new();
    let (mut running, start) = world.connect();
    let origin = start.rsplit_once('/').unwrap().0;
    let guessed = world.browse("a", &format!("{origin}/guessed"), &[]);
    assert!(guessed.contains("that the terminal shows"), "{guessed}");
    let rebound = world.browse("a", &start, &["-H", "Host: evil.example"]);
    assert!(rebound.contains("another address"), "{rebound}");
    let posted = world.browse("a", &start, &["-X", "POST"]);
    assert!(posted.contains("in a browser"), "{posted}");
    // Somebody else's answer, in a browser that did not begin.
    let callback = format!("{origin}/oauth/callback?code=x&state=y");
    let other = world.browse("b", &callback, &[]);
    assert!(other.contains("another browser"), "{other}");
    // In the right one, a state that is not ours does not end the sign-in.
    world.browse("jar", &start, &[]);
    let forged = world.browse("jar", &callback, &[]);
    assert!(forged.contains("not known"), "{forged}");
    let shown = world.browse("jar", &start, &["-L"]);
    assert!(shown.contains("Connected."), "{shown}");
    let code = binary::eventually("it ends", || running.child.try_wait().unwrap()).code();
    assert_eq!(code, Some(0));
}

#[test]
fn users_do_not_sign_in_everywhere() {
    let world = World::new();
    for (server, words) in [
        ("plain", "users do not sign in at server plain"),
        ("nowhere", "there is no server named nowhere"),
    ] {
        let output = world.place.run(&["vault", "connect", server]);
        assert_eq!(output.code, 2, "{}", output.stderr);
        assert!(output.stderr.contains(words), "{}", output.stderr);
        assert!(
            output.stderr.contains("users sign in at: crm"),
            "{}",
            output.stderr
        );
    }
}
