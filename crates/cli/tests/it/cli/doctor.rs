//! `portcullis doctor entra` against the lab's Entra, in several registrations.

use portcullis_lab::entra::sample::{CONTOSO, DAEMON, GATEWAY, GATEWAY_SECRET, LEGACY_API};
use portcullis_lab::entra::{App, EntraLab, EntraSettings, ResourceRule};
use serde_json::Value;

use crate::binary::Output;
use crate::place::Place;

/// The lab's Entra, with a change of the gateway's registration.
struct World {
    _runtime: tokio::runtime::Runtime,
    lab: EntraLab,
}

impl World {
    fn new(change: impl FnOnce(&mut EntraSettings)) -> Self {
        let mut settings = EntraSettings::default();
        change(&mut settings);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let lab = runtime.block_on(EntraLab::start(settings)).unwrap();
        Self {
            _runtime: runtime,
            lab,
        }
    }

    fn with_app(change: impl FnOnce(&mut App)) -> Self {
        Self::new(|settings| change(app(settings, GATEWAY)))
    }

    /// What the doctor says to a configuration with `more` at its end.
    fn ask(&self, client: &str, secret: &str, more: &str) -> Output {
        let place = Place::empty();
        place.write("secret", secret);
        let text = format!(
            "[listen]\npublic-url = \"https://gw.contoso.com\"\n\
             [authn.issuers.company]\nkind = \"entra\"\ntenant = \"{CONTOSO}\"\nauthority-url = \"{}\"\n\
             [authn.issuers.company.client]\nid = \"{client}\"\nsecret = \"file:{}\"\n\
             [servers.papers]\ncommand = \"papers\"\n\
             [profiles.research]\npath = \"/research\"\nservers = [\"papers\"]\n{more}",
            self.lab.base_url(),
            place.join("secret").display(),
        );
        place.write("portcullis.toml", &text);
        place.write("policies/everything.cedar", crate::place::EVERYTHING);
        let output = place.run(&["doctor", "entra", "--json"]);
        for text in [&output.stdout, &output.stderr] {
            assert!(!text.contains(secret), "a secret is shown: {text}");
        }
        output
    }

    fn gateway(&self, more: &str) -> Output {
        self.ask(GATEWAY, GATEWAY_SECRET, more)
    }
}

fn app<'a>(settings: &'a mut EntraSettings, id: &str) -> &'a mut App {
    let apps = &mut settings.tenants[0].apps;
    apps.iter_mut().find(|app| app.id == id).unwrap()
}

/// The findings of a level, by id.
fn ids(report: &Value, level: &str) -> Vec<String> {
    report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["level"] == level)
        .map(|finding| finding["id"].as_str().unwrap().to_owned())
        .collect()
}

const FRONT_DOOR: &str = "[authn.issuers.company.front-door]\nscopes = [\"tools.read\"]\n";

#[test]
fn a_registration_for_direct_sign_in_is_recognised() {
    let world = World::with_app(|app| app.assignment_required = true);
    let output = world.gateway("");
    let report = output.json();
    // A gateway without a role gets no token of its own where roles are required, and that is fine.
    assert_eq!(
        (output.code, &report["sign_in"]),
        (0, &"direct".into()),
        "{report}"
    );
    assert_eq!(ids(&report, "wrong"), [""; 0]);
    assert!(ids(&report, "fine").contains(&"assignment-required".to_owned()));
    assert!(ids(&report, "fine").contains(&"url-is-uri".to_owned()));
    assert!(ids(&report, "note").contains(&"pkce-not-announced".to_owned()));
    assert_eq!(report["manifest_change"], Value::Null);
}

#[test]
fn an_open_registration_is_named_with_the_change() {
    let output = World::new(|_| {}).gateway("");
    let report = output.json();
    assert_eq!(output.code, 1);
    assert_eq!(ids(&report, "wrong"), ["assignment-not-required"]);
    let change = &report["manifest_change"];
    assert_eq!(change["api"]["requestedAccessTokenVersion"], 2);
    assert_eq!(change["appRoles"][0]["value"], "mcp.reader");
    let claims = change["optionalClaims"]["accessToken"].as_array().unwrap();
    let names: Vec<&str> = claims
        .iter()
        .map(|claim| claim["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["acrs", "idtyp", "xms_cc"]);
    // Nothing that is there already.
    assert_eq!(change.get("identifierUris"), None);
}

#[test]
fn without_the_url_among_the_uris_only_the_front_door_is_left() {
    let strict = |app: &mut App| {
        app.identifier_uris = vec![format!("api://{GATEWAY}")];
        app.granted_roles
            .push((GATEWAY.to_owned(), "mcp.admin".to_owned()));
    };
    let output = World::with_app(strict).gateway("");
    let report = output.json();
    assert_eq!(
        (output.code, &report["sign_in"]),
        (1, &"none".into()),
        "{report}"
    );
    assert_eq!(ids(&report, "wrong"), ["no-way-in"]);
    assert_eq!(
        report["manifest_change"]["identifierUris"],
        serde_json::json!(["https://gw.contoso.com/research"])
    );
    // Bare scopes would be scopes of Graph.
    let output = World::with_app(strict).gateway(FRONT_DOOR);
    let report = output.json();
    assert_eq!(report["sign_in"], "front-door");
    assert_eq!(ids(&report, "wrong"), ["scope-prefix"]);
    let prefix = format!("{FRONT_DOOR}scope-prefix = \"api://{GATEWAY}/\"\n");
    let output = World::with_app(strict).gateway(&prefix);
    let report = output.json();
    assert_eq!(output.code, 0, "{report}");
    assert_eq!(ids(&report, "wrong"), [""; 0]);
}

#[test]
fn a_tenant_that_refuses_the_parameter_leaves_only_the_front_door() {
    let world = World::new(|settings| {
        settings.resource = ResourceRule::Unsupported;
        app(settings, GATEWAY).assignment_required = false;
    });
    let report = world.gateway("").json();
    assert_eq!(report["sign_in"], "none");
    assert!(ids(&report, "note").contains(&"resource-refused".to_owned()));
}

#[test]
fn old_tokens_are_noticed() {
    let world = World::with_app(|app| {
        app.token_version = 1;
        app.optional_claims.clear();
    });
    let report = world.gateway("").json();
    let wrong = ids(&report, "wrong");
    assert!(wrong.contains(&"token-version".to_owned()), "{report}");
    assert!(ids(&report, "note").contains(&"no-idtyp".to_owned()));
}

#[test]
fn what_entra_says_about_a_bad_credential_is_told() {
    for (client, secret, id) in [
        (GATEWAY, "another secret", "credential-refused"),
        (
            "11111111-2222-4333-8444-555555555555",
            "a secret",
            "unknown-application",
        ),
        (LEGACY_API, "a secret", "credential-refused"),
    ] {
        let output = World::new(|_| {}).ask(client, secret, "");
        let report = output.json();
        assert_eq!(output.code, 1, "{report}");
        assert_eq!(ids(&report, "wrong"), [id], "{report}");
        assert_eq!(report["sign_in"], "none");
    }
}

#[test]
fn an_entra_that_is_away_is_no_finding_about_the_registration() {
    let world = World::new(|_| {});
    let World { _runtime, lab } = world;
    let base = lab.base_url().to_owned();
    drop(lab);
    let place = Place::empty();
    place.write("secret", "x");
    let text = format!(
        "[listen]\npublic-url = \"https://gw.contoso.com\"\n[authn.issuers.company]\nkind = \"entra\"\n\
         tenant = \"{CONTOSO}\"\nauthority-url = \"{base}\"\n[authn.issuers.company.client]\nid = \"{DAEMON}\"\n\
         secret = \"file:{}\"\n",
        place.join("secret").display()
    );
    place.write("portcullis.toml", &text);
    place.write("policies/everything.cedar", crate::place::EVERYTHING);
    let output = place.run(&["doctor", "entra"]);
    assert_eq!(output.code, 3, "{}", output.stderr);
    assert!(output.stderr.contains("cannot be had"), "{}", output.stderr);
}

#[test]
fn there_has_to_be_something_to_try() {
    let place = Place::new("");
    let output = place.run(&["doctor", "entra"]);
    assert_eq!(output.code, 2);
    assert!(
        output.stderr.contains("no issuer of the kind entra"),
        "{}",
        output.stderr
    );
}
