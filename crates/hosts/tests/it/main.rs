//! Reads the fixtures of every host and writes configurations from them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    reason = "tests"
)]

mod import;
mod read;

use portcullis_hosts::Host;

/// Every fixture, as host, path and text.
const FIXTURES: &[(Host, &str, &str)] = &[
    (
        Host::ClaudeDesktop,
        "/home/ada/.config/Claude/claude_desktop_config.json",
        include_str!("../fixtures/claude-desktop.json"),
    ),
    (
        Host::ClaudeCode,
        "/home/ada/.claude.json",
        include_str!("../fixtures/claude-code.json"),
    ),
    (
        Host::ClaudeCode,
        "/home/ada/thesis/.mcp.json",
        include_str!("../fixtures/claude-code-project.json"),
    ),
    (
        Host::Cursor,
        "/home/ada/.cursor/mcp.json",
        include_str!("../fixtures/cursor.json"),
    ),
    (
        Host::VsCode,
        "/home/ada/.config/Code/User/mcp.json",
        include_str!("../fixtures/vs-code.json"),
    ),
    (
        Host::VsCode,
        "/home/ada/.config/Code/User/settings.json",
        include_str!("../fixtures/vs-code-settings.json"),
    ),
    (
        Host::Windsurf,
        "/home/ada/.codeium/windsurf/mcp_config.json",
        include_str!("../fixtures/windsurf.json"),
    ),
    (
        Host::Codex,
        "/home/ada/.codex/config.toml",
        include_str!("../fixtures/codex.toml"),
    ),
    (
        Host::GeminiCli,
        "/home/ada/.gemini/settings.json",
        include_str!("../fixtures/gemini-cli.json"),
    ),
    (
        Host::Zed,
        "/home/ada/.config/zed/settings.json",
        include_str!("../fixtures/zed.json"),
    ),
];

/// Every secret of the fixtures has this word in it.
const CANARY: &str = "CANARY";
