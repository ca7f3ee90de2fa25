use futures_util::FutureExt;

use super::*;
use crate::arrival::{Arrival, Credential, Headers, Transport};
use crate::authn::Authenticator;

const CONFIG: &str = r#"
[servers.one]
command = "one"
[servers.two]
command = "two"
[profiles.merged]
servers = ["one", "two"]
[profiles.merged.tools]
one = ["get_*", "exact"]
[profiles.merged.resources]
two = []
[profiles.alone]
servers = ["one"]
path = "/alone"
minimum-version = "2025-06-18"
[profiles.marked]
servers = ["one"]
prefix = true
"#;

fn profile(name: &str) -> Arc<Profile> {
    let profiles = Profiles::new(&config::parse(CONFIG).unwrap());
    Arc::clone(profiles.by_name.get(name).unwrap())
}

#[test]
fn names_carry_the_server_where_there_is_more_than_one() {
    for (name, shown) in [("merged", "one__a"), ("alone", "a"), ("marked", "one__a")] {
        assert_eq!(profile(name).expose("one", "a"), shown, "{name}");
    }
}

fn check_owners(profile_name: &str, exposed: &str, expected: &[(&str, &str)]) {
    let profile = profile(profile_name);
    let owners: Vec<(&str, &str)> = profile
        .owners(exposed)
        .map(|(member, name)| (&*member.server, name))
        .collect();
    assert_eq!(owners, expected, "{exposed} in {profile_name}");
}

#[test]
fn an_exposed_name_has_one_owner() {
    check_owners("merged", "one__a", &[("one", "a")]);
    check_owners("merged", "two__one__a", &[("two", "one__a")]);
    check_owners("merged", "a", &[]);
    check_owners("merged", "three__a", &[]);
    check_owners("merged", "One__a", &[]);
    check_owners("merged", "one__", &[]);
    check_owners("alone", "one__a", &[("one", "one__a")]);
    check_owners("marked", "a", &[]);
}

#[test]
fn a_profile_selects_by_pattern_and_everything_without_one() {
    let merged = profile("merged");
    let [one, two] = merged.members.as_slice() else {
        panic!()
    };
    for (member, kind, name, expected) in [
        (one, Kind::Tool, "get_a", true),
        (one, Kind::Tool, "exact", true),
        (one, Kind::Tool, "set_a", false),
        (one, Kind::Prompt, "set_a", true),
        (two, Kind::Tool, "set_a", true),
        (two, Kind::Resource, "x://y", false),
        (two, Kind::Template, "x://{y}", false),
        (two, Kind::Instructions, "instructions", true),
    ] {
        assert_eq!(
            member.selects(kind, name),
            expected,
            "{kind:?} {name} of {}",
            member.server
        );
    }
}

fn routed(selector: Selector) -> Option<String> {
    let config = config::parse(CONFIG).unwrap();
    let facts = Facts {
        transport: Transport::Stdio,
        remote: None,
        certificate: None,
        forwarded: false,
        profile: selector,
        headers: Headers::default(),
        connection: None,
    };
    let arrival = Arrival {
        credential: Credential::Process,
        facts,
    };
    let caller = Authenticator::new(&config.authn, true, None, Vec::new())
        .authenticate(arrival, None)
        .now_or_never()
        .unwrap()
        .unwrap();
    Profiles::new(&config)
        .route(caller)
        .ok()
        .map(|routed| routed.profile().name.clone())
}

#[test]
fn a_message_is_routed_by_path_or_by_name() {
    for (selector, expected) in [
        (Selector::Path("/mcp/merged".to_owned()), Some("merged")),
        (Selector::Path("/mcp/merged/".to_owned()), Some("merged")),
        (Selector::Path("/alone".to_owned()), Some("alone")),
        (Selector::Path("/mcp/alone".to_owned()), None),
        (Selector::Path("/mcp/merged//".to_owned()), None),
        (Selector::Path("/MCP/merged".to_owned()), None),
        (Selector::Path("/".to_owned()), None),
        (Selector::Path(String::new()), None),
        (Selector::Name("alone".to_owned()), Some("alone")),
        (Selector::Name("/alone".to_owned()), None),
    ] {
        assert_eq!(
            routed(selector.clone()).as_deref(),
            expected,
            "{selector:?}"
        );
    }
}

#[test]
fn the_oldest_revision_is_the_configured_one() {
    assert_eq!(
        profile("alone").minimum_version,
        Some(ProtocolVersion::V2025_06_18)
    );
    assert_eq!(profile("merged").minimum_version, None);
}
