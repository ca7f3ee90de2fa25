//! Who may do what under the shipped policies, as one text that a person
//! reviews when it changes.

use std::fmt::Write as _;

use super::*;

type Person = (&'static str, PrincipalKind, &'static str, &'static [&'static str]);

const PEOPLE: &[Person] = &[
    ("ada (researchers)", PrincipalKind::User, "ada", &["researchers"]),
    ("eve (researchers, editors)", PrincipalKind::User, "eve", &["researchers", "editors"]),
    ("ed (editors)", PrincipalKind::User, "ed", &["editors"]),
    ("bot (agent, researchers)", PrincipalKind::Agent, "bot", &["researchers"]),
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
        TOOLS.iter().map(|&(server, name)| (Action::ToolsCall, Target::Tool { server, name })),
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

fn matrix(policies: &Policies, profile: &str) -> String {
    let mut out = String::new();
    for (label, kind, id, groups) in PEOPLE {
        writeln!(out, "{label}").unwrap();
        let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
        for (action, resource) in rows() {
            let mut query = Query { action, resource, ..query() };
            query.principal = Principal { kind: *kind, id, groups: &groups, ..query.principal };
            query.context.profile = profile;
            let target = match resource {
                Target::Profile(name) => name.to_owned(),
                Target::Tool { server, name } | Target::Prompt { server, name } => format!("{server}/{name}"),
                Target::Resource { server, uri } => format!("{server}/{uri}"),
            };
            let answer = match policies.authorize(&query) {
                Decision::Permit { policies } => format!("permit  {}", policies.join(", ")),
                Decision::Deny(Denial::NoPermit) => "-".to_owned(),
                Decision::Deny(denial) => format!("{}  {}", denial.as_str(), denial.policies().join(", ")),
            };
            writeln!(out, "  {:<20} {target:<22} {answer}", action.as_str()).unwrap();
        }
    }
    out
}

#[test]
fn shipped_policies() {
    let research = include_str!("../../../../policies/research.cedar");
    let research = load(&[("research.cedar", research)]);
    let local = load(&[("everything-local.cedar", crate::LOCAL_POLICY)]);
    let text = format!(
        "research.cedar, profile research\n\n{}\nresearch.cedar, profile other\n\n{}\neverything-local.cedar, profile research\n\n{}",
        matrix(&research, "research"),
        matrix(&research, "other"),
        matrix(&local, "research"),
    );
    insta::assert_snapshot!("shipped_policies", text);
}
