use proptest::prelude::*;

use super::*;

#[test]
fn server_names() {
    for name in ["a", "7", "github", "a-b", "a--b", &"x".repeat(32)] {
        assert!(valid_server_name(name), "{name}");
    }
    for name in [
        "",
        "-",
        "a-",
        "-a",
        "a_b",
        "A",
        "a b",
        "é",
        "a.b",
        "a/b",
        &"x".repeat(33),
    ] {
        assert!(!valid_server_name(name), "{name}");
    }
}

#[test]
fn tool_names() {
    for name in [
        "getUser",
        "DATA_EXPORT_v2",
        "admin.tools.list",
        "-",
        &"x".repeat(128),
    ] {
        assert!(valid_tool_name(name), "{name}");
    }
    for name in ["", "a b", "a,b", "a/b", "é", "a\n", &"x".repeat(129)] {
        assert!(!valid_tool_name(name), "{name}");
    }
}

#[test]
fn what_was_not_exposed_does_not_split() {
    for name in [
        "", "search", "a_b", "__x", "a__", "A__x", "a_b__x", "a b__x", "-a__x",
    ] {
        assert_eq!(split(name), None, "{name}");
    }
    assert_eq!(split("a___x"), Some(("a", "_x")));
    assert_eq!(split("a__b__c"), Some(("a", "b__c")));
}

proptest! {
    #[test]
    fn split_undoes_expose(server in "[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", name in ".{1,40}") {
        prop_assert!(valid_server_name(&server));
        let exposed = expose(&server, &name);
        prop_assert_eq!(split(&exposed), Some((server.as_str(), name.as_str())));
    }

    /// Two servers never share an exposed name.
    #[test]
    fn exposed_names_are_unique(
        a in ("[a-b]-?[a-b]|[a-b]", "[a-b_]{1,4}"),
        b in ("[a-b]-?[a-b]|[a-b]", "[a-b_]{1,4}"),
    ) {
        prop_assert_eq!(expose(&a.0, &a.1) == expose(&b.0, &b.1), a == b);
    }
}
