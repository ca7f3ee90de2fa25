//! The guides: what they tell people to paste is what hosts read.

use portcullis_hosts::{Entry, Host, Transport, read_all};

const HOSTS: &str = include_str!("../../../../../docs/guides/hosts.md");
const WRAP: &str = include_str!("../../../../../docs/guides/wrap.md");

/// The text of the section with this heading.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, rest) = page
        .split_once(&format!("\n## {heading}\n"))
        .unwrap_or_else(|| panic!("no section {heading}"));
    rest.split("\n## ").next().unwrap()
}

/// The fenced blocks in this language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    text.split(&format!("\n```{language}\n"))
        .skip(1)
        .map(|rest| rest.split("\n```").next().unwrap().to_owned())
        .collect()
}

fn only_entry(host: Host, snippet: &str) -> Entry {
    let mut reading =
        read_all(host, snippet).unwrap_or_else(|error| panic!("{host:?}: {error:?}: {snippet}"));
    assert_eq!(reading.entries.len(), 1, "{host:?}: {snippet}");
    reading.entries.remove(0)
}

#[test]
fn every_host_reads_its_snippets() {
    for host in Host::ALL {
        let language = if *host == Host::Codex { "toml" } else { "json" };
        let (mut over_http, mut over_stdio) = (0, 0);
        for snippet in blocks(section(HOSTS, host.title()), language) {
            match only_entry(*host, &snippet).transport {
                Transport::Http { url, headers, sse } => {
                    assert_eq!(url, "http://127.0.0.1:8642/mcp/all");
                    assert_eq!(headers.len(), 1, "{host:?}: {snippet}");
                    assert!(!sse, "{host:?}: {snippet}");
                    over_http += 1;
                }
                Transport::Stdio { command, args, .. } => {
                    assert_eq!(command, "portcullis");
                    assert_eq!(args[0], "serve");
                    assert_eq!(args[3..], ["--stdio", "all"]);
                    over_stdio += 1;
                }
            }
        }
        // Claude Desktop's file has no remote servers.
        let expected = if *host == Host::ClaudeDesktop { 0 } else { 1 };
        assert_eq!((over_http, over_stdio), (expected, 1), "{host:?}");
    }
}

/// The wrapped line ends in the very line that it replaces.
#[test]
fn the_wrapped_server_is_the_one_before() {
    let snippets = blocks(section(WRAP, "Do it"), "json");
    let [before, after] = &snippets[..] else {
        panic!("not one before and one after: {snippets:?}");
    };
    let line = |snippet: &str| match only_entry(Host::Cursor, snippet).transport {
        Transport::Stdio { command, args, .. } => [vec![command], args].concat(),
        Transport::Http { .. } => panic!("not a command: {snippet}"),
    };
    let (before, after) = (line(before), line(after));
    assert_eq!(after[..5], ["portcullis", "wrap", "--name", "notes", "--"]);
    assert_eq!(after[5..], before);
}
