use super::{Environment, Os, Scope, locations};

/// All locations, one line each.
fn check(os: Os, home: &str, project: Option<&str>, environment: &Environment<'_>) -> String {
    let lines: Vec<_> = locations(os, home, project, environment)
        .into_iter()
        .map(|location| {
            let scope = match location.scope {
                Scope::User => "user",
                Scope::Project => "project",
            };
            format!("{} {scope} {}", location.host.id(), location.path)
        })
        .collect();
    lines.join("\n")
}

#[test]
fn linux() {
    let plain = Environment::default();
    insta::assert_snapshot!(check(Os::Linux, "/home/ada", Some("/home/ada/thesis/"), &plain), @r"
claude-desktop user /home/ada/.config/Claude/claude_desktop_config.json
claude-code user /home/ada/.claude.json
cursor user /home/ada/.cursor/mcp.json
vs-code user /home/ada/.config/Code/User/mcp.json
vs-code user /home/ada/.config/Code/User/settings.json
windsurf user /home/ada/.codeium/windsurf/mcp_config.json
codex user /home/ada/.codex/config.toml
gemini-cli user /home/ada/.gemini/settings.json
zed user /home/ada/.config/zed/settings.json
claude-code project /home/ada/thesis/.mcp.json
cursor project /home/ada/thesis/.cursor/mcp.json
vs-code project /home/ada/thesis/.vscode/mcp.json
vs-code project /home/ada/thesis/.vscode/settings.json
codex project /home/ada/thesis/.codex/config.toml
gemini-cli project /home/ada/thesis/.gemini/settings.json
zed project /home/ada/thesis/.zed/settings.json
");
    let moved = Environment {
        xdg_config_home: Some("/cfg"),
        claude_config_dir: Some("/claude"),
        codex_home: Some("/codex"),
        appdata: Some("ignored"),
    };
    insta::assert_snapshot!(check(Os::Linux, "/home/ada", None, &moved), @r"
claude-desktop user /cfg/Claude/claude_desktop_config.json
claude-code user /claude/.claude.json
cursor user /home/ada/.cursor/mcp.json
vs-code user /cfg/Code/User/mcp.json
vs-code user /cfg/Code/User/settings.json
windsurf user /home/ada/.codeium/windsurf/mcp_config.json
codex user /codex/config.toml
gemini-cli user /home/ada/.gemini/settings.json
zed user /cfg/zed/settings.json
");
}

#[test]
fn macos() {
    let environment = Environment {
        xdg_config_home: Some("/ignored"),
        ..Environment::default()
    };
    insta::assert_snapshot!(check(Os::MacOs, "/Users/ada", None, &environment), @r"
claude-desktop user /Users/ada/Library/Application Support/Claude/claude_desktop_config.json
claude-code user /Users/ada/.claude.json
cursor user /Users/ada/.cursor/mcp.json
vs-code user /Users/ada/Library/Application Support/Code/User/mcp.json
vs-code user /Users/ada/Library/Application Support/Code/User/settings.json
windsurf user /Users/ada/.codeium/windsurf/mcp_config.json
codex user /Users/ada/.codex/config.toml
gemini-cli user /Users/ada/.gemini/settings.json
zed user /Users/ada/.config/zed/settings.json
");
}

#[test]
fn windows() {
    let environment = Environment {
        appdata: Some("D:\\Roaming"),
        ..Environment::default()
    };
    insta::assert_snapshot!(check(Os::Windows, "C:\\Users\\ada", Some("C:\\work"), &environment), @r"
claude-desktop user D:\Roaming\Claude\claude_desktop_config.json
claude-code user C:\Users\ada\.claude.json
cursor user C:\Users\ada\.cursor\mcp.json
vs-code user D:\Roaming\Code\User\mcp.json
vs-code user D:\Roaming\Code\User\settings.json
windsurf user C:\Users\ada\.codeium\windsurf\mcp_config.json
codex user C:\Users\ada\.codex\config.toml
gemini-cli user C:\Users\ada\.gemini\settings.json
zed user D:\Roaming\Zed\settings.json
claude-code project C:\work\.mcp.json
cursor project C:\work\.cursor\mcp.json
vs-code project C:\work\.vscode\mcp.json
vs-code project C:\work\.vscode\settings.json
codex project C:\work\.codex\config.toml
gemini-cli project C:\work\.gemini\settings.json
zed project C:\work\.zed\settings.json
");
    let empty = Environment {
        appdata: Some(""),
        ..Environment::default()
    };
    let shown = check(Os::Windows, "C:\\Users\\ada", None, &empty);
    assert!(shown.contains(
        "claude-desktop user C:\\Users\\ada\\AppData\\Roaming\\Claude\\claude_desktop_config.json"
    ));
}
