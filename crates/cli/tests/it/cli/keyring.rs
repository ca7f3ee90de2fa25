//! The root key in the keyring of the system, where this machine can run one: the Secret Service of
//! gnome-keyring in a D-Bus session of its own.

use crate::binary::{self, Output, scrubbed};
use crate::place::Place;

/// Runs a script in a session with an unlocked keyring; `None` without the programs for it.
fn in_a_session(place: &Place, script: &str) -> Option<Output> {
    let is_there = |program: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    };
    if !["dbus-run-session", "gnome-keyring-daemon"]
        .into_iter()
        .all(is_there)
    {
        return None;
    }
    let runtime = place.join("run");
    std::fs::create_dir_all(&runtime).unwrap();
    let unlocked = format!(
        "set -e\nprintf passphrase | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1\n{script}"
    );
    let mut command = scrubbed("dbus-run-session", place.path());
    command
        .args(["--", "sh", "-c", &unlocked, binary::path()])
        .env("XDG_RUNTIME_DIR", &runtime);
    Some(binary::finish(command))
}

#[test]
fn the_root_key_is_made_in_the_keyring_and_found_there() {
    let place = super::vault::with_credentials(&[("ada", "crm")]);
    let rotated = in_a_session(
        &place,
        "\"$0\" vault rotate --to keyring:portcullis/root --json",
    );
    let Some(rotated) = rotated else {
        eprintln!(
            "skipped: the keyring needs dbus-run-session and gnome-keyring-daemon (Debian and Ubuntu: dbus, gnome-keyring)"
        );
        return;
    };
    assert_eq!(rotated.code, 0, "{}\n{}", rotated.stdout, rotated.stderr);
    assert_eq!(rotated.json()["moved"], 1);
    place.write(
        "portcullis.toml",
        "[vault]\nkey = \"keyring:portcullis/root\"\n",
    );
    // Another session with the same keyring has the same key.
    let status = in_a_session(&place, "\"$0\" vault status --json").unwrap();
    let report = status.json();
    assert_eq!(status.code, 0, "{report}\n{}", status.stderr);
    assert_eq!(report["health"], "open");
    assert_eq!(report["root_key"], "keyring:portcullis/root");
    // Without a session there is no keyring, and nothing is opened or made anew.
    let closed = place.run(&["vault", "status", "--json"]);
    let report = closed.json();
    assert_eq!((closed.code, &report["health"]), (1, &"closed".into()));
    let problem = report["problem"].as_str().unwrap();
    assert!(problem.contains("keyring"), "{problem}");
}
