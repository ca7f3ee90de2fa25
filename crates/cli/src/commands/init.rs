//! `portcullis init`: a configuration from the MCP hosts on this machine.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use portcullis_hosts::{Entry, Environment, Host, Import, Os, Scope, import, locations, read_all};
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::setup::FILE;
use crate::terminal;

/// Writes portcullis.toml and a first policy from the MCP client configurations on this machine.
///
/// Reads the configurations of Claude Desktop, Claude Code, Cursor, VS Code, Windsurf, Codex,
/// Gemini CLI and Zed. They are not changed. Secrets are not copied: the new file refers to
/// environment variables, and init lists what to set.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis init\n  portcullis init --from cursor --from vs-code\n  portcullis init --dry-run        # show what would be written"
)]
pub(crate) struct Init {
    /// Read this host's configuration only (may be given more than once)
    #[arg(long, value_name = "HOST", value_parser = host)]
    from: Vec<Host>,
    /// Write into this folder
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    out: PathBuf,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Replace files that are there already
    #[arg(long)]
    force: bool,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    read: Vec<Read>,
    written: Vec<PathBuf>,
    notes: Vec<String>,
    secrets: Vec<Secret>,
}

#[derive(Serialize)]
struct Read {
    host: &'static str,
    path: String,
    servers: usize,
}

#[derive(Serialize)]
struct Secret {
    server: String,
    key: String,
    variable: String,
    found_in: String,
}

pub(crate) fn run(init: &Init) -> Result<Exit, Failure> {
    let (found, mut notes) = read_hosts(&init.from)?;
    let read: Vec<Read> = found
        .iter()
        .map(|(host, path, entries)| Read {
            host: host.title(),
            path: path.clone(),
            servers: entries.len(),
        })
        .collect();
    let imported: Import = import(&found);
    notes.extend(imported.notes.iter().cloned());
    let files = [
        (init.out.join(FILE), &imported.toml),
        (
            init.out.join("policies").join("local.cedar"),
            &imported.policy,
        ),
    ];
    let mut written = Vec::new();
    if init.dry_run {
        if !init.json {
            for (path, text) in &files {
                terminal::line(format!(
                    "{}\n{text}",
                    terminal::bold(format!("# {}", path.display()))
                ));
            }
        }
    } else {
        write_all(&files, init.force)?;
        written.extend(files.iter().map(|(path, _)| path.clone()));
    }
    let secrets = imported
        .secrets
        .iter()
        .map(|secret| Secret {
            server: secret.server.clone(),
            key: secret.key.clone(),
            variable: secret.env_name.clone(),
            found_in: secret.origin.clone(),
        })
        .collect();
    let report = Report {
        read,
        written,
        notes,
        secrets,
    };
    if init.json {
        terminal::json(&report);
    } else {
        show(&report, init.dry_run);
    }
    Ok(Exit::Fine)
}

fn host(id: &str) -> Result<Host, String> {
    Host::from_id(id).ok_or_else(|| {
        let known: Vec<&str> = Host::ALL.iter().map(|host| host.id()).collect();
        format!("no such host; known are {}", known.join(", "))
    })
}

type Found = Vec<(Host, String, Vec<Entry>)>;

/// Reads every configuration that is there. One that cannot be read is a note, not the end.
fn read_hosts(only: &[Host]) -> Result<(Found, Vec<String>), Failure> {
    let home = std::env::home_dir()
        .ok_or_else(|| Failure::new("no home folder is known").help("set HOME"))?;
    let here = std::env::current_dir().ok();
    let variable = |name: &str| std::env::var(name).ok();
    let (appdata, xdg, claude, codex) = (
        variable("APPDATA"),
        variable("XDG_CONFIG_HOME"),
        variable("CLAUDE_CONFIG_DIR"),
        variable("CODEX_HOME"),
    );
    let environment = Environment {
        appdata: appdata.as_deref(),
        xdg_config_home: xdg.as_deref(),
        claude_config_dir: claude.as_deref(),
        codex_home: codex.as_deref(),
    };
    let os = if cfg!(target_os = "macos") {
        Os::MacOs
    } else if cfg!(windows) {
        Os::Windows
    } else {
        Os::Linux
    };
    let project = here.as_ref().map(|path| path.display().to_string());
    let mut found = Vec::new();
    let mut notes = Vec::new();
    let mut seen = BTreeSet::new();
    for location in locations(
        os,
        &home.display().to_string(),
        project.as_deref(),
        &environment,
    ) {
        if !only.is_empty() && !only.contains(&location.host) {
            continue;
        }
        // In the home folder itself a host's project file is its user file.
        if !seen.insert((location.host, location.path.clone())) {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(&location.path) else {
            continue;
        };
        match read_all(location.host, &text) {
            Ok(mut reading) => {
                if location.scope == Scope::Project {
                    // A project's servers are started in the project's folder.
                    for entry in &mut reading.entries {
                        entry.project = entry.project.take().or_else(|| project.clone());
                    }
                }
                notes.extend(reading.notes.iter().map(|note| {
                    format!(
                        "{}:{}: {}: {}",
                        location.path, note.line, note.name, note.text
                    )
                }));
                if !reading.entries.is_empty() {
                    found.push((location.host, location.path, reading.entries));
                }
            }
            Err(error) => notes.push(format!(
                "{}:{}:{}: {}",
                location.path, error.line, error.column, error.message
            )),
        }
    }
    Ok((found, notes))
}

/// All files or none: what exists is found before anything is written.
fn write_all(files: &[(PathBuf, &String)], force: bool) -> Result<(), Failure> {
    let there: Vec<String> = files
        .iter()
        .filter(|(path, _)| path.exists())
        .map(|(path, _)| path.display().to_string())
        .collect();
    if !force && !there.is_empty() {
        return Err(Failure::new(format!(
            "{} already there; nothing was written",
            there.join(" and ")
        ))
        .help("--force replaces, --out names another folder"));
    }
    for (path, text) in files {
        write_one(path, text).map_err(|error| {
            Failure::because(format!("{} cannot be written", path.display()), &error)
        })?;
    }
    Ok(())
}

/// Writes beside the file and renames, so that nobody meets half a file.
fn write_one(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut draft = tempfile::NamedTempFile::new_in(folder)?;
    draft.write_all(text.as_bytes())?;
    draft.as_file().sync_all()?;
    draft.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn show(report: &Report, dry_run: bool) {
    if report.read.is_empty() {
        terminal::line(format!(
            "{} no MCP host configuration with servers was found; the new file has none yet",
            terminal::yellow("note:")
        ));
    }
    for read in &report.read {
        terminal::line(format!(
            "read   {}  {}  {} server{}",
            terminal::cyan(read.host),
            read.path,
            read.servers,
            if read.servers == 1 { "" } else { "s" }
        ));
    }
    for path in &report.written {
        terminal::line(format!("{}  {}", terminal::green("wrote"), path.display()));
    }
    for note in &report.notes {
        terminal::line(format!(
            "{} {}",
            terminal::yellow("note:"),
            terminal::visible(note)
        ));
    }
    if !report.secrets.is_empty() {
        terminal::line(terminal::bold(
            "\nSet these before you start (values were not copied):",
        ));
        for secret in &report.secrets {
            terminal::line(format!(
                "  {}   for {} of server {}, found in {}",
                terminal::cyan(&secret.variable),
                secret.key,
                secret.server,
                secret.found_in
            ));
        }
    }
    if !dry_run {
        terminal::line(terminal::bold("\nNext:"));
        terminal::line(
            "  portcullis check --connect     start every server once and pin what it offers\n  portcullis serve               then point your hosts at http://127.0.0.1:8642/mcp/all",
        );
    }
}
