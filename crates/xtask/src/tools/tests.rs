use super::*;

#[test]
fn versions_are_read_from_what_programs_say() {
    let check = |text: &str, expected: Option<Version>| assert_eq!(parse(text), expected, "{text}");
    check("v20.20.2\n", Some(Version(20, 20)));
    check("git version 2.39.5 (Apple Git-154)\n", Some(Version(2, 39)));
    check("Python 3.11.7\n", Some(Version(3, 11)));
    check("11.19.1\n", Some(Version(11, 19)));
    check("3.13.0rc1\n", Some(Version(3, 13)));
    check("no number\n", None);
    check("", None);
}

#[test]
fn versions_compare_by_number() {
    assert!(Version(3, 9) < PYTHON);
    assert!(Version(22, 9) < INSPECTOR_NODE);
    assert!(Version(24, 0) > INSPECTOR_NODE);
}

#[test]
fn what_is_missing_is_named() {
    let check = |line: &str, oldest: Version, expected: &str| {
        assert_eq!(ask(line, oldest, "wanted"), Err(expected.to_owned()));
    };
    check(
        "no-such-program --version",
        Version(1, 0),
        "wanted: `no-such-program --version` does not answer",
    );
    check("echo 1.2", Version(1, 3), "wanted: echo here is 1.2");
    assert_eq!(
        ask("echo 1.2", Version(1, 2), "wanted"),
        Ok("echo 1.2".to_owned())
    );
}

#[test]
fn subcommands_of_cargo_are_found() {
    assert!(has_subcommand("fmt"));
    assert!(!has_subcommand("no-such-subcommand"));
}
