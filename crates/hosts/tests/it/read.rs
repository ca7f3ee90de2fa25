use std::collections::BTreeMap;

use portcullis_hosts::{Entry, Host, Transport, read, read_all};
use proptest::prelude::*;

use crate::{CANARY, FIXTURES};

/// What a fixture says: one line per entry and note.
fn check(fixture: &str) -> String {
    let (host, _, text) = FIXTURES
        .iter()
        .find(|(_, _, text)| std::ptr::eq(*text, fixture))
        .expect("a fixture");
    let reading = read_all(*host, text).expect("readable");
    let entries = reading.entries.iter().map(show);
    let notes = reading
        .notes
        .iter()
        .map(|note| format!("{}: note: {}: {}", note.line, note.name, note.text));
    entries.chain(notes).collect::<Vec<_>>().join("\n")
}

/// Everything in an entry, the values too: these are fixtures.
fn show(entry: &Entry) -> String {
    let pairs = |map: &BTreeMap<String, String>| {
        let pairs: Vec<_> = map
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        pairs.join(" ")
    };
    let transport = match &entry.transport {
        Transport::Stdio {
            command,
            args,
            env,
            cwd,
        } => format!(
            "{command} {} {{{}}}{}",
            args.join(" "),
            pairs(env),
            cwd.as_ref()
                .map(|cwd| format!(" in {cwd}"))
                .unwrap_or_default()
        ),
        Transport::Http { url, headers, sse } => format!(
            "{url} {{{}}}{}",
            pairs(headers),
            if *sse { " sse" } else { "" }
        ),
    };
    format!(
        "{}: {}: {transport}{}{}",
        entry.line.expect("a line"),
        entry.name,
        if entry.disabled { " disabled" } else { "" },
        entry
            .project
            .as_ref()
            .map(|project| format!(" of {project}"))
            .unwrap_or_default()
    )
}

fn fixture(index: usize) -> &'static str {
    FIXTURES[index].2
}

#[test]
fn claude_desktop() {
    insta::assert_snapshot!(check(fixture(0)), @r"
4: filesystem: npx -y @modelcontextprotocol/server-filesystem /home/ada/Documents {}
8: GitHub: docker run -i --rm -e GITHUB_PERSONAL_ACCESS_TOKEN ghcr.io/github/github-mcp-server {GITHUB_PERSONAL_ACCESS_TOKEN=ghp_CANARYdesktop0123456789abcdefghijkl}
13: notion: npx -y mcp-remote https://mcp.notion.com/mcp --header Authorization:${AUTH_HEADER} {AUTH_HEADER=Bearer CANARY-notion-0001}
18: postgres: npx -y @modelcontextprotocol/server-postgres postgresql://reader:CANARYpostgres@db.example.com/papers {}
");
}

#[test]
fn claude_code() {
    insta::assert_snapshot!(check(fixture(1)), @r"
4: sentry: https://mcp.sentry.dev/mcp {}
5: old-linear: https://mcp.linear.app/sse {} sse
11: notes: node tools/notes.js {DEBUG=true NOTES_KEY=${NOTES_KEY:-CANARYdefault}} of /home/ada/thesis
17: scratch: node scratch.js {} disabled of /home/ada/thesis
18: note: socket: uses WebSocket, which is no MCP transport
");
    insta::assert_snapshot!(check(fixture(2)), @"3: api: ${API_BASE_URL:-https://api.example.com}/mcp {Authorization=Bearer ${API_KEY}}");
}

#[test]
fn cursor() {
    insta::assert_snapshot!(check(fixture(3)), @r"
3: GitHub: docker run -i --rm -e GITHUB_PERSONAL_ACCESS_TOKEN ghcr.io/github/github-mcp-server {GITHUB_PERSONAL_ACCESS_TOKEN=${env:GITHUB_TOKEN}}
9: calendar: https://calendar.example.com/mcp {Host=calendar.example.com X-Api-Key=CANARY-cursor-calendar X-Region=eu}
13: zapier: https://mcp.zapier.example/api/mcp/s/CANARY9aB3xY7kQ2mN5pR8tV1wZ4/mcp {}
14: here: ${workspaceFolder}/bin/server  {}
3: note: GitHub: the variables of its `envFile` are not taken over
15: note: empty: has neither a command nor a URL
");
}

#[test]
fn vs_code() {
    insta::assert_snapshot!(check(fixture(4)), @r"
7: perplexity: npx -y server-perplexity-ask {LOG_LEVEL=debug PERPLEXITY_API_KEY=${input:perplexity-key}}
14: github: https://api.githubcopilot.com/mcp/ {}
");
    insta::assert_snapshot!(check(fixture(5)), @"5: time: uvx mcp-server-time --local-timezone=Europe/Berlin {}");
}

#[test]
fn windsurf() {
    insta::assert_snapshot!(check(fixture(6)), @r"
3: figma: https://mcp.figma.com/mcp {Authorization=Bearer ${env:FIGMA_TOKEN}}
4: legacy: https://legacy.example.com/sse {} sse
5: off: npx off {} disabled
");
}

#[test]
fn codex() {
    insta::assert_snapshot!(check(fixture(7)), @r"
3: context7: npx -y @upstash/context7-mcp {CONTEXT7_KEY=${CONTEXT7_KEY} MCP_MODE=CANARY-mode REMOTE_KEY=${REMOTE_KEY}}
12: figma: https://mcp.figma.com/mcp {Authorization=Bearer ${FIGMA_OAUTH_TOKEN} X-Figma-Region=us X-Team=${FIGMA_TEAM}}
18: off: off  {} disabled
22: note: broken: has neither a command nor a URL
");
}

#[test]
fn gemini_cli() {
    insta::assert_snapshot!(check(fixture(8)), @r"
5: python-tools: python -m my_mcp_server --port 8080 {API_KEY=${EXTERNAL_API_KEY} DATABASE_URL=${DB_CONNECTION_STRING}} in /home/ada/servers/python
14: streaming: http://localhost:3000/mcp {Authorization=Bearer CANARY-gemini-token}
15: events: https://api.example.com/events {} sse
16: typed: https://api.example.com/mcp {}
17: plain-http: http://intranet.example.com/mcp {}
18: experimental: experimental  {} disabled
");
}

#[test]
fn zed() {
    insta::assert_snapshot!(check(fixture(9)), @r"
5: hexdocs: npx -y hexdocs-mcp@0.5.0 {}
6: older: /opt/tools/older-server run {OLDER_TOKEN=CANARY-zed-older}
7: remote: https://remote.example.com/mcp {Authorization=Bearer CANARY-zed-remote}
9: off: off  {} disabled
8: note: postgres-extension: comes from an extension, which knows how to start it
");
}

#[test]
fn files_without_servers_have_none() {
    for host in Host::ALL {
        assert_eq!(read(*host, ""), Ok(Vec::new()), "{host}");
        if *host != Host::Codex {
            assert_eq!(read(*host, "{}"), Ok(Vec::new()), "{host}");
            assert_eq!(
                read(*host, "\u{feff}// nothing\n{ \"mcpServers\": [] }"),
                Ok(Vec::new()),
                "{host}"
            );
        }
    }
}

#[test]
fn bad_files_give_their_line_and_no_value() {
    for (host, text, expected) in [
        (
            Host::Cursor,
            "{\n  \"mcpServers\": {\n    \"a\": CANARY\n  }\n}",
            "line 3: unexpected word",
        ),
        (
            Host::Zed,
            "{\n  \"a\": 1\n  \"b\": 2\n}",
            "line 2: expected comma",
        ),
        (Host::VsCode, "[]", "line 1: the file holds no JSON object"),
        (
            Host::ClaudeCode,
            "{} {}",
            "line 1: text cannot contain more than one JSON value",
        ),
        (
            Host::Codex,
            "[mcp_servers.a]\ncommand = CANARY",
            "line 2: invalid TOML value, did you mean to use a quoted string?",
        ),
    ] {
        let error = read(host, text).expect_err(text);
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.host, host);
    }
}

#[test]
fn deep_nesting_is_refused() {
    for host in Host::ALL {
        let text = format!(
            "{}{}",
            if *host == Host::Codex { "a = " } else { "" },
            "[".repeat(20_000)
        );
        assert!(read(*host, &text).is_err(), "{host}");
    }
}

#[test]
fn the_last_duplicate_counts() {
    let text = r#"{ "mcpServers": { "a": { "command": "first" }, "a": { "command": "x", "command": "last" } } }"#;
    let entries = read(Host::Cursor, text).unwrap();
    assert_eq!(entries.len(), 1);
    assert!(matches!(&entries[0].transport, Transport::Stdio { command, .. } if command == "last"));
}

#[test]
fn gemini_can_allow_only_some() {
    let text = r#"{ "mcp": { "allowed": ["a"] }, "mcpServers": { "a": { "command": "a" }, "b": { "command": "b" } } }"#;
    let entries = read(Host::GeminiCli, text).unwrap();
    assert_eq!([entries[0].disabled, entries[1].disabled], [false, true]);
}

#[test]
fn debug_prints_no_secret() {
    for (host, path, text) in FIXTURES {
        let reading = read_all(*host, text).unwrap();
        let shown = format!("{reading:?} {reading:#?}");
        assert!(!shown.contains(CANARY), "{path}: {shown}");
    }
}

proptest! {
    #[test]
    fn reading_never_panics(text in any::<String>(), host in proptest::sample::select(Host::ALL)) {
        let _ = read(host, &text);
    }

    #[test]
    fn damaged_files_never_panic(
        fixture in proptest::sample::select(FIXTURES),
        start in 0usize..1500,
        end in 0usize..1500,
        put in "\\PC{0,3}",
    ) {
        let (host, _, text) = fixture;
        let (start, end) = (start.min(end), start.max(end));
        if let (Some(before), Some(after)) = (text.get(..start), text.get(end..)) {
            let _ = read(host, &format!("{before}{put}{after}"));
        }
    }
}
