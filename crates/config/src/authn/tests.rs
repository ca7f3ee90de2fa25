use crate::{ApiKey, PrincipalKind, parse};

const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// The messages of the problems of some `[[authn.key]]` entries.
fn check(entries: &str) -> Vec<String> {
    let problems = parse(entries).expect_err("the keys have problems");
    for problem in &problems {
        let shown = problem.render("portcullis.toml", entries);
        assert!(!shown.contains("hunter"), "{shown}");
    }
    problems
        .into_iter()
        .map(|problem| problem.message)
        .collect()
}

#[test]
fn a_key_is_read() {
    let text = format!(
        "[[authn.key]]\nname = \"ci\"\nkind = \"workload\"\nhash = \"sha256:{}\"\ngroups = [\"builders\"]\nroles = [\"deployer\"]",
        HASH.to_uppercase()
    );
    let config = parse(&text).unwrap();
    let [
        ApiKey {
            name,
            kind,
            hash,
            groups,
            roles,
            line,
        },
    ] = config.authn.keys.as_slice()
    else {
        panic!("one key");
    };
    assert_eq!(
        (name.as_str(), *kind, *line),
        ("ci", PrincipalKind::Workload, 1)
    );
    assert_eq!((hash[0], hash[1], hash[31]), (0x9f, 0x86, 0x08));
    assert_eq!(
        (groups[0].as_str(), roles[0].as_str()),
        ("builders", "deployer")
    );
}

#[test]
fn what_is_no_hash_is_refused() {
    for hash in [
        "hunter2",
        "sha256:hunter2",
        HASH,
        &format!("sha256:{HASH}00"),
        &format!("sha256:{}", HASH.trim_start_matches('9')),
        &format!("sha256:+{}", HASH.trim_start_matches('9')),
        &format!("sha512:{HASH}"),
    ] {
        let text = format!("[[authn.key]]\nname = \"ada\"\nhash = \"{hash}\"");
        assert_eq!(
            check(&text),
            ["`authn.key.hash` is no SHA-256 hash"],
            "{hash}"
        );
    }
}

#[test]
fn duplicates_and_gaps_are_problems() {
    let key = |name: &str| format!("[[authn.key]]\nname = \"{name}\"\nhash = \"sha256:{HASH}\"\n");
    assert_eq!(
        check(&(key("ada") + &key("ben"))),
        ["two principals share one key"]
    );
    let mut same_name = check(&(key("ada") + &key("ada")));
    same_name.sort();
    assert_eq!(
        same_name,
        [
            "`ada` is the name of two keys",
            "two principals share one key"
        ]
    );
    assert_eq!(
        check("[[authn.key]]\nkind = \"robot\""),
        [
            "`authn.key` has no `name`",
            "`authn.key.hash` is missing",
            "`authn.key.kind` cannot be `robot`",
        ]
    );
    assert_eq!(
        check(&format!("{}groups = [\"a\\nb\", \"\", 1]", key("ada"))),
        ["`authn.key.groups` must be a string, not an integer"]
    );
    assert_eq!(
        check(&format!("{}groups = [\"a\\nb\", \"\"]", key("ada"))),
        [
            "`authn.key.groups` is no name",
            "`authn.key.groups` is no name"
        ]
    );
}

#[test]
fn the_loopback_principal_needs_a_name() {
    assert_eq!(parse("").unwrap().authn.loopback, None);
    assert_eq!(
        check("[authn]\nloopback = \"\""),
        ["`authn.loopback` is no name"]
    );
    assert_eq!(
        check("[authn]\nloopback = true"),
        ["`authn.loopback` must be a string, not a boolean"]
    );
}
