use std::cell::Cell;
use std::collections::HashSet;

use portcullis_policy::{Action, Context, Denial, Principal, PrincipalKind, SignIn};

use super::*;

fn query<'a>(id: &'a str, name: &'a str, groups: &'a [String], roles: &'a [String]) -> Query<'a> {
    Query {
        principal: Principal {
            kind: PrincipalKind::User,
            id,
            groups,
            roles,
            authentication: "api-key",
            issuer: None,
            tenant: None,
        },
        action: Action::ToolsCall,
        resource: Target::Tool {
            server: "papers",
            name,
        },
        context: Context {
            profile: "research",
            era: "modern",
            transport: "http",
            sign_in: Default::default(),
        },
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

#[test]
fn queries_that_differ_have_keys_that_differ() {
    let texts = ["", "a", "ab", "b", "1:a", "a1:b", "0:", ",", "papers"];
    let lists = [
        owned(&[]),
        owned(&["a"]),
        owned(&["a", "b"]),
        owned(&["b", "a"]),
        owned(&["ab"]),
        owned(&["1:b"]),
        owned(&["", ""]),
    ];
    let mut keys = HashSet::new();
    let mut number = 0;
    let mut add = |query: Query<'_>| {
        number += 1;
        assert!(keys.insert(key(&query)), "{query:?}");
        assert_eq!(keys.len(), number);
    };
    for id in texts {
        for name in texts {
            for groups in &lists {
                for roles in &lists {
                    add(query(id, name, groups, roles));
                }
            }
        }
    }
    // Everything else that a query says, one at a time.
    let base = query("ada", "search", &[], &[]);
    let principal = base.principal;
    let context = base.context;
    add(base);
    for kind in [PrincipalKind::Agent, PrincipalKind::Workload] {
        add(Query {
            principal: Principal { kind, ..principal },
            ..base
        });
    }
    add(Query {
        principal: Principal {
            authentication: "stdio",
            ..principal
        },
        ..base
    });
    for &action in Action::ALL {
        if action != base.action {
            add(Query { action, ..base });
        }
    }
    let (server, name) = ("papers", "search");
    for resource in [
        Target::Profile("search"),
        Target::Tool {
            server: "mail",
            name,
        },
        Target::Resource { server, uri: name },
        Target::Prompt { server, name },
    ] {
        add(Query { resource, ..base });
    }
    for context in [
        Context {
            profile: "other",
            ..context
        },
        Context {
            era: "legacy",
            ..context
        },
        Context {
            transport: "stdio",
            ..context
        },
    ] {
        add(Query { context, ..base });
    }
    for principal in [
        Principal {
            issuer: Some(""),
            ..principal
        },
        Principal {
            tenant: Some(""),
            ..principal
        },
    ] {
        add(Query { principal, ..base });
    }
    let texts = owned(&["a"]);
    let none = SignIn::default();
    for sign_in in [
        SignIn {
            client: Some(""),
            ..none
        },
        SignIn {
            actor: Some(""),
            ..none
        },
        SignIn {
            acr: Some(""),
            ..none
        },
        SignIn {
            scopes: &texts,
            ..none
        },
        SignIn {
            contexts: &texts,
            ..none
        },
        SignIn {
            minutes: Some(0),
            ..none
        },
        SignIn {
            minutes: Some(1),
            ..none
        },
        SignIn {
            bound: true,
            ..none
        },
    ] {
        let context = Context { sign_in, ..context };
        add(Query { context, ..base });
    }
}

#[test]
fn a_decision_is_made_once() {
    let memo = Memo::new();
    let made = Cell::new(0);
    let ask = |name: &str| {
        memo.decision(&query("ada", name, &[], &[]), || {
            made.set(made.get() + 1);
            Decision::Permit {
                policies: vec![name.to_owned()],
            }
        })
    };
    for _ in 0..3 {
        for name in ["search", "send"] {
            let policies = owned(&[name]);
            assert_eq!(*ask(name), Decision::Permit { policies });
        }
    }
    assert_eq!(made.get(), 2);
}

#[test]
fn what_is_kept_is_bounded_and_what_is_asked_for_stays() {
    let memo = Memo::new();
    let made = Cell::new(0);
    let ask = |name: &str| {
        let deny = || {
            made.set(made.get() + 1);
            Decision::Deny(Denial::NoPermit)
        };
        assert!(
            !memo
                .decision(&query("ada", name, &[], &[]), deny)
                .is_permit()
        );
    };
    let many = SHARDS * KEPT * 4;
    for number in 0..many {
        ask(&number.to_string());
        if number % 256 == 0 {
            ask("often");
        }
    }
    assert_eq!(made.get(), many + 1);
    let kept: usize = memo
        .shards
        .iter()
        .map(|shard| {
            let shard = shard.lock().unwrap();
            shard.recent.len() + shard.older.len()
        })
        .sum();
    assert!(kept <= SHARDS * KEPT * 2, "{kept}");
    // What is too long to keep is decided every time.
    let long = "x".repeat(MAX_KEY + 1);
    ask(&long);
    ask(&long);
    assert_eq!(made.get(), many + 3);
}
