use super::*;

fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).unwrap()
}

#[test]
fn reads_what_rfc_6749_allows_and_nothing_else() {
    assert_eq!(scopes("b  a b").to_string(), "b a");
    assert!(scopes("").is_empty());
    for wrong in ["a\tb", "a\nb", "a\"b", "a\\b", "ä", "a\u{7f}"] {
        assert_eq!(
            Scopes::parse(wrong),
            Err(ScopeError::Character),
            "{wrong:?}"
        );
    }
    let many: Vec<String> = (0..257).map(|n| n.to_string()).collect();
    assert_eq!(Scopes::parse(&many.join(" ")), Err(ScopeError::TooMany));
    assert_eq!(Scopes::parse(&"a".repeat(8193)), Err(ScopeError::TooMany));
}

#[test]
fn what_a_server_may_grant() {
    use Growth::{Never, SameResource};
    let check = |asked: &str, granted: &str, growth, expected| {
        assert_eq!(
            scopes(asked).permit(&scopes(granted), growth),
            expected,
            "asked for {asked:?}, granted {granted:?}, {growth:?}"
        );
    };
    check("a b", "b", Never, true);
    check("a b", "a b", Never, true);
    check("a", "a b", Never, false);
    check("a", "A", Never, false);
    check("", "anything", Never, true);
    check("a", "", Never, true);
    check(
        "api://x/.default",
        "api://x/read api://x/write",
        Never,
        true,
    );
    check("api://x/.default", "api://y/read", Never, false);
    check("api://x/.default", "read", Never, false);
    check("api://x/.default", "api://x/y/read", Never, false);
    check("api://x/read", "api://x/write", Never, false);

    check("api://x/read", "api://x/write", SameResource, true);
    check("api://x/read", "API://X/Read", SameResource, true);
    check("api://x/read", "api://y/read", SameResource, false);
    check("api://x/read", "User.Read", SameResource, false);
    check("api://x/read", "openid profile", SameResource, true);
    check(
        "https://graph.microsoft.com/User.Read",
        "Mail.Read",
        SameResource,
        true,
    );
    check(
        "https://graph.microsoft.com.evil/User.Read",
        "Mail.Read",
        SameResource,
        false,
    );
    check(
        "User.Read",
        "https://graph.microsoft.com/User.Read",
        SameResource,
        true,
    );
    check("User.Read", "api://x/read", SameResource, false);
    check("openid", "User.Read", SameResource, false);
}

#[test]
fn names_the_resources_of_qualified_scopes() {
    assert_eq!(
        scopes("openid api://x/read API://X/write https://gw.example/research/tools.read")
            .resources(),
        ["api://x", "https://gw.example/research"]
    );
    assert_eq!(scopes("User.Read offline_access").resources(), [""]);
}

#[test]
fn the_challenge_decides_first() {
    let (challenged, supported) = (scopes("c"), scopes("s t"));
    assert_eq!(select(Some(&challenged), Some(&supported)), challenged);
    assert_eq!(
        select(Some(&Scopes::default()), Some(&supported)),
        supported
    );
    assert_eq!(select(None, Some(&supported)), supported);
    assert!(select(None, None).is_empty());
}

#[test]
fn steps_up_a_few_times_and_never_in_a_circle() {
    let mut step_up = StepUp::default();
    let mut held = scopes("a");
    assert_eq!(
        step_up.next(&held, &scopes("a")),
        Err(StepUpError::NothingNew)
    );
    for scope in ["b", "c"] {
        held = step_up.next(&held, &scopes(scope)).unwrap();
    }
    assert_eq!(held, scopes("a b c"));
    assert_eq!(
        step_up.next(&held, &scopes("e")),
        Err(StepUpError::TooOften)
    );
}

#[test]
fn asks_for_a_refresh_token_where_that_has_a_scope() {
    let server = ["a".to_owned(), "offline_access".to_owned()];
    assert_eq!(
        scopes("a").lasting(Some(&server)),
        scopes("a offline_access")
    );
    assert_eq!(scopes("a").lasting(server.get(..1)), scopes("a"));
    assert_eq!(scopes("a").lasting(None), scopes("a"));
}
