use std::collections::BTreeMap;

use portcullis_config::{RegistryMode, SecretRef, parse};
use portcullis_hosts::{Entry, Host, Import, Transport, import, read};
use proptest::prelude::*;

use crate::{CANARY, FIXTURES};

fn all() -> Vec<(Host, String, Vec<Entry>)> {
    FIXTURES
        .iter()
        .map(|(host, path, text)| (*host, (*path).to_owned(), read(*host, text).unwrap()))
        .collect()
}

fn of_cursor(servers: &str) -> Import {
    import(&[cursor("/home/ada/.cursor/mcp.json", servers)])
}

fn cursor(path: &str, servers: &str) -> (Host, String, Vec<Entry>) {
    let entries = read(Host::Cursor, &format!("{{ \"mcpServers\": {servers} }}")).unwrap();
    (Host::Cursor, path.to_owned(), entries)
}

/// The `[servers.…]` part of the file, without comments.
fn servers(import: &Import) -> String {
    let lines: Vec<_> = import
        .toml
        .lines()
        .skip_while(|line| !line.starts_with("[servers."))
        .take_while(|line| !line.starts_with("[profiles."))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    lines.join("\n")
}

#[test]
fn everything_becomes_one_valid_configuration() {
    let import = import(&all());
    let config = parse(&import.toml).unwrap_or_else(|problems| {
        panic!(
            "{}",
            portcullis_config::Config::render_problems(&problems, "p", &import.toml)
        )
    });
    assert_eq!(config.authn.loopback.as_deref(), Some("local"));
    assert_eq!(config.registry.mode, RegistryMode::TrustOnFirstUse);
    assert_eq!(config.profiles["all"].servers.len(), config.servers.len());
    // What is called over the network as hosts do has to have an end, which nobody knows here.
    let mut others = config.warnings();
    others.retain(|warning| !warning.contains("`auth.exception-until`"));
    assert_eq!(others, Vec::<String>::new());
    let portcullis_config::Transport::Stdio { env, .. } = &config.servers["github"].transport
    else {
        panic!("github is a command");
    };
    assert_eq!(
        env["GITHUB_PERSONAL_ACCESS_TOKEN"],
        SecretRef::Env("GITHUB_PERSONAL_ACCESS_TOKEN".to_owned())
    );
    assert!(import.policy.contains("User::\"local\""));
    insta::assert_snapshot!(import.toml, @r#"
# Written by `portcullis init`. docs/reference/configuration.md explains every key;
# `portcullis check` shows every problem of this file at once.

store = "sqlite:portcullis.db"

[listen]
address = "127.0.0.1:8642"

[authn]
# Requests from this machine without credentials are the user `local`.
loopback = "local"

[policies]
files = ["policies"]

[registry]
# The first definition that is seen of each tool is pinned; one that changes later is held.
# "review" asks you before a new one is shown.
mode = "trust-on-first-use"

# Read from:
#   Claude Desktop: /home/ada/.config/Claude/claude_desktop_config.json
#   Claude Code: /home/ada/.claude.json
#   Claude Code: /home/ada/thesis/.mcp.json
#   Cursor: /home/ada/.cursor/mcp.json
#   VS Code: /home/ada/.config/Code/User/mcp.json
#   VS Code: /home/ada/.config/Code/User/settings.json
#   Windsurf: /home/ada/.codeium/windsurf/mcp_config.json
#   Codex: /home/ada/.codex/config.toml
#   Gemini CLI: /home/ada/.gemini/settings.json
#   Zed: /home/ada/.config/zed/settings.json

# Left out:
#   `postgres`: its command line seems to hold a secret, which every user of the machine can read; pass it as an environment variable.
#   `api`: its URL uses variables that only the host expands; write the values themselves.
#   `zapier`: its URL seems to hold a secret; use a header, if the server takes one.
#   `here`: its command line uses variables that only the host expands; write the values themselves.
#   `plain-http`: its URL is not encrypted: http is only for loopback addresses.

# From Claude Desktop (/home/ada/.config/Claude/claude_desktop_config.json:4).
[servers.filesystem]
command = "npx"
args = ["-y", "@modelcontextprotocol/server-filesystem", "/home/ada/Documents"]

# From Claude Desktop (/home/ada/.config/Claude/claude_desktop_config.json:8).
# From Cursor (/home/ada/.cursor/mcp.json:3).
[servers.github]
command = "docker"
args = ["run", "-i", "--rm", "-e", "GITHUB_PERSONAL_ACCESS_TOKEN", "ghcr.io/github/github-mcp-server"]
env = { GITHUB_PERSONAL_ACCESS_TOKEN = "env:GITHUB_PERSONAL_ACCESS_TOKEN" }

# From Claude Desktop (/home/ada/.config/Claude/claude_desktop_config.json:13).
[servers.notion]
command = "npx"
args = ["-y", "mcp-remote", "https://mcp.notion.com/mcp", "--header", "Authorization:${AUTH_HEADER}"]
env = { AUTH_HEADER = "env:AUTH_HEADER" }

# From Claude Code (/home/ada/.claude.json:4).
[servers.sentry]
url = "https://mcp.sentry.dev/mcp"

# From Claude Code (/home/ada/.claude.json:11).
[servers.notes]
command = "node"
args = ["tools/notes.js"]
cwd = "/home/ada/thesis"
env = { NOTES_KEY = "env:NOTES_KEY" }
plain-env = { DEBUG = "true" }

# From Cursor (/home/ada/.cursor/mcp.json:9).
[servers.calendar]
url = "https://calendar.example.com/mcp"
headers = { x-api-key = "env:CALENDAR_X_API_KEY" }
plain-headers = { x-region = "eu" }

# From VS Code (/home/ada/.config/Code/User/mcp.json:7).
[servers.perplexity]
command = "npx"
args = ["-y", "server-perplexity-ask"]
env = { PERPLEXITY_API_KEY = "env:PERPLEXITY_API_KEY" }
plain-env = { LOG_LEVEL = "debug" }

# From VS Code (/home/ada/.config/Code/User/mcp.json:14).
[servers.github-2]
url = "https://api.githubcopilot.com/mcp/"

# From VS Code (/home/ada/.config/Code/User/settings.json:5).
[servers.time]
command = "uvx"
args = ["mcp-server-time", "--local-timezone=Europe/Berlin"]

# From Windsurf (/home/ada/.codeium/windsurf/mcp_config.json:3).
[servers.figma]
url = "https://mcp.figma.com/mcp"
headers = { authorization = "env:FIGMA_AUTHORIZATION" }

# From Codex (/home/ada/.codex/config.toml:3).
[servers.context7]
command = "npx"
args = ["-y", "@upstash/context7-mcp"]
env = { CONTEXT7_KEY = "env:CONTEXT7_KEY", MCP_MODE = "env:MCP_MODE", REMOTE_KEY = "env:REMOTE_KEY" }

# From Codex (/home/ada/.codex/config.toml:12).
[servers.figma-2]
url = "https://mcp.figma.com/mcp"
headers = { authorization = "env:FIGMA_2_AUTHORIZATION", x-team = "env:FIGMA_TEAM" }
plain-headers = { x-figma-region = "us" }

# From Gemini CLI (/home/ada/.gemini/settings.json:5).
[servers.python-tools]
command = "python"
args = ["-m", "my_mcp_server", "--port", "8080"]
cwd = "/home/ada/servers/python"
env = { API_KEY = "env:EXTERNAL_API_KEY", DATABASE_URL = "env:DB_CONNECTION_STRING" }

# From Gemini CLI (/home/ada/.gemini/settings.json:14).
[servers.streaming]
url = "http://localhost:3000/mcp"
headers = { authorization = "env:STREAMING_AUTHORIZATION" }

# From Gemini CLI (/home/ada/.gemini/settings.json:16).
[servers.typed]
url = "https://api.example.com/mcp"

# From Zed (/home/ada/.config/zed/settings.json:5).
[servers.hexdocs]
command = "npx"
args = ["-y", "hexdocs-mcp@0.5.0"]

# From Zed (/home/ada/.config/zed/settings.json:6).
[servers.older]
command = "/opt/tools/older-server"
args = ["run"]
env = { OLDER_TOKEN = "env:OLDER_TOKEN" }

# From Zed (/home/ada/.config/zed/settings.json:7).
[servers.remote]
url = "https://remote.example.com/mcp"
headers = { authorization = "env:REMOTE_AUTHORIZATION" }

# One endpoint with everything: http://127.0.0.1:8642/mcp/all
[profiles.all]
servers = ["filesystem", "github", "notion", "sentry", "notes", "calendar", "perplexity", "github-2", "time", "figma", "context7", "figma-2", "python-tools", "streaming", "typed", "hexdocs", "older", "remote"]
"#);
    insta::assert_snapshot!(import.notes.join("\n"), @r"
server `GitHub` of Claude Desktop (/home/ada/.config/Claude/claude_desktop_config.json:8) is `github` now
server `old-linear` of Claude Code (/home/ada/.claude.json:5) is left out: it uses the old HTTP+SSE transport; legacy HTTP+SSE upstreams come later
server `scratch` of Claude Code (/home/ada/.claude.json:17) is left out: it is switched off there
server `github`: Cursor (/home/ada/.cursor/mcp.json:3) has another value for `GITHUB_PERSONAL_ACCESS_TOKEN`; there is one now, check which one you set
server `github` of VS Code (/home/ada/.config/Code/User/mcp.json:14) is `github-2` now
server `legacy` of Windsurf (/home/ada/.codeium/windsurf/mcp_config.json:4) is left out: it uses the old HTTP+SSE transport; legacy HTTP+SSE upstreams come later
server `off` of Windsurf (/home/ada/.codeium/windsurf/mcp_config.json:5) is left out: it is switched off there
server `figma` of Codex (/home/ada/.codex/config.toml:12) is `figma-2` now
server `off` of Codex (/home/ada/.codex/config.toml:18) is left out: it is switched off there
server `events` of Gemini CLI (/home/ada/.gemini/settings.json:15) is left out: it uses the old HTTP+SSE transport; legacy HTTP+SSE upstreams come later
server `experimental` of Gemini CLI (/home/ada/.gemini/settings.json:18) is left out: it is switched off there
server `off` of Zed (/home/ada/.config/zed/settings.json:9) is left out: it is switched off there
server `postgres` is left out: its command line seems to hold a secret, which every user of the machine can read; pass it as an environment variable
server `api` is left out: its URL uses variables that only the host expands; write the values themselves
server `calendar`: the header `Host` is left out, since it is a header that only the gateway sets
server `zapier` is left out: its URL seems to hold a secret; use a header, if the server takes one
server `here` is left out: its command line uses variables that only the host expands; write the values themselves
server `figma`: FIGMA_AUTHORIZATION holds the whole value of the header, with `Bearer ` in front if it is a token
server `figma-2`: FIGMA_2_AUTHORIZATION holds the whole value of the header, with `Bearer ` in front if it is a token
server `streaming`: STREAMING_AUTHORIZATION holds the whole value of the header, with `Bearer ` in front if it is a token
server `plain-http` is left out: its URL is not encrypted: http is only for loopback addresses
server `remote`: REMOTE_AUTHORIZATION holds the whole value of the header, with `Bearer ` in front if it is a token
");
    let secrets: Vec<_> = import
        .secrets
        .iter()
        .map(|secret| {
            format!(
                "{} {} <- {} ({})",
                secret.server, secret.key, secret.env_name, secret.origin
            )
        })
        .collect();
    insta::assert_snapshot!(secrets.join("\n"), @r"
github GITHUB_PERSONAL_ACCESS_TOKEN <- GITHUB_PERSONAL_ACCESS_TOKEN (Claude Desktop (/home/ada/.config/Claude/claude_desktop_config.json:8))
notion AUTH_HEADER <- AUTH_HEADER (Claude Desktop (/home/ada/.config/Claude/claude_desktop_config.json:13))
notes NOTES_KEY <- NOTES_KEY (Claude Code (/home/ada/.claude.json:11))
calendar x-api-key <- CALENDAR_X_API_KEY (Cursor (/home/ada/.cursor/mcp.json:9))
perplexity PERPLEXITY_API_KEY <- PERPLEXITY_API_KEY (VS Code (/home/ada/.config/Code/User/mcp.json:7))
figma authorization <- FIGMA_AUTHORIZATION (Windsurf (/home/ada/.codeium/windsurf/mcp_config.json:3))
context7 CONTEXT7_KEY <- CONTEXT7_KEY (Codex (/home/ada/.codex/config.toml:3))
context7 MCP_MODE <- MCP_MODE (Codex (/home/ada/.codex/config.toml:3))
context7 REMOTE_KEY <- REMOTE_KEY (Codex (/home/ada/.codex/config.toml:3))
figma-2 authorization <- FIGMA_2_AUTHORIZATION (Codex (/home/ada/.codex/config.toml:12))
figma-2 x-team <- FIGMA_TEAM (Codex (/home/ada/.codex/config.toml:12))
python-tools API_KEY <- EXTERNAL_API_KEY (Gemini CLI (/home/ada/.gemini/settings.json:5))
python-tools DATABASE_URL <- DB_CONNECTION_STRING (Gemini CLI (/home/ada/.gemini/settings.json:5))
streaming authorization <- STREAMING_AUTHORIZATION (Gemini CLI (/home/ada/.gemini/settings.json:14))
older OLDER_TOKEN <- OLDER_TOKEN (Zed (/home/ada/.config/zed/settings.json:6))
remote authorization <- REMOTE_AUTHORIZATION (Zed (/home/ada/.config/zed/settings.json:7))
");
}

#[test]
fn no_secret_is_written_or_printed() {
    let found = all();
    let import = import(&found);
    for text in [
        &import.toml,
        &import.policy,
        &format!("{import:?}"),
        &format!("{found:?}"),
    ] {
        assert!(!text.contains(CANARY), "{text}");
    }
}

#[test]
fn the_same_server_in_several_hosts_is_one() {
    let same = r#"{ "a": { "command": "x", "env": { "T": "secret-one" } } }"#;
    let other_value = r#"{ "a": { "command": "x", "env": { "T": "secret-two" } } }"#;
    let other_name = r#"{ "b": { "command": "x", "env": { "T": "secret-one" } } }"#;
    let merged = import(&[
        cursor("/1", same),
        cursor("/2", other_value),
        cursor("/3", other_name),
    ]);
    insta::assert_snapshot!(servers(&merged), @r#"
[servers.a]
command = "x"
env = { T = "env:T" }
"#);
    insta::assert_snapshot!(merged.notes.join("\n"), @r"
server `a`: Cursor (/2:1) has another value for `T`; there is one now, check which one you set
server `b` of Cursor (/3:1) is the same as `a`
");
}

#[test]
fn different_servers_of_one_name_get_a_number() {
    let renamed = import(&[
        cursor("/1", r#"{ "My Server": { "command": "x" } }"#),
        cursor(
            "/2",
            r#"{ "my-server": { "command": "y" }, "MY_SERVER": { "command": "x", "args": ["z"] } }"#,
        ),
    ]);
    insta::assert_snapshot!(servers(&renamed), @r#"
[servers.my-server]
command = "x"
[servers.my-server-2]
command = "y"
[servers.my-server-3]
command = "x"
args = ["z"]
"#);
    insta::assert_snapshot!(renamed.notes.join("\n"), @r"
server `My Server` of Cursor (/1:1) is `my-server` now
server `my-server` of Cursor (/2:1) is `my-server-2` now
server `MY_SERVER` of Cursor (/2:1) is `my-server-3` now
");
}

#[test]
fn two_accounts_keep_two_variables() {
    let two = of_cursor(
        r#"{ "work": { "command": "x", "env": { "T_TOKEN": "aaaaaa" } }, "home": { "command": "x", "env": { "T_TOKEN": "bbbbbb" } } }"#,
    );
    insta::assert_snapshot!(servers(&two), @r#"
[servers.work]
command = "x"
env = { T_TOKEN = "env:T_TOKEN" }
[servers.home]
command = "x"
env = { T_TOKEN = "env:HOME_T_TOKEN" }
"#);
}

#[test]
fn a_variable_that_hosts_refer_to_keeps_its_meaning() {
    let mixed = of_cursor(
        r#"{ "a": { "command": "x", "env": { "TOKEN": "literal" } }, "b": { "command": "y", "env": { "OTHER": "${env:TOKEN}" } } }"#,
    );
    insta::assert_snapshot!(servers(&mixed), @r#"
[servers.a]
command = "x"
env = { TOKEN = "env:A_TOKEN" }
[servers.b]
command = "y"
env = { OTHER = "env:TOKEN" }
"#);
}

/// Why one server is left out.
fn left_out(server: &str) -> String {
    let import = of_cursor(&format!("{{ \"a\": {server} }}"));
    assert!(!import.toml.contains("[servers."), "{}", import.toml);
    assert!(parse(&import.toml).is_ok());
    assert!(!format!("{import:?}").contains(CANARY));
    import.notes[0].clone()
}

#[test]
fn what_cannot_run_as_it_is_is_left_out() {
    for server in [
        r#"{ "command": "x", "args": ["--api-key", "CANARY"] }"#,
        r#"{ "command": "x", "args": ["--api-key=CANARY"] }"#,
        r#"{ "command": "x", "args": ["-e", "API_TOKEN=CANARY"] }"#,
        r#"{ "command": "x", "args": ["--header", "Authorization: Bearer CANARY"] }"#,
        r#"{ "command": "x", "args": ["--say", "sk-CANARY12345678"] }"#,
        r#"{ "command": "x", "args": ["say", "CANARY-word"], "env": { "WORD": "CANARY-word" } }"#,
        r#"{ "command": "x", "args": ["https://user:CANARY@a.example"] }"#,
        r#"{ "command": "x", "args": ["CANARY9aB3xY7kQ2mN5pR8tV1wZ4"] }"#,
        r#"{ "command": "x", "args": ["550e8400-e29b-41d4-a716-446655440000"] }"#,
    ] {
        assert!(
            left_out(server).contains("command line seems to hold a secret"),
            "{server}"
        );
    }
    for server in [
        r#"{ "url": "https://a.example/mcp?token=CANARY" }"#,
        r#"{ "url": "https://CANARY@a.example/mcp" }"#,
        r#"{ "url": "https://a.example/CANARY9aB3xY7kQ2mN5pR8tV1wZ4/mcp" }"#,
    ] {
        assert!(
            left_out(server).contains("URL seems to hold a secret"),
            "{server}"
        );
    }
    insta::assert_snapshot!(left_out(r#"{ "command": "portcullis", "args": ["wrap"] }"#), @"server `a` of Cursor (/home/ada/.cursor/mcp.json:1) is left out: it is Portcullis itself");
    insta::assert_snapshot!(left_out(r#"{ "command": "npx -y thing" }"#), @"server `a` is left out: its command is a whole command line; no shell is used, so split it");
    insta::assert_snapshot!(left_out(r#"{ "command": "x", "args": ["${workspaceFolder}"] }"#), @"server `a` is left out: its command line uses variables that only the host expands; write the values themselves");
    insta::assert_snapshot!(left_out(r#"{ "url": "http://a.example/mcp" }"#), @"server `a` is left out: its URL is not encrypted: http is only for loopback addresses");
    insta::assert_snapshot!(left_out(r#"{ "type": "sse", "url": "https://a.example/mcp" }"#), @"server `a` of Cursor (/home/ada/.cursor/mcp.json:1) is left out: it uses the old HTTP+SSE transport; legacy HTTP+SSE upstreams come later");
}

#[test]
fn a_secret_is_found_in_other_places_too() {
    let import = of_cursor(
        r#"{
            "a": { "url": "https://a.example/mcp", "headers": { "Authorization": "Bearer CANARY-word" } },
            "b": { "command": "x", "args": ["say", "CANARY-word"] },
            "c": { "command": "y", "env": { "API_KEY": "/CANARY/path", "FOLDER": "/CANARY/path" } }
        }"#,
    );
    assert!(!format!("{import:?}").contains(CANARY));
    insta::assert_snapshot!(servers(&import), @r#"
[servers.a]
url = "https://a.example/mcp"
headers = { authorization = "env:A_AUTHORIZATION" }
[servers.c]
command = "y"
env = { API_KEY = "env:API_KEY", FOLDER = "env:FOLDER" }
"#);
}

#[test]
fn text_that_hides_itself_is_shown() {
    let hostile =
        of_cursor(r#"{ "a\u202e\nb": { "command": "x", "args": ["\u202e\u0007", "é ü"] } }"#);
    insta::assert_snapshot!(servers(&hostile), @r#"
[servers.a-b]
command = "x"
args = ["\U0000202E\U00000007", "é ü"]
"#);
    insta::assert_snapshot!(hostile.notes.join("\n"), @"server `a··b` of Cursor (/home/ada/.cursor/mcp.json:1) is `a-b` now");
}

#[test]
fn a_dollar_alone_makes_no_reference() {
    let import = of_cursor(r#"{ "a": { "command": "x", "env": { "WORD": "$ecretCANARY" } } }"#);
    assert!(!import.toml.contains(CANARY), "{}", import.toml);
    assert!(
        import.toml.contains("WORD = \"env:WORD\""),
        "{}",
        import.toml
    );
}

#[test]
fn nothing_found_is_valid_too() {
    let nothing = import(&[]);
    let config = parse(&nothing.toml).expect("valid");
    assert!(config.servers.is_empty() && config.profiles.is_empty());
    assert_eq!(nothing.notes, ["no server was taken over"]);
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        "\\PC{0,12}",
        Just("${env:X}".to_owned()),
        Just("a\"b\\c\n\u{7f}".to_owned()),
    ]
}

fn pairs() -> impl Strategy<Value = BTreeMap<String, String>> {
    proptest::collection::btree_map(word(), word(), 0..3)
}

fn entry() -> impl Strategy<Value = Entry> {
    let stdio = (
        word(),
        proptest::collection::vec(word(), 0..3),
        pairs(),
        proptest::option::of(word()),
    )
        .prop_map(|(command, args, env, cwd)| Transport::Stdio {
            command,
            args,
            env,
            cwd,
        });
    let url = prop_oneof![
        word(),
        "https://[a-z]{1,5}\\.example(:[0-9]{1,6})?/\\PC{0,8}",
        "http://localhost:[0-9]{1,6}/[a-z]{0,4}",
    ];
    let http = (url, pairs(), any::<bool>()).prop_map(|(url, headers, sse)| Transport::Http {
        url,
        headers,
        sse,
    });
    let transport = prop_oneof![stdio, http];
    (
        word(),
        transport,
        any::<bool>(),
        proptest::option::of(word()),
        proptest::option::of(1usize..99),
    )
        .prop_map(|(name, transport, disabled, project, line)| Entry {
            name,
            transport,
            disabled,
            project,
            line,
        })
}

proptest! {
    #[test]
    fn what_is_written_is_always_valid(entries in proptest::collection::vec(entry(), 0..6), path in word()) {
        let import = import(&[(Host::Cursor, path, entries)]);
        let parsed = parse(&import.toml);
        prop_assert!(parsed.is_ok(), "{:?}\n{}", parsed, import.toml);
    }

    #[test]
    fn no_random_secret_is_written(secret in "[a-z]{3}-[A-Za-z0-9]{8,20}", key in "[A-Z_]{1,8}") {
        let env = BTreeMap::from([(key.clone(), secret.clone())]);
        let headers = BTreeMap::from([(key, format!("Bearer {secret}"))]);
        let transports = [
            Transport::Stdio { command: "x".to_owned(), args: vec![], env: env.clone(), cwd: None },
            Transport::Stdio { command: "y".to_owned(), args: vec![format!("--say={secret}")], env, cwd: None },
            Transport::Http { url: format!("https://a.example/{secret}"), headers: headers.clone(), sse: false },
            Transport::Http { url: "https://a.example/mcp".to_owned(), headers, sse: false },
        ];
        let entries: Vec<_> = transports
            .into_iter()
            .map(|transport| Entry { name: "a".to_owned(), transport, disabled: false, project: None, line: None })
            .collect();
        let import = import(&[(Host::Cursor, "/p".to_owned(), entries)]);
        let shown = format!("{import:?}");
        prop_assert!(!shown.contains(&secret), "{}", shown);
    }
}
