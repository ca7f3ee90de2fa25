use proptest::prelude::*;

use super::Pattern;

fn check(pattern: &str, yes: &[&str], no: &[&str]) {
    let pattern = Pattern::new(pattern);
    for name in yes {
        assert!(pattern.matches(name), "{pattern} covers {name}");
    }
    for name in no {
        assert!(!pattern.matches(name), "{pattern} does not cover {name}");
    }
}

#[test]
fn patterns() {
    check(
        "search",
        &["search"],
        &["", "searc", "search2", "Search", "research"],
    );
    check("get_*", &["get_", "get_paper"], &["get", "forget_x"]);
    check(
        "*_paper",
        &["_paper", "get_paper"],
        &["paper", "get_papers"],
    );
    check("*", &["", "anything"], &[]);
    check("a*b*c", &["abc", "aXbYc", "abbcc"], &["ab", "acb", "abcX"]);
    check("a*a", &["aa", "aba"], &["a"]);
    check("**", &["", "x"], &[]);
    check("", &[""], &["x"]);
    check("ü*ß", &["üß", "ü–ß"], &["u–ß"]);
}

/// The definition, as slow as it is plain.
fn covers(pattern: &[char], name: &[char]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        (['*', rest @ ..], _) => {
            covers(rest, name) || matches!(name, [_, name @ ..] if covers(pattern, name))
        }
        ([a, pattern @ ..], [b, name @ ..]) => a == b && covers(pattern, name),
        _ => false,
    }
}

proptest! {
    #[test]
    fn agrees_with_the_definition(pattern in "[ab*]{0,7}", name in "[ab]{0,8}") {
        let slow = covers(
            &pattern.chars().collect::<Vec<_>>(),
            &name.chars().collect::<Vec<_>>(),
        );
        prop_assert_eq!(Pattern::new(pattern).matches(&name), slow);
    }
}
