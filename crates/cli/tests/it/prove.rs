//! `portcullis prove` as a person runs it.

use serde_json::Value;

use crate::binary::{Output, finish, portcullis};
use crate::place::Place;

const CONTROLS: [&str; 14] = [
    "host-check",
    "origin-check",
    "header-agreement",
    "authentication",
    "revocation",
    "session-binding",
    "definition-pins",
    "server-identity",
    "authorization",
    "step-up",
    "sanitiser",
    "egress-guard",
    "receipts",
    "audit",
];

/// Runs `prove` with its temporary files in a folder of the test.
fn prove(place: &Place, arguments: &[&str]) -> Output {
    let temporary = place.join("tmp");
    std::fs::create_dir_all(&temporary).unwrap();
    let mut command = portcullis(place.path(), &["prove"]);
    command.args(arguments).env("TMPDIR", &temporary);
    let output = finish(command);
    let left: Vec<_> = std::fs::read_dir(&temporary)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(left.is_empty(), "left behind: {left:?}");
    assert!(
        !place.join("portcullis.db").exists(),
        "the user's store was made"
    );
    output
}

fn place(configuration: &str) -> Place {
    let place = Place::empty();
    place.write("portcullis.toml", configuration);
    place
}

/// The account of a configuration without timing.
#[track_caller]
fn account(place: &Place, code: i32) -> Value {
    let output = prove(place, &["--calls", "0", "--json"]);
    assert_eq!(output.code, code, "{}\n{}", output.stdout, output.stderr);
    assert_eq!(output.stderr, "");
    output.json()
}

fn row<'a>(account: &'a Value, control: &str) -> &'a Value {
    let rows = account["controls"].as_array().unwrap();
    rows.iter().find(|row| row["control"] == control).unwrap()
}

/// Every control with its state, for those that are not active.
fn others(account: &Value) -> Vec<(String, String)> {
    let rows = account["controls"].as_array().unwrap();
    assert_eq!(
        rows.iter()
            .map(|row| row["control"].as_str().unwrap())
            .collect::<Vec<_>>(),
        CONTROLS
    );
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rows.iter()
        .filter(|row| row["state"] != "active")
        .map(|row| (text(&row["control"]), text(&row["state"])))
        .collect()
}

#[track_caller]
fn check_all_active(account: &Value) {
    assert_eq!(others(account), []);
    assert_eq!(account["proven"], true);
    for row in account["controls"].as_array().unwrap() {
        assert_eq!(
            (
                &row["right"]["fate"],
                &row["wrong"]["fate"],
                &row["without"],
                &row["fault"]
            ),
            (
                &"passed".into(),
                &"stopped".into(),
                &"passed".into(),
                &Value::Null
            ),
            "{row}"
        );
    }
    let always = account["always"].as_array().unwrap();
    assert_eq!(always.len(), 3);
    assert!(
        always.iter().all(|property| property["holds"] == true),
        "{always:?}"
    );
}

#[test]
fn every_control_of_the_default_configuration_is_active() {
    let account = account(&place(portcullis_config::DEFAULT), 0);
    check_all_active(&account);
    assert_eq!(
        row(&account, "host-check")["wrong"]["how"],
        "403 host-not-allowed"
    );
    assert_eq!(
        row(&account, "session-binding")["wrong"]["how"],
        "404 session-unknown"
    );
    assert_eq!(row(&account, "sanitiser")["wrong"]["how"], "taken out");
    assert_eq!(
        row(&account, "revocation")["wrong"]["how"],
        "401 credential-invalid"
    );
    assert_eq!(
        row(&account, "step-up")["wrong"]["how"],
        "403 step-up-impossible"
    );
    assert_eq!(
        row(&account, "server-identity")["wrong"]["how"],
        "upstream-unavailable"
    );
    assert_eq!(
        row(&account, "egress-guard")["wrong"]["how"],
        "the address is refused by the rule address-loopback"
    );
}

#[test]
fn a_control_that_is_off_is_off_and_the_others_are_not() {
    // Independent runs: each has its own folder and ports.
    std::thread::scope(|scope| {
        let runs: Vec<_> = CONTROLS
            .chunks(7)
            .map(|controls| {
                scope.spawn(move || {
                    for control in controls {
                        let account =
                            account(&place(&format!("[controls]\n{control} = false\n")), 0);
                        let state =
                            |control: &str, state: &str| (control.to_owned(), state.to_owned());
                        let mut expected = vec![state(control, "off")];
                        if *control == "authorization" {
                            expected.push(state("step-up", "not-exercised"));
                        }
                        assert_eq!(others(&account), expected);
                        let row = row(&account, control);
                        assert_eq!(
                            (&row["wrong"]["fate"], &row["fault"]),
                            (&"passed".into(), &Value::Null),
                            "{row}"
                        );
                        assert_eq!(account["proven"], true);
                    }
                })
            })
            .collect();
        for run in runs {
            run.join().unwrap();
        }
    });
}

#[test]
fn everything_off_is_off() {
    let switches: String = CONTROLS
        .iter()
        .map(|control| format!("{control} = false\n"))
        .collect();
    let account = account(&place(&format!("[controls]\n{switches}")), 0);
    assert_eq!(others(&account).len(), CONTROLS.len());
    assert!(others(&account).iter().all(|(_, state)| state == "off"));
}

#[test]
fn a_control_that_is_configured_to_do_nothing_is_not_wired() {
    let account = account(
        &place("[shield]\nresults = \"allow\"\narguments = \"allow\"\n"),
        1,
    );
    assert_eq!(
        others(&account),
        [("sanitiser".to_owned(), "not-wired".to_owned())]
    );
    assert_eq!(account["proven"], false);
    assert!(!row(&account, "sanitiser")["fault"].is_null());
}

#[test]
fn the_sanitiser_is_tried_for_what_it_is_told_to_do() {
    let cases = [
        ("results = \"mark\"", "marked in the receipt"),
        ("results = \"block\"", "result-blocked"),
        (
            "results = \"allow\"\narguments = \"mark\"",
            "marked in the receipt",
        ),
        ("results = \"allow\"\narguments = \"redact\"", "taken out"),
        (
            "results = \"allow\"\narguments = \"block\"",
            "arguments-blocked",
        ),
    ];
    for (shield, how) in cases {
        let account = account(&place(&format!("[shield]\n{shield}\n")), 0);
        check_all_active(&account);
        assert_eq!(row(&account, "sanitiser")["wrong"]["how"], how, "{shield}");
    }
}

#[test]
fn policies_that_forbid_everything_are_named() {
    let place = place("");
    place.write(
        "policies/none.cedar",
        "@id(\"nothing-at-all\")\nforbid (principal, action, resource);\n",
    );
    let account = account(&place, 0);
    check_all_active(&account);
    let note = row(&account, "authorization")["notes"][0].as_str().unwrap();
    assert!(
        note.contains("refused by your policy nothing-at-all"),
        "{note}"
    );
    assert_eq!(account["notes"].as_array().unwrap().len(), 1);
}

#[test]
fn policies_that_forbid_one_era_are_noticed() {
    let place = place("");
    let policy = "@id(\"no-sessions\")\nforbid (principal is Workload, action == Action::\"tools/call\", resource) when { context.era == \"legacy\" };\n";
    place.write("policies/era.cedar", policy);
    let account = account(&place, 0);
    check_all_active(&account);
    let note = row(&account, "authorization")["notes"][0].as_str().unwrap();
    assert!(
        note.contains("refused by your policy no-sessions (target-unknown)"),
        "{note}"
    );
}

#[test]
fn policies_that_demand_a_stronger_sign_in_of_everybody_are_named() {
    let policies = "@id(\"mfa\") @step_up(\"c1\")\nforbid (principal, action == Action::\"tools/call\", resource);\n";
    let place = place("");
    place.write("policies/mfa.cedar", policies);
    let asked = account(&place, 0);
    check_all_active(&asked);
    let note = row(&asked, "authorization")["notes"][0].as_str().unwrap();
    assert!(
        note.contains("refused by your policy mfa (403 step-up-impossible)"),
        "{note}"
    );
    // Switched off, it stands in nobody's way.
    place.write("portcullis.toml", "[controls]\nstep-up = false\n");
    let account = account(&place, 0);
    assert_eq!(account["notes"].as_array().unwrap().len(), 0);
}

#[test]
fn policies_that_permit_everything_leave_authorization_provable() {
    let account = account(&Place::new(""), 0);
    check_all_active(&account);
    let note = row(&account, "authorization")["notes"][0].as_str().unwrap();
    assert!(
        note.contains("permitted by your policy everything"),
        "{note}"
    );
    assert_eq!(account["notes"].as_array().unwrap().len(), 0);
}

#[test]
fn own_servers_are_not_started_and_need_not_work() {
    let place = place("");
    let trace = place.join("started");
    let configuration = format!(
        "[authn]\nloopback = \"local\"\n[registry]\nmode = \"trust-on-first-use\"\n\
         [servers.gone]\nurl = \"https://192.0.2.1/mcp\"\n[servers.missing]\ncommand = \"no-such-program\"\n\
         [servers.trace]\ncommand = \"touch\"\nargs = [{:?}]\n\
         [profiles.all]\nservers = [\"gone\", \"missing\", \"trace\"]\n\
         [limits]\nmax-list-items = 1\nmax-depth = 4\nmax-message = \"1KiB\"\nmax-sessions-per-server = 1\n",
        trace.display().to_string()
    );
    place.write("portcullis.toml", &configuration);
    check_all_active(&account(&place, 0));
    assert!(!trace.exists());
}

#[test]
fn nobody_outside_is_asked_about_callers() {
    let place = place("");
    // Neither the issuer nor the files are there.
    let configuration = "[authn.issuers.corp]\nkind = \"oidc\"\nissuer = \"https://idp.example/realm\"\nca = \"none.pem\"\n\
         [authn.issuers.corp.client]\nid = \"gateway\"\nsecret = \"file:none.txt\"\n\
         [servers.s]\ncommand = \"no-such-program\"\n[profiles.p]\nservers = [\"s\"]\nresource = \"https://gw.example/p\"\n";
    place.write("portcullis.toml", configuration);
    let account = account(&place, 0);
    check_all_active(&account);
    let note = account["notes"][0].as_str().unwrap();
    assert!(note.starts_with("not exercised: corp."), "{note}");
}

#[test]
fn origins_and_addresses_of_the_configuration_count() {
    let configuration = "[listen]\naddress = \"0.0.0.0:8642\"\nbehind-tls-proxy = true\nallowed-origins = [\"https://chat.example\"]\n\
         [[authn.key]]\nname = \"ada\"\nhash = \"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\n";
    let account = account(&place(configuration), 0);
    check_all_active(&account);
    assert_eq!(
        row(&account, "origin-check")["right"]["tried"],
        "a call from the page https://chat.example"
    );
}

#[test]
fn the_cost_of_every_control_is_measured() {
    let output = prove(&place(""), &["--calls", "6", "--json"]);
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
    let account = output.json();
    for row in account["controls"].as_array().unwrap() {
        assert_eq!(row["cost"]["calls"], 6, "{row}");
        assert!(row["cost"]["noise_us"].as_f64().unwrap() > 0.0, "{row}");
    }
    assert!(account["call"]["p50_us"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_person_gets_a_table() {
    let output = prove(
        &place("[controls]\norigin-check = false\n"),
        &["--calls", "2"],
    );
    assert_eq!(output.code, 0, "{}", output.stderr);
    let line = |control: &str| {
        output
            .stdout
            .lines()
            .find(|line| line.trim_start().starts_with(control))
            .unwrap()
            .to_owned()
    };
    assert!(line("host-check").contains("active, verified against: off"));
    assert_eq!(
        line("origin-check").split_whitespace().collect::<Vec<_>>(),
        ["origin-check", "off"]
    );
    assert!(output.stdout.contains("13 active, 1 off"));
    assert_eq!(
        output.stdout.contains("timings are not meaningful"),
        cfg!(debug_assertions)
    );
    assert!(
        output.stdout.lines().all(|line| line.chars().count() < 80),
        "{}",
        output.stdout
    );
}

#[test]
fn a_bad_configuration_and_a_missing_one() {
    assert_eq!(
        prove(&place("[controls]\nhostcheck = false\n"), &[]).code,
        64
    );
    assert_eq!(prove(&Place::empty(), &[]).code, 64);
    assert_eq!(prove(&place(""), &["--calls", "many"]).code, 2);
}
