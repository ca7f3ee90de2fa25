//! `portcullis vault`.

use std::sync::Arc;

use portcullis_config::Vault as Section;
use portcullis_egress::{Client, Settings};
use portcullis_store::{CredentialKey, Sqlite, VaultStore};
use portcullis_vault::configured::{Surroundings, open};
use portcullis_vault::{CacheLimits, References, Secret};

use crate::place::Place;

const SECRET: &str = "a-token-that-nobody-sees";

/// A place whose vault holds a token of each of these: principal and server.
pub(super) fn with_credentials(credentials: &[(&str, &str)]) -> Place {
    let place = Place::new("[authn]\nloopback = \"local\"\n");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = Sqlite::open(&place.join("portcullis.db")).await.unwrap();
        let store: Arc<dyn VaultStore> = Arc::new(store);
        let settings = Settings {
            use_system_roots: false,
            ..Settings::default()
        };
        let surroundings = Surroundings {
            references: References::local(place.path()),
            client: Client::new(&settings).unwrap(),
            clock: Arc::new(|| 1_700_000_000_000_000),
        };
        let limits = CacheLimits::default();
        let vault = open(&Section::default(), store, limits, &surroundings)
            .await
            .unwrap();
        for (principal, server) in credentials {
            let key = CredentialKey {
                tenant: String::new(),
                principal: (*principal).to_owned(),
                server: (*server).to_owned(),
                issuer: "https://idp.example.com".to_owned(),
                kind: "user-grant".to_owned(),
            };
            let secret = Secret::from(SECRET);
            vault.put(&key, &secret, None).await.unwrap();
        }
    });
    place
}

fn run(place: &Place, arguments: &[&str]) -> (i32, serde_json::Value) {
    let arguments = [&["vault"], arguments, &["--json"]].concat();
    let output = place.run(&arguments);
    assert!(!output.stdout.contains(SECRET) && !output.stderr.contains(SECRET));
    (output.code, output.json())
}

#[test]
fn status_and_list_show_everything_but_the_secrets() {
    let place = with_credentials(&[("ada", "crm"), ("ada", "wiki"), ("grace", "crm")]);
    let (code, status) = run(&place, &["status"]);
    assert_eq!(code, 0, "{status}");
    assert_eq!(status["health"], "open");
    assert_eq!(status["root_key"], "file:vault.key");
    assert_eq!(
        (&status["active"], &status["revoked"]),
        (&3.into(), &0.into())
    );
    assert_eq!(status["oldest"], "2023-11-14 22:13:20.000");
    assert_eq!(status["needs_rotation"], false);
    for (filter, count) in [
        (vec![], 3),
        (vec!["--user", "ada"], 2),
        (vec!["--server", "crm"], 2),
        (vec!["--user", "ada", "--server", "crm"], 1),
        (vec!["--user", "nobody"], 0),
    ] {
        let (code, rows) = run(&place, &[&["list"], filter.as_slice()].concat());
        assert_eq!(
            (code, rows.as_array().unwrap().len()),
            (0, count),
            "{filter:?}"
        );
    }
    let text = place.run(&["vault", "list"]).fine();
    insta::assert_snapshot!(text, @r"
    active  ada  crm  user-grant  renewed 2023-11-14 22:13:20.000
    active  ada  wiki  user-grant  renewed 2023-11-14 22:13:20.000
    active  grace  crm  user-grant  renewed 2023-11-14 22:13:20.000
    3 credentials
    ");
}

#[test]
fn a_look_at_an_empty_vault_makes_nothing() {
    let place = Place::new("");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { Sqlite::open(&place.join("portcullis.db")).await.unwrap() });
    let (code, status) = run(&place, &["status"]);
    assert_eq!((code, &status["health"]), (0, &"empty".into()));
    assert!(!place.join("vault.key").exists());
}

#[test]
fn a_lost_root_key_is_said_and_the_rest_is_still_shown() {
    let place = with_credentials(&[("ada", "crm")]);
    std::fs::remove_file(place.join("vault.key")).unwrap();
    let (code, status) = run(&place, &["status"]);
    assert_eq!((code, &status["health"]), (1, &"closed".into()));
    let problem = status["problem"].as_str().unwrap();
    assert!(
        problem.contains("vault.key, and there is none"),
        "{problem}"
    );
    assert_eq!(status["active"], 1);
    assert!(!place.join("vault.key").exists());
    // Revoking needs no key.
    let (code, revoked) = run(&place, &["revoke", "user", "ada"]);
    assert_eq!((code, &revoked["credentials_erased"]), (0, &1.into()));
}

#[test]
fn what_is_revoked_is_erased_and_on_record() {
    let place = with_credentials(&[("ada", "crm"), ("ada", "wiki"), ("grace", "crm")]);
    let (code, revoked) = run(
        &place,
        &["revoke", "user", "ada", "--reason", "laptop stolen"],
    );
    assert_eq!((code, &revoked["credentials_erased"]), (0, &2.into()));
    let (_, left) = run(&place, &["list"]);
    assert_eq!(left.as_array().unwrap().len(), 1);
    let (_, all) = run(&place, &["list", "--all"]);
    assert_eq!(all.as_array().unwrap().len(), 3);
    let (_, revocations) = run(&place, &["list", "--revocations"]);
    assert_eq!(revocations[0]["kind"], "user");
    assert_eq!(revocations[0]["key"], "ada");
    assert_eq!(revocations[0]["reason"], "laptop stolen");
    assert_eq!(revocations[0]["by"], "tester");
    let (_, revoked) = run(&place, &["revoke", "server", "crm"]);
    assert_eq!(revoked["credentials_erased"], 1);
    let (code, _) = run(&place, &["revoke", "user", "ada", "--lift"]);
    assert_eq!(code, 0);
    let (code, _) = run(&place, &["revoke", "user", "ada", "--lift"]);
    assert_eq!(code, 1);
    let (_, revocations) = run(&place, &["list", "--revocations"]);
    assert_eq!(revocations.as_array().unwrap().len(), 1);
    // What was erased stays so.
    let (_, left) = run(&place, &["list"]);
    assert_eq!(left.as_array().unwrap().len(), 0);
}

#[test]
fn a_token_is_never_stored_as_a_name() {
    let place = with_credentials(&[]);
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln";
    let output = place.run(&["vault", "revoke", "token", token]);
    assert_eq!(output.code, 2);
    assert!(!output.stderr.contains("eyJ"), "{}", output.stderr);
    let (code, _) = run(
        &place,
        &["revoke", "token", "lx8Zt1mQ00-7aXq", "--for", "24h"],
    );
    assert_eq!(code, 0);
    let (_, revocations) = run(&place, &["list", "--revocations"]);
    assert_ne!(revocations[0]["expires"], serde_json::Value::Null);
}

#[test]
fn rotation_moves_everything() {
    let place = with_credentials(&[("ada", "crm"), ("grace", "crm")]);
    let (code, rotated) = run(&place, &["rotate"]);
    assert_eq!(code, 0, "{rotated}");
    assert_eq!(
        (&rotated["moved"], &rotated["root_key"]),
        (&2.into(), &"file:vault.key".into())
    );
    assert_eq!(rotated["configuration_to_change"], serde_json::Value::Null);
    let (code, status) = run(&place, &["status"]);
    assert_eq!((code, &status["health"]), (0, &"open".into()));
}

#[test]
fn the_root_key_is_replaced_and_the_configuration_follows() {
    let place = with_credentials(&[("ada", "crm")]);
    let (code, rotated) = run(&place, &["rotate", "--to", "file:vault-2027.key"]);
    assert_eq!((code, &rotated["moved"]), (0, &1.into()), "{rotated}");
    let change = rotated["configuration_to_change"].as_str().unwrap();
    assert_eq!(change, "[vault]\nkey = \"file:vault-2027.key\"\n");
    let (code, status) = run(&place, &["status"]);
    assert_eq!((code, &status["health"]), (1, &"closed".into()));
    place.write("portcullis.toml", change);
    let (code, status) = run(&place, &["status"]);
    assert_eq!((code, &status["health"]), (0, &"open".into()));
    // By another configuration file, to a passphrase.
    place.write("phrase", "correct horse battery staple");
    place.write("new.toml", "[vault]\nkey = \"passphrase:file:phrase\"\n");
    let (code, rotated) = run(&place, &["rotate", "--to-config", "new.toml"]);
    assert_eq!((code, &rotated["moved"]), (0, &1.into()), "{rotated}");
}

#[test]
fn what_names_no_other_root_key_is_refused() {
    let place = with_credentials(&[("ada", "crm")]);
    for (to, code, words) in [
        ("file:vault.key", 3, "cannot be told from the present one"),
        ("hunter2", 2, "--to names no root key"),
        ("keyring:portcullis", 3, "keyring"),
        (
            "transit:https://vault.example.com:8200/transit/gate",
            2,
            "transit-token",
        ),
    ] {
        let output = place.run(&["vault", "rotate", "--to", to]);
        assert_eq!(output.code, code, "{to}: {}", output.stderr);
        assert!(output.stderr.contains(words), "{to}: {}", output.stderr);
    }
    let (code, status) = run(&place, &["status"]);
    assert_eq!((code, &status["health"]), (0, &"open".into()));
}
