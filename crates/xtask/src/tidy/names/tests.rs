use super::*;

#[test]
fn empty_words_are_found_in_names() {
    let check = |name: &str, expected: bool| assert_eq!(is_empty(name), expected, "{name}");
    check("SessionManager", true);
    check("ManagerOfSessions", true);
    check("string_utils", true);
    check("core", true);
    check("test-helper", true);
    check("Score", false);
    check("CommonName", true);
    check("managers", true);
    check("Encore", false);
    check("Utilisation", false);
}

#[test]
fn names_are_read_from_declarations() {
    let check = |line: &str, expected: Option<&str>| assert_eq!(declared(line), expected, "{line}");
    check("pub(crate) struct Helper<T> {", Some("Helper"));
    check("    mod common;", Some("common"));
    check("pub enum Core(", Some("Core"));
    check("// struct Helper", None);
    check("let core = 1;", None);
    check("", None);
}

#[test]
fn paths_are_checked() {
    let check =
        |path: &str, expected: bool| assert_eq!(path_problem(path).is_some(), expected, "{path}");
    check("crates/a/src/common/x.rs", true);
    check("crates/a/src/util.rs", true);
    check("crates/a/src/x/mod.rs", true);
    check("crates/a/src/x.rs", false);
}
