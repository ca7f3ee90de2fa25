//! `portcullis vault connect`, with curl as the browser and the lab's authorization server; and what
//! `vault revoke` gives back to it.

mod found;

use std::process::Stdio;

use portcullis_lab::identity_provider::{
    IdentityProvider, Misbehaviour, ProviderClient, ProviderSettings,
};

use crate::binary::{self, Running, portcullis};
use crate::place::Place;

struct World {
    _runtime: tokio::runtime::Runtime,
    provider: Option<IdentityProvider>,
    place: Place,
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let provider = runtime
            .block_on(IdentityProvider::start(settings()))
            .unwrap();
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
            provider: Some(provider),
            place,
        }
    }

    fn connect(&self) -> (Running, String) {
        begin(&self.place, &["crm", "--json"])
    }

    fn browse(&self, jar: &str, address: &str, more: &[&str]) -> String {
        browse(&self.place, jar, address, more)
    }
}

/// What a browser shows that follows redirects and keeps cookies.
fn browse(place: &Place, jar: &str, address: &str, more: &[&str]) -> String {
    let mut command = binary::scrubbed("curl", place.path());
    command
        .args(["-sS", "--max-time", "20", "-b", jar, "-c", jar])
        .args(more)
        .arg(address);
    let output = binary::finish(command);
    format!("{}{}", output.stdout, output.stderr)
}

/// The settings of an authorization server with the gateway as its client.
fn settings() -> ProviderSettings {
    ProviderSettings {
        clients: vec![ProviderClient {
            id: "portcullis".to_owned(),
            secret: Some("lab-provider-secret".to_owned()),
            redirect_uris: vec!["http://127.0.0.1/oauth/callback".to_owned()],
            ..ProviderClient::default()
        }],
        ..ProviderSettings::default()
    }
}

/// Runs `vault connect` with these arguments, and where it says to go.
fn begin(place: &Place, arguments: &[&str]) -> (Running, String) {
    let arguments = [&["vault", "connect"], arguments].concat();
    let mut command = portcullis(place.path(), &arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let running = Running::start(command);
    let start = running.hears("address to open", |line| {
        let line = line.trim();
        line.starts_with("http://127.0.0.1:")
            .then(|| line.to_owned())
    });
    (running, start)
}

/// Signs in at a server, and what the terminal showed.
pub(crate) fn connect(place: &Place, arguments: &[&str]) -> String {
    let (mut running, start) = begin(place, arguments);
    let shown = browse(place, &start.replace('/', "-"), &start, &["-L"]);
    assert!(shown.contains("Connected."), "{shown}");
    let code = binary::eventually("it ends", || running.child.try_wait().unwrap()).code();
    assert_eq!(code, Some(0), "{}", running.stderr());
    running.stderr()
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

/// The tokens are erased in any case; whether the authorization server knows is said.
#[test]
fn what_is_revoked_is_given_back_where_somebody_takes_it() {
    let mut world = World::new();
    let revoke = |world: &World| {
        connect(&world.place, &["crm"]);
        let revoked = world
            .place
            .run(&["vault", "revoke", "user", "ada", "--json"]);
        assert_eq!(revoked.code, 0, "{}", revoked.stderr);
        let lifted = world
            .place
            .run(&["vault", "revoke", "user", "ada", "--lift"]);
        lifted.fine();
        let rows = world.place.run(&["vault", "list", "--json"]).json();
        let left = rows.as_array().unwrap().iter();
        assert_eq!(left.filter(|row| row["kind"] == "user-grant").count(), 0);
        revoked.json()
    };
    let outcome = |report: &serde_json::Value| {
        assert_eq!(report["credentials_erased"], 1, "{report}");
        assert_eq!(report["sign_ins"][0]["server"], "crm");
        let outcome = &report["sign_ins"][0]["at_authorization_server"];
        outcome.as_str().unwrap().to_owned()
    };
    assert_eq!(outcome(&revoke(&world)), "revoked");
    let provider = world.provider.as_ref().unwrap();
    let endpoint = provider.endpoint("revocation_endpoint").unwrap();
    let path = endpoint.strip_prefix(provider.base_url()).unwrap();
    // The refresh token and the access token.
    assert_eq!(provider.requests(path), 2);
    provider.misbehave(Misbehaviour::Metadata {
        member: "revocation_endpoint".to_owned(),
        value: None,
    });
    assert_eq!(outcome(&revoke(&world)), "no-revocation-endpoint");
    connect(&world.place, &["crm"]);
    world.provider = None;
    let revoked = world.place.run(&["vault", "revoke", "user", "ada"]).fine();
    assert!(revoked.contains("erased 1 stored credential"), "{revoked}");
    assert!(
        revoked.contains("ada at crm: the server could not be reached"),
        "{revoked}"
    );
}

/// Without the root key nobody can be told, and everything is erased all the same.
#[test]
fn what_cannot_be_opened_is_erased_without_asking() {
    let world = World::new();
    connect(&world.place, &["crm"]);
    std::fs::remove_file(world.place.join("vault.key")).unwrap();
    let revoked = world.place.run(&["vault", "revoke", "server", "crm"]);
    assert!(
        revoked
            .stderr
            .contains("authorization servers cannot be told"),
        "{}",
        revoked.stderr
    );
    let said = revoked.fine();
    assert!(
        said.contains("ada at crm: the server was not asked"),
        "{said}"
    );
}
