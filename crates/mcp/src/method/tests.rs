use std::collections::BTreeSet;

use super::*;

/// The methods of the published schema of 2024-11-05.
const FIRST: &[&str] = &[
    "completion/complete",
    "initialize",
    "logging/setLevel",
    "notifications/cancelled",
    "notifications/initialized",
    "notifications/message",
    "notifications/progress",
    "notifications/prompts/list_changed",
    "notifications/resources/list_changed",
    "notifications/resources/updated",
    "notifications/roots/list_changed",
    "notifications/tools/list_changed",
    "ping",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/read",
    "resources/subscribe",
    "resources/templates/list",
    "resources/unsubscribe",
    "roots/list",
    "sampling/createMessage",
    "tools/call",
    "tools/list",
];

/// The messages of the published schema of 2026-07-28, and of its tasks extension.
const MODERN: &[&str] = &[
    "completion/complete",
    "notifications/cancelled",
    "notifications/message",
    "notifications/progress",
    "notifications/prompts/list_changed",
    "notifications/resources/list_changed",
    "notifications/resources/updated",
    "notifications/subscriptions/acknowledged",
    "notifications/tasks",
    "notifications/tools/list_changed",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/read",
    "resources/templates/list",
    "server/discover",
    "subscriptions/listen",
    "tasks/cancel",
    "tasks/get",
    "tasks/update",
    "tools/call",
    "tools/list",
];

fn check(version: ProtocolVersion, parts: &[&[&str]]) {
    let expected: BTreeSet<&str> = parts.iter().flat_map(|part| part.iter().copied()).collect();
    let found: BTreeSet<&str> = Method::ALL
        .iter()
        .filter(|method| method.exists_in(version))
        .map(|method| method.as_str())
        .collect();
    assert_eq!(found, expected, "{version}");
}

#[test]
fn every_revision_has_the_methods_of_its_schema() {
    let elicitation = &["elicitation/create"][..];
    let tasks = &[
        "notifications/elicitation/complete",
        "notifications/tasks/status",
        "tasks/cancel",
        "tasks/get",
        "tasks/list",
        "tasks/result",
    ][..];
    check(ProtocolVersion::V2024_11_05, &[FIRST]);
    check(ProtocolVersion::V2025_03_26, &[FIRST]);
    check(ProtocolVersion::V2025_06_18, &[FIRST, elicitation]);
    check(ProtocolVersion::V2025_11_25, &[FIRST, elicitation, tasks]);
    check(ProtocolVersion::V2026_07_28, &[MODERN]);
}

#[test]
fn names_go_both_ways() {
    let names: BTreeSet<&str> = Method::ALL.iter().map(|method| method.as_str()).collect();
    assert_eq!(names.len(), Method::ALL.len());
    for method in Method::ALL {
        assert_eq!(Method::parse(method.as_str()), Some(*method));
        assert!(
            ProtocolVersion::ALL
                .iter()
                .any(|version| method.exists_in(*version)),
            "{method}"
        );
    }
    for name in [
        "",
        "tools/List",
        "tools/call ",
        "skills/list",
        "rpc.discover",
        "notifications/",
    ] {
        assert_eq!(Method::parse(name), None, "{name}");
    }
}

#[test]
fn senders_and_kinds() {
    use Method as M;
    for (method, sender, notification) in [
        (M::Initialize, Sender::Client, false),
        (M::ToolsCall, Sender::Client, false),
        (M::TasksUpdate, Sender::Client, false),
        (M::Initialized, Sender::Client, true),
        (M::RootsListChanged, Sender::Client, true),
        (M::SamplingCreateMessage, Sender::Server, false),
        (M::ElicitationCreate, Sender::Server, false),
        (M::RootsList, Sender::Server, false),
        (M::ToolsListChanged, Sender::Server, true),
        (M::TasksNotification, Sender::Server, true),
        (M::SubscriptionsAcknowledged, Sender::Server, true),
        (M::Ping, Sender::Either, false),
        (M::Cancelled, Sender::Either, true),
        (M::TasksGet, Sender::Either, false),
    ] {
        assert_eq!(
            (method.sender(), method.is_notification()),
            (sender, notification),
            "{method}"
        );
    }
}

#[test]
fn lists_know_their_method() {
    for kind in ListKind::ALL {
        assert_eq!(kind.method().list_kind(), Some(*kind));
    }
    assert_eq!(
        Method::ALL
            .iter()
            .filter(|method| method.list_kind().is_some())
            .count(),
        ListKind::ALL.len()
    );
}
