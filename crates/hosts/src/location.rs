//! Where hosts keep their configurations.

use crate::host::Host;

/// An operating system, as far as paths differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Os {
    /// Linux and other Unixes.
    Linux,
    /// macOS.
    MacOs,
    /// Windows.
    Windows,
}

/// Whom a configuration is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A person, in everything they do.
    User,
    /// Everyone who works in one project folder.
    Project,
}

/// One file that a host may read. It need not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The host that reads it.
    pub host: Host,
    /// The absolute path, with the separators of the operating system.
    pub path: String,
    /// Whom it is for.
    pub scope: Scope,
}

/// The environment variables that move configurations. The caller looks them up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Environment<'a> {
    /// `APPDATA`, on Windows. Without it, `AppData\Roaming` in the home folder is taken.
    pub appdata: Option<&'a str>,
    /// `XDG_CONFIG_HOME`, on Linux. Without it, `.config` in the home folder is taken.
    pub xdg_config_home: Option<&'a str>,
    /// `CLAUDE_CONFIG_DIR`, for Claude Code.
    pub claude_config_dir: Option<&'a str>,
    /// `CODEX_HOME`, for Codex.
    pub codex_home: Option<&'a str>,
}

/// Every file in which the known hosts look for servers, for the person with this `home` folder
/// and, if given, in a `project` folder. User files come first, host by host.
pub fn locations(
    os: Os,
    home: &str,
    project: Option<&str>,
    environment: &Environment<'_>,
) -> Vec<Location> {
    let folders = Folders::new(os, home, environment);
    let user = Host::ALL
        .iter()
        .flat_map(|host| {
            user_files(*host, &folders)
                .into_iter()
                .map(|path| (*host, path))
        })
        .map(|(host, path)| Location {
            host,
            path,
            scope: Scope::User,
        });
    let in_project = Host::ALL
        .iter()
        .flat_map(|host| project_files(*host).iter().map(|file| (*host, *file)));
    let project = project.into_iter().flat_map(|folder| {
        in_project.clone().map(|(host, file)| Location {
            host,
            path: join(os, folder, file),
            scope: Scope::Project,
        })
    });
    user.chain(project).collect()
}

struct Folders<'a> {
    os: Os,
    home: &'a str,
    /// Where applications keep their settings: `Application Support`, `Roaming` or `.config`.
    applications: String,
    /// `.config`, also on macOS, where some hosts use it.
    config: String,
    claude: &'a str,
    codex: String,
}

impl<'a> Folders<'a> {
    fn new(os: Os, home: &'a str, environment: &Environment<'a>) -> Self {
        let own = |value: Option<&'a str>| value.filter(|path| !path.is_empty());
        let in_home = |folder: &str| join(os, home, folder);
        let config = match (os, own(environment.xdg_config_home)) {
            (Os::Linux, Some(folder)) => folder.to_owned(),
            _ => in_home(".config"),
        };
        let applications = match os {
            Os::Linux => config.clone(),
            Os::MacOs => in_home("Library/Application Support"),
            Os::Windows => {
                own(environment.appdata).map_or_else(|| in_home("AppData/Roaming"), str::to_owned)
            }
        };
        Self {
            os,
            home,
            applications,
            config,
            claude: own(environment.claude_config_dir).unwrap_or(home),
            codex: own(environment.codex_home).map_or_else(|| in_home(".codex"), str::to_owned),
        }
    }
}

fn user_files(host: Host, folders: &Folders<'_>) -> Vec<String> {
    let os = folders.os;
    let in_home = |file| vec![join(os, folders.home, file)];
    let application = |file| join(os, &folders.applications, file);
    match host {
        Host::ClaudeDesktop => vec![application("Claude/claude_desktop_config.json")],
        Host::ClaudeCode => vec![join(os, folders.claude, ".claude.json")],
        Host::Cursor => in_home(".cursor/mcp.json"),
        Host::VsCode => vec![
            application("Code/User/mcp.json"),
            application("Code/User/settings.json"),
        ],
        Host::Windsurf => in_home(".codeium/windsurf/mcp_config.json"),
        Host::Codex => vec![join(os, &folders.codex, "config.toml")],
        Host::GeminiCli => in_home(".gemini/settings.json"),
        Host::Zed => vec![match os {
            Os::Windows => application("Zed/settings.json"),
            Os::Linux | Os::MacOs => join(os, &folders.config, "zed/settings.json"),
        }],
    }
}

fn project_files(host: Host) -> &'static [&'static str] {
    match host {
        Host::ClaudeDesktop | Host::Windsurf => &[],
        Host::ClaudeCode => &[".mcp.json"],
        Host::Cursor => &[".cursor/mcp.json"],
        Host::VsCode => &[".vscode/mcp.json", ".vscode/settings.json"],
        Host::Codex => &[".codex/config.toml"],
        Host::GeminiCli => &[".gemini/settings.json"],
        Host::Zed => &[".zed/settings.json"],
    }
}

/// `file` uses `/`, whatever the system.
fn join(os: Os, folder: &str, file: &str) -> String {
    match os {
        Os::Windows => {
            let folder = folder.trim_end_matches(['\\', '/']);
            format!("{folder}\\{}", file.replace('/', "\\"))
        }
        Os::Linux | Os::MacOs => format!("{}/{file}", folder.trim_end_matches('/')),
    }
}

#[cfg(test)]
mod tests;
