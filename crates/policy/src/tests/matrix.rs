//! Who may do what under the shipped policies, as one text that a person
//! reviews when it changes.

use std::fmt::Write as _;

use super::*;

type Person = (
    &'static str,
    PrincipalKind,
    &'static str,
    &'static [&'static str],
);

const PEOPLE: &[Person] = &[
    (
        "ada (researchers)",
        PrincipalKind::User,
        "ada",
        &["researchers"],
    ),
    (
        "eve (researchers, editors)",
        PrincipalKind::User,
        "eve",
        &["researchers", "editors"],
    ),
    ("ed (editors)", PrincipalKind::User, "ed", &["editors"]),
    (
        "bot (agent, researchers)",
        PrincipalKind::Agent,
        "bot",
        &["researchers"],
    ),
    ("mallory (no group)", PrincipalKind::User, "mallory", &[]),
    ("local", PrincipalKind::User, "local", &[]),
    ("local (agent)", PrincipalKind::Agent, "local", &[]),
];

const TOOLS: &[(&str, &str)] = &[
    ("papers", "search"),
    ("papers", "get"),
    ("papers", "cite"),
    ("calendar", "list_events"),
    ("calendar", "find_free"),
    ("calendar", "create_event"),
    ("report", "write"),
    ("report", "read"),
    ("report", "list"),
    ("report", "send"),
    ("quotes", "today"),
    ("quotes", "other"),
];

fn rows() -> Vec<(Action, Target<'static>)> {
    let mut rows = vec![
        (Action::Connect, Target::Profile("research")),
        (Action::Connect, Target::Profile("other")),
        (Action::SetLevel, Target::Profile("research")),
    ];
    rows.extend(
        TOOLS
            .iter()
            .map(|&(server, name)| (Action::ToolsCall, Target::Tool { server, name })),
    );
    for action in [Action::ResourcesRead, Action::ResourcesSubscribe] {
        for server in ["papers", "quotes"] {
            rows.push((action, Target::Resource { server, uri: "x:1" }));
        }
    }
    for action in [Action::PromptsGet, Action::CompletionComplete] {
        for server in ["papers", "quotes"] {
            rows.push((action, Target::Prompt { server, name: "p" }));
        }
    }
    rows
}

/// A row for each thing to do, a column for each person. `yes`, `-` for what
/// no policy permits, `no` for what a policy forbids, `error` for the rest.
fn matrix(policies: &Policies, profile: &str) -> String {
    let mut out = String::new();
    for (action, resource) in rows() {
        let target = match resource {
            Target::Profile(name) => name.to_owned(),
            Target::Tool { server, name } | Target::Prompt { server, name } => {
                format!("{server}/{name}")
            }
            Target::Resource { server, uri } => format!("{server}/{uri}"),
        };
        write!(out, "{:<20} {target:<22}", action.as_str()).unwrap();
        for (_, kind, id, groups) in PEOPLE {
            let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
            let mut query = Query {
                action,
                resource,
                ..query()
            };
            query.principal.kind = *kind;
            query.principal.id = id;
            query.principal.groups = &groups;
            query.context.profile = profile;
            let answer = match policies.authorize(&query) {
                Decision::Permit { .. } => "yes",
                Decision::StepUp(_) => "mfa",
                Decision::Deny(Denial::NoPermit) => "-",
                Decision::Deny(Denial::Forbidden { .. }) => "no",
                Decision::Deny(Denial::Error { .. }) => "error",
            };
            write!(out, " {answer:<5}").unwrap();
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out
}

#[test]
fn shipped_policies() {
    let research = include_str!("../../../../policies/research.cedar");
    let research = load(&[("research.cedar", research)]);
    let local = load(&[("everything-local.cedar", crate::LOCAL_POLICY)]);
    let mut text = "people, by column:\n".to_owned();
    for (index, (label, ..)) in PEOPLE.iter().enumerate() {
        writeln!(text, "  {} {label}", index + 1).unwrap();
    }
    for (title, policies, profile) in [
        (
            "research.cedar, through the profile research",
            &research,
            "research",
        ),
        (
            "research.cedar, through the profile other",
            &research,
            "other",
        ),
        (
            "everything-local.cedar, through the profile research",
            &local,
            "research",
        ),
    ] {
        write!(text, "\n{title}\n\n{:<43}", "").unwrap();
        for index in 1..=PEOPLE.len() {
            write!(text, " {index:<5}").unwrap();
        }
        text.truncate(text.trim_end().len());
        write!(text, "\n{}", matrix(policies, profile)).unwrap();
    }
    insta::assert_snapshot!("shipped_policies", text);
}
