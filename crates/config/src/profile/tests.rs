use crate::{Profile, parse};

const SERVERS: &str = "[servers.papers]\ncommand = \"x\"\n[servers.calendar]\ncommand = \"x\"\n";

fn read(body: &str) -> Profile {
    let text = format!("{SERVERS}[profiles.p]\n{body}");
    let mut config = parse(&text).unwrap();
    config.profiles.remove("p").unwrap()
}

/// The problems of one profile: message and hint.
fn check(body: &str) -> Vec<String> {
    let text = format!("{SERVERS}[profiles.p]\n{body}");
    let problems = parse(&text).expect_err("the profile has problems");
    problems
        .into_iter()
        .map(|problem| format!("{} ({})", problem.message, problem.hint.unwrap_or_default()))
        .collect()
}

#[test]
fn defaults() {
    let one = read("servers = [\"papers\"]");
    assert_eq!((one.path.as_str(), one.has_prefix()), ("/mcp/p", false));
    let two = read("servers = [\"papers\", \"calendar\"]");
    assert!(two.has_prefix());
    assert!(read("servers = [\"papers\"]\nprefix = true").has_prefix());
}

#[test]
fn paths() {
    for path in ["/mcp", "/a/b.c/~d_e-f", "/mcp/p"] {
        assert_eq!(
            read(&format!("servers = [\"papers\"]\npath = \"{path}\"")).path,
            path
        );
    }
    for path in [
        "",
        "mcp",
        "/",
        "/a/",
        "/a//b",
        "/a/../b",
        "/./a",
        "/a?b",
        "/a%2e",
        "/ä",
        "/.well-known/x",
    ] {
        let problems = check(&format!("servers = [\"papers\"]\npath = \"{path}\""));
        assert!(
            problems[0].starts_with("`profiles.p.path` is no path"),
            "{path}: {problems:?}"
        );
        assert_eq!(problems.len(), 1);
    }
}

#[test]
fn servers_must_exist() {
    insta::assert_snapshot!(check("servers = [\"paper\", \"papers\", \"papers\", \"mail\"]").join("\n"), @r"
unknown server `paper` (did you mean `papers`?)
`papers` is there twice ()
unknown server `mail` (there are `calendar`, `papers`)
");
    insta::assert_snapshot!(check("servers = []").join("\n"), @"`profiles.p.servers` is empty (a profile needs a server)");
    insta::assert_snapshot!(check("description = \"x\"").join("\n"), @r#"`profiles.p.servers` is missing (write `servers = ["NAME"]`, with names of `[servers.NAME]`)"#);
    let tools = check(
        "servers = [\"papers\"]\n[profiles.p.tools]\ncalendar = [\"x\"]\npapers = \"search\"",
    );
    insta::assert_snapshot!(tools.join("\n"), @r"
unknown server `calendar` (there are `papers`)
`profiles.p.tools.papers` must be an array of strings, not a string ()
");
}

#[test]
fn a_server_with_problems_still_counts_as_known() {
    let problems = parse("[servers.a]\n[profiles.p]\nservers = [\"a\"]").expect_err("no command");
    assert_eq!(problems.len(), 1);
}

#[test]
fn several_servers_need_prefixes_and_revisions_are_known() {
    let problems =
        check("servers = [\"papers\", \"calendar\"]\nprefix = false\nminimum-version = \"2025\"");
    insta::assert_snapshot!(problems.join("\n"), @r"
`profiles.p` has several servers, so names need their prefix (two servers may have tools of one name; leave `prefix` out)
`profiles.p.minimum-version` is no protocol revision (it can be `2024-11-05`, `2025-03-26`, `2025-06-18`, `2025-11-25`, `2026-07-28`)
");
}

const ISSUER: &str = "[authn.issuers.company]\nkind = \"oidc\"\nissuer = \"https://idp.example\"\n[authn.issuers.broken]\nkind = \"oidc\"\n";

#[test]
fn issuers_scopes_and_the_resource() {
    let text = format!(
        "{}{SERVERS}[profiles.p]\nservers = [\"papers\"]\nissuers = [\"company\"]\nscopes = [\"a\", \"api://x/b\"]\nresource = \"https://a.example/p\"",
        ISSUER.split("[authn.issuers.broken]").next().unwrap()
    );
    let config = parse(&text).unwrap();
    let profile = &config.profiles["p"];
    assert!(profile.takes("company") && !profile.takes("other"));
    assert!(read("servers = [\"papers\"]").takes("any"));
    assert_eq!(profile.scopes, ["a", "api://x/b"]);
    assert_eq!(profile.resource.as_deref(), Some("https://a.example/p"));
    for (body, expected) in [
        (
            "issuers = [\"compny\"]",
            "unknown issuer `compny` (did you mean `company`?)",
        ),
        (
            "issuers = [\"company\", \"company\"]",
            "`company` is there twice ()",
        ),
        (
            "scopes = [\"a b\"]",
            "`a b` in `profiles.p.scopes` is no scope (a scope is one word of printable ASCII; write one string for each)",
        ),
        (
            "scopes = [\"offline_access\"]",
            "`profiles.p.scopes` has `offline_access` (take it out: it is no right at a tool (MCP, authorization))",
        ),
        (
            "resource = \"https://a.example/p/\"",
            "`profiles.p.resource` is no canonical URL (write it without a query and without a `/` at its end)",
        ),
        (
            "resource = \"https://a.example/p?x\"",
            "`profiles.p.resource` is no canonical URL (write it without a query and without a `/` at its end)",
        ),
        (
            "resource = \"http://a.example/p\"",
            "`profiles.p.resource` is not encrypted: http is only for loopback addresses (write `https://`)",
        ),
    ] {
        let problems = check(&format!("servers = [\"papers\"]\n{body}\n{ISSUER}"));
        assert!(problems.contains(&expected.to_owned()), "{problems:?}");
        assert_eq!(problems.len(), 2, "{problems:?}");
    }
    let known = check(&format!(
        "servers = [\"papers\"]\nissuers = [\"broken\"]\n{ISSUER}"
    ));
    assert_eq!(
        known.len(),
        1,
        "an issuer with problems still counts as known: {known:?}"
    );
}
