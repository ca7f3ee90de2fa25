//! `portcullis demo`, run as a person runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use portcullis_lab::host::{Client, ClientError, Connection};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::binary::{self, Output, Running, eventually, finish, scrubbed};

/// A program file of its own for one test: whatever process runs it was started by this test.
struct Home {
    folder: TempDir,
}

impl Home {
    fn new() -> Self {
        // Beside the binary, because a hard link cannot leave its file system.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        std::fs::create_dir(folder.path().join("tmp")).unwrap();
        std::fs::hard_link(binary::path(), folder.path().join("portcullis")).unwrap();
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = scrubbed(self.path().join("portcullis"), self.path());
        command
            .env("TMPDIR", self.path().join("tmp"))
            .args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        finish(self.command(arguments))
    }

    fn temporary_files(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.path().join("tmp"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect()
    }

    #[track_caller]
    fn nothing_is_left(&self) {
        assert_eq!(self.temporary_files(), Vec::<PathBuf>::new());
        let left = self.processes();
        assert!(left.is_empty(), "{left:?}");
    }

    /// The command lines of the processes that run this test's program file.
    fn processes(&self) -> Vec<String> {
        let program = self.path().join("portcullis").canonicalize().unwrap();
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            if std::fs::read_link(entry.path().join("exe")).is_ok_and(|exe| exe == program) {
                let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                found.push(String::from_utf8_lossy(&line).replace('\0', " "));
            }
        }
        found
    }
}

fn scenarios(account: &Value) -> &Vec<Value> {
    account["scenarios"].as_array().unwrap()
}

fn scenario<'a>(account: &'a Value, id: &str) -> &'a Value {
    scenarios(account)
        .iter()
        .find(|scenario| scenario["id"] == id)
        .unwrap_or_else(|| panic!("{id} was not played"))
}

/// What the trail gave as the reason: reasons of refusals, rules of the shield, or `isolation`.
fn reasons(scenario: &Value) -> Vec<String> {
    let mut reasons: Vec<String> = Vec::new();
    for evidence in scenario["stopped_by"].as_array().unwrap() {
        match evidence["kind"].as_str().unwrap() {
            "refusal" => reasons.push(evidence["reason"].as_str().unwrap().to_owned()),
            "shield" => reasons.extend(
                evidence["rules"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|rule| rule.as_str().unwrap().to_owned()),
            ),
            kind => reasons.push(kind.to_owned()),
        }
    }
    reasons.dedup();
    reasons
}

/// Every attack of the story, with what has to stop it.
const STOPPED: [(&str, &str); 10] = [
    ("poisoned-description", "definition-held"),
    ("rug-pull", "definition-held"),
    ("hidden-unicode", "tag-character"),
    ("ansi-concealment", "ansi-escape"),
    ("poisoned-paper", "policy-denied"),
    ("tool-shadowing", "definition-held"),
    ("hidden-tool", "target-unknown"),
    ("token-theft", "isolation"),
    ("stolen-session", "credential-missing"),
    ("no-credential", "credential-missing"),
];

#[test]
fn every_attack_succeeds_without_and_is_stopped_with_evidence() {
    let home = Home::new();
    let output = home.run(&["demo", "--once", "--json", "--keep", "kept"]);
    let account = output.json();
    assert_eq!(output.code, 0, "{account:#}");
    assert_eq!(account["passed"], true);
    assert_eq!(scenarios(&account).len(), STOPPED.len() + 1);
    for (id, reason) in STOPPED {
        let scenario = scenario(&account, id);
        assert_eq!(scenario["passed"], true, "{scenario:#}");
        assert_eq!(
            scenario["without"]["attack_succeeded"], true,
            "{scenario:#}"
        );
        assert_eq!(scenario["with"]["attack_succeeded"], false, "{scenario:#}");
        assert_eq!(scenario["with"]["task_done"], true, "{scenario:#}");
        assert_eq!(reasons(scenario), [reason], "{id}");
        for evidence in scenario["stopped_by"].as_array().unwrap() {
            let id = evidence["entry"].as_str().unwrap();
            let entry = home.run(&[
                "audit",
                "query",
                "--json",
                "--entry",
                id,
                "-c",
                "kept/portcullis.toml",
            ]);
            assert_eq!(entry.json()["opened"]["entry"], *id);
        }
    }
    let clean = scenario(&account, "clean");
    assert!(
        clean["passed"] == true && clean["with"]["task_done"] == true,
        "{clean:#}"
    );
    // The order in plain words is read and obeyed; nobody claims otherwise.
    assert_eq!(
        scenario(&account, "poisoned-paper")["with"]["led_astray"],
        true
    );
    assert_eq!(
        scenario(&account, "poisoned-paper")["stopped_by"][0]["policies"][0],
        "only-editors-send"
    );

    home.run(&["check", "-c", "kept/portcullis.toml"]).fine();
    let diff = home.run(&[
        "tools",
        "diff",
        "quotes",
        "today",
        "-c",
        "kept/portcullis.toml",
    ]);
    assert!(
        diff.code == 1 && diff.stdout.contains("collector@evil.example"),
        "{diff:?}"
    );
    assert!(
        home.run(&["demo", "--once", "--keep", "kept"]).code == 2,
        "a folder in use is not touched"
    );
    home.nothing_is_left();
}

#[test]
fn the_account_reads_the_same_without_a_terminal() {
    let home = Home::new();
    let output = home.run(&["demo", "--once"]);
    assert_eq!(output.code, 0, "{output:?}");
    assert!(
        !output.stdout.contains('\u{1b}') && output.stderr.is_empty(),
        "{output:?}"
    );
    for (id, _) in STOPPED {
        let title = portcullis_lab::story::Scenario::find(id).unwrap().title;
        // Once in the account and once in the table.
        assert!(
            output.stdout.matches(title).count() >= 2,
            "{title}: {}",
            output.stdout
        );
    }
    assert!(output.stdout.contains("What this does not show"));
    for line in output.stdout.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    home.nothing_is_left();
}

/// Without its control an attack gets through, and the demo says so.
fn check_without(controls: &[&str], through: &[&str]) {
    let home = Home::new();
    let mut arguments = vec!["demo", "--once", "--json"];
    for control in controls {
        arguments.extend(["--without", control]);
    }
    let output = home.run(&arguments);
    let account = output.json();
    assert_eq!(output.code, 1, "{account:#}");
    for (id, _) in STOPPED {
        let scenario = scenario(&account, id);
        let succeeded = scenario["with"]["attack_succeeded"] == true;
        assert_eq!(
            succeeded,
            through.contains(&id),
            "without {controls:?}: {scenario:#}"
        );
        assert!(!succeeded || scenario["passed"] == false, "{scenario:#}");
    }
    home.nothing_is_left();
}

#[test]
fn without_definition_pins_definitions_attack() {
    // The shipped policy forbids every tool of the quote server but one, so that the tool which is
    // never called stays unseen.
    check_without(&["definition-pins"], &["poisoned-description", "rug-pull"]);
    check_without(
        &["definition-pins", "authorization"],
        &[
            "poisoned-description",
            "rug-pull",
            "poisoned-paper",
            "tool-shadowing",
        ],
    );
}

#[test]
fn without_the_sanitiser_hidden_instructions_arrive() {
    check_without(&["sanitiser"], &["hidden-unicode", "ansi-concealment"]);
}

#[test]
fn without_authorization_the_obedient_model_sends() {
    check_without(&["authorization"], &["poisoned-paper"]);
}

#[test]
fn without_authentication_and_what_stands_behind_it_anybody_reads() {
    check_without(
        &["authentication", "authorization", "session-binding"],
        &["poisoned-paper", "stolen-session", "no-credential"],
    );
}

#[test]
fn without_authentication_alone_the_policy_still_holds() {
    let home = Home::new();
    let output = home.run(&["demo", "--once", "--json", "--without", "authentication"]);
    assert_eq!(output.code, 0, "{output:?}");
    for id in ["stolen-session", "no-credential"] {
        let account = output.json();
        let scenario = scenario(&account, id);
        assert_eq!(scenario["with"]["attack_succeeded"], false);
        assert_ne!(reasons(scenario), ["credential-missing"]);
    }
}

#[test]
fn without_a_trail_nothing_is_claimed() {
    let home = Home::new();
    let output = home.run(&["demo", "--once", "--json", "--without", "audit"]);
    assert_eq!(output.code, 1, "{output:?}");
    for (id, _) in STOPPED {
        let account = output.json();
        let scenario = scenario(&account, id);
        assert_eq!(scenario["with"]["attack_succeeded"], false);
        assert_eq!(scenario["passed"], false);
    }
}

#[test]
fn an_unknown_control_is_wrong_use() {
    let output = Home::new().run(&["demo", "--once", "--without", "hope"]);
    assert_eq!(output.code, 2);
    assert!(
        output.stderr.contains("definition-pins"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_port_that_is_taken_is_said_before_anything_starts() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let home = Home::new();
    let output = home.run(&["demo", "--port", &port]);
    assert_eq!(output.code, 3, "{output:?}");
    assert!(
        output.stdout.is_empty() && output.stderr.contains("--port"),
        "{output:?}"
    );
    home.nothing_is_left();
}

fn interrupt(child: &std::process::Child) {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
}

/// Interrupts the story as soon as a server of the lab runs and `at` has come.
fn check_interrupt(at: impl Fn(&Home) -> bool) {
    let home = Home::new();
    let mut command = home.command(&["demo", "--once", "--json"]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut demo = Running::start(command);
    eventually("a server runs", || {
        let running = home.processes().iter().any(|line| line.contains(" lab "));
        (running && at(&home)).then_some(())
    });
    interrupt(&demo.child);
    let status = eventually("the demo ends", || demo.child.try_wait().unwrap());
    assert_eq!(status.code(), Some(3), "{}", demo.stderr());
    eventually("its servers end", || {
        home.processes().is_empty().then_some(())
    });
    home.nothing_is_left();
}

#[test]
fn an_interrupt_without_a_gateway_leaves_nothing() {
    check_interrupt(|_| true);
}

#[test]
fn an_interrupt_with_a_gateway_leaves_nothing() {
    check_interrupt(|home| {
        let folder = home.temporary_files().pop();
        folder.is_some_and(|folder| folder.join("story/rug-pull/portcullis.toml").exists())
    });
}

#[test]
fn the_gateway_stays_up_for_a_host_until_it_is_interrupted() {
    let home = Home::new();
    let mut command = home.command(&["demo", "--json", "--port", "0"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut demo = Running::start(command);
    let stdout = demo.child.stdout.take().unwrap();
    let said: Value = serde_json::Deserializer::from_reader(stdout)
        .into_iter()
        .next()
        .unwrap()
        .unwrap();
    assert_eq!(said["account"]["passed"], true, "{said:#}");
    let url = said["gateway"]["url"].as_str().unwrap().to_owned();
    let key = said["gateway"]["key"].as_str().unwrap().to_owned();
    let configuration = said["gateway"]["configuration"].as_str().unwrap();
    let written = std::fs::read_to_string(configuration).unwrap();
    assert!(!written.contains(&key));

    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(use_gateway(&url, key));
    let held = home.run(&[
        "tools",
        "list",
        "--state",
        "held",
        "--json",
        "-c",
        configuration,
    ]);
    assert!(
        held.json()
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["server"] == "quotes"),
        "{held:?}"
    );
    // Where the story was told, the trail goes on.
    let calls = home.run(&[
        "audit",
        "query",
        "--principal",
        "you",
        "--json",
        "-c",
        configuration,
    ]);
    assert!(calls.stdout.contains("papers"), "{calls:?}");

    interrupt(&demo.child);
    let status = eventually("the demo ends", || demo.child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0), "{}", demo.stderr());
    eventually("its servers end", || {
        home.processes().is_empty().then_some(())
    });
    home.nothing_is_left();
}

async fn use_gateway(url: &str, key: String) {
    let at = |bearer| Connection::Http {
        url: url.to_owned(),
        bearer,
    };
    let mut host = Client::connect("portcullis", &at(Some(key))).await.unwrap();
    let tools = host.list("tools/list", "tools").await.unwrap();
    let names: Vec<&str> = tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert!(
        names.contains(&"papers__search") && names.contains(&"report__write"),
        "{names:?}"
    );
    assert!(
        !names.iter().any(|name| name.starts_with("quotes")),
        "{names:?}"
    );
    let search =
        serde_json::json!({"name": "papers__search", "arguments": {"query": "prompt injection"}});
    host.request("tools/call", search).await.unwrap();
    host.close().await;
    let stranger = Client::connect("portcullis", &at(None)).await;
    assert!(matches!(
        stranger,
        Err(ClientError::Status { status: 401, .. })
    ));
}

#[test]
fn the_example_is_valid_and_has_the_shape_of_the_demo() {
    let home = Home::new();
    home.run(&["demo", "--once", "--json", "--keep", "kept"])
        .json();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let example = root.join("examples/research-assistant");
    let check = |file: &Path| {
        let output = home.run(&["check", "--json", "-c", file.to_str().unwrap()]);
        let report = output.json();
        assert_eq!(output.code, 0, "{report:#}");
        (
            report["profiles"].clone(),
            report["policies"].clone(),
            report["controls_off"].clone(),
        )
    };
    assert_eq!(
        check(&example.join("portcullis.toml")),
        check(&home.path().join("kept/portcullis.toml"))
    );
    let policy =
        |folder: PathBuf| std::fs::read_to_string(folder.join("policies/research.cedar")).unwrap();
    assert_eq!(policy(example), policy(root));
}
