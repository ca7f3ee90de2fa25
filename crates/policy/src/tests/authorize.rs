use proptest::prelude::*;

use super::*;

const PERMIT_ALL: &str = r#"@id("all") permit (principal, action, resource);"#;

#[test]
fn an_empty_set_denies_every_action() {
    for policies in [Policies::load(&[]).unwrap(), policies("// nothing")] {
        assert!(policies.is_empty());
        for &action in Action::ALL {
            for resource in targets(action) {
                let query = Query {
                    action,
                    resource,
                    ..query()
                };
                assert_eq!(policies.authorize(&query), Decision::Deny(Denial::NoPermit));
            }
        }
    }
}

#[test]
fn every_action_can_be_permitted_for_every_kind_of_principal() {
    let policies = policies(PERMIT_ALL);
    for &kind in PrincipalKind::ALL {
        for &action in Action::ALL {
            for resource in targets(action) {
                let principal = Principal {
                    kind,
                    ..query().principal
                };
                let query = Query {
                    principal,
                    action,
                    resource,
                    ..query()
                };
                assert_eq!(policies.authorize(&query), permit(&["all"]), "{query:?}");
            }
        }
    }
}

#[test]
fn an_action_on_what_it_does_not_apply_to_is_an_error() {
    let policies = policies(PERMIT_ALL);
    let all: Vec<Target<'_>> = Action::ALL.iter().flat_map(|&a| targets(a)).collect();
    for &action in Action::ALL {
        let fitting: Vec<String> = targets(action).iter().map(|t| format!("{t:?}")).collect();
        for &resource in &all {
            let query = Query {
                action,
                resource,
                ..query()
            };
            let expected = match fitting.contains(&format!("{resource:?}")) {
                true => permit(&["all"]),
                false => error(&[]),
            };
            assert_eq!(policies.authorize(&query), expected, "{query:?}");
        }
    }
}

#[test]
fn groups_and_roles_are_parents_of_their_own_kind() {
    let policies = policies(
        r#"@id("g") permit (principal in Group::"x", action == Action::"tools/call", resource);
           @id("r") permit (principal in Role::"x", action == Action::"tools/call", resource);"#,
    );
    let x = ["x".to_owned()];
    let check = |groups, roles, expected| {
        let principal = Principal {
            groups,
            roles,
            ..query().principal
        };
        let query = Query {
            principal,
            ..query()
        };
        assert_eq!(policies.authorize(&query), expected);
    };
    check(&[], &[], Decision::Deny(Denial::NoPermit));
    check(&x, &[], permit(&["g"]));
    check(&[], &x, permit(&["r"]));
    check(&x, &x, permit(&["g", "r"]));
}

#[test]
fn attributes_and_context_are_what_the_query_says() {
    let policies = policies(
        r#"@id("exact")
           permit (principal, action == Action::"tools/call", resource in Server::"papers")
           when {
             principal.name == "ada" && principal.authentication == "api-key" &&
             resource.name == "search" && resource.server == "papers" &&
             context.profile == "research" && context.era == "modern" &&
             context.transport == "http"
           };"#,
    );
    assert_eq!(policies.authorize(&query()), permit(&["exact"]));
    let mut other = query();
    other.context.transport = "stdio";
    assert_eq!(policies.authorize(&other), Decision::Deny(Denial::NoPermit));
}

#[test]
fn a_forbid_wins_and_is_named() {
    let policies = policies(
        r#"@id("all") permit (principal, action, resource);
           @id("not-b") forbid (principal, action, resource in Server::"papers");
           @id("not-a") forbid (principal == User::"ada", action, resource);"#,
    );
    assert_eq!(policies.authorize(&query()), forbidden(&["not-a", "not-b"]));
}

/// The validator leaves little that can fail: an overflow, and the parsing of
/// an extension value from an attribute.
#[test]
fn a_policy_that_fails_denies_whatever_the_others_say() {
    let failing = r#"@id("broken") EFFECT (principal, action == Action::"tools/call", resource)
        when { 9223372036854775807 + 1 > 0 || context.profile == "" };"#;
    for effect in ["permit", "forbid"] {
        let text = format!("{PERMIT_ALL}\n{}", failing.replace("EFFECT", effect));
        let policies = policies(&text);
        assert_eq!(policies.authorize(&query()), error(&["broken"]), "{effect}");

        let with_forbid =
            format!("{text}\n@id(\"no\") forbid (principal, action, resource) unless {{ false }};");
        let policies = super::policies(&with_forbid);
        assert_eq!(policies.authorize(&query()), error(&["broken"]), "{effect}");
    }
}

#[test]
fn a_server_name_that_is_no_name_is_an_error() {
    let policies = policies(PERMIT_ALL);
    for server in ["", "a/b", "/"] {
        for resource in [
            Target::Tool { server, name: "x" },
            Target::Prompt { server, name: "x" },
            Target::Resource { server, uri: "x" },
        ] {
            let query = Query {
                action: match resource {
                    Target::Tool { .. } => Action::ToolsCall,
                    Target::Prompt { .. } => Action::PromptsGet,
                    _ => Action::ResourcesRead,
                },
                resource,
                ..query()
            };
            assert_eq!(policies.authorize(&query), error(&[]), "{query:?}");
        }
    }
}

/// Ids that look like Cedar text, and text that Cedar would unescape.
#[test]
fn ids_cannot_change_their_meaning() {
    let hostile = [
        r#"ada" || true || ""#,
        r#"x"] permit(principal, action, resource);"#,
        "ada\"",
        "\"ada\"",
        "User::\"ada\"",
        r"\u{61}da",
        "ada\n",
        "ada\0",
        "а\u{0434}a",
        "ADA",
        "*",
        "",
    ];
    let policies = policies(
        r#"@id("ada") permit (principal == User::"ada", action, resource);
           @id("group") permit (principal in Group::"ada", action, resource);
           @id("search") permit (principal == User::"bob", action, resource == Tool::"papers/search");"#,
    );
    assert_eq!(policies.authorize(&query()), permit(&["ada"]));
    for id in hostile {
        let groups = [id.to_owned()];
        let mut as_principal = query();
        as_principal.principal.id = id;
        as_principal.principal.groups = &groups;
        assert_eq!(
            policies.authorize(&as_principal),
            Decision::Deny(Denial::NoPermit),
            "{id:?}"
        );
        let mut as_tool = query();
        as_tool.principal.id = "bob";
        as_tool.resource = Target::Tool {
            server: "papers",
            name: id,
        };
        assert_eq!(
            policies.authorize(&as_tool),
            Decision::Deny(Denial::NoPermit),
            "{id:?}"
        );
    }
}

/// The same ids, written into a policy with Cedar's escapes, are met exactly.
#[test]
fn a_policy_can_name_any_id() {
    let policies =
        policies(r#"@id("odd") permit (principal == User::"a\"]\n\u{200b}é", action, resource);"#);
    let mut odd = query();
    odd.principal.id = "a\"]\n\u{200b}é";
    assert_eq!(policies.authorize(&odd), permit(&["odd"]));
}

proptest! {
    // Each case reads the schema again.
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn adding_a_forbid_never_turns_a_denial_into_a_permit(
        permits in prop::collection::vec(condition(), 0..4),
        forbids in prop::collection::vec(condition(), 0..3),
        added in condition(),
        id in prop::sample::select(vec!["ada", "bob"]),
        group in prop::option::of(prop::sample::select(vec!["g".to_owned(), "h".to_owned()])),
    ) {
        let write = |effect: &str, condition: &String| {
            format!("{effect} (principal, action, resource) when {{ {condition} }};\n")
        };
        let mut text = String::new();
        text.extend(permits.iter().map(|c| write("permit", c)));
        text.extend(forbids.iter().map(|c| write("forbid", c)));
        let with = format!("{text}{}", write("forbid", &added));
        let groups: Vec<String> = group.into_iter().collect();
        let mut query = query();
        query.principal.id = id;
        query.principal.groups = &groups;
        let before = policies(&text).authorize(&query);
        let after = policies(&with).authorize(&query);
        prop_assert!(before.is_permit() || !after.is_permit(), "{before:?} {after:?}\n{with}");
    }

    #[test]
    fn an_id_is_met_by_itself_only(a in ".{0,12}", b in ".{0,12}") {
        let text = format!(
            "@id(\"one\") permit (principal == User::\"{}\", action, resource);",
            escape(&a)
        );
        let policies = policies(&text);
        for id in [&a, &b] {
            let mut query = query();
            query.principal.id = id;
            prop_assert_eq!(policies.authorize(&query).is_permit(), *id == a);
        }
    }
}

/// Conditions that hold, fail and cannot be evaluated.
fn condition() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "context.profile == \"research\"",
        "context.profile == \"other\"",
        "principal == User::\"ada\"",
        "principal in Group::\"g\"",
        "context.era == \"modern\" || principal in Group::\"h\"",
        "9223372036854775807 + 1 > 0",
    ])
    .prop_map(str::to_owned)
}

/// Every character as an escape of Cedar's.
fn escape(text: &str) -> String {
    text.chars()
        .map(|c| format!("\\u{{{:x}}}", u32::from(c)))
        .collect()
}
