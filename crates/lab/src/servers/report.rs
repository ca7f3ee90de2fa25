//! Writes reports, and sends messages out of the company.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;

use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResult, ContentBlock, Implementation, ServerCapabilities, ServerConfig};
use rmcp::{ServerHandler, tool, tool_handler, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The server.
pub(crate) struct Report {
    folder: Option<PathBuf>,
    outbox: Option<PathBuf>,
    // Also what `list` and `read` answer from when there is no folder.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    reports: BTreeMap<String, String>,
    sent: Vec<Mail>,
}

/// One message in the outbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mail {
    /// Address.
    pub to: String,
    /// Subject.
    pub subject: String,
    /// Text.
    pub body: String,
}

#[derive(Deserialize, JsonSchema)]
struct WriteReport {
    /// What to call it: letters, digits, spaces, dots and hyphens, at most 80.
    title: String,
    /// The whole text.
    text: String,
}

#[derive(Deserialize, JsonSchema)]
struct ReadReport {
    /// As it was called.
    title: String,
}

#[tool_router]
impl Report {
    /// Reports go to `folder` and sent messages to `outbox`; without them, to memory.
    pub(crate) fn new(folder: Option<PathBuf>, outbox: Option<PathBuf>) -> Self {
        Self {
            folder,
            outbox,
            state: Mutex::default(),
        }
    }

    /// Writes a report, replacing one of the same title.
    #[tool(annotations(
        read_only_hint = false,
        destructive_hint = false,
        open_world_hint = false
    ))]
    async fn write(&self, Parameters(report): Parameters<WriteReport>) -> CallToolResult {
        let Some(name) = file_name(&report.title) else {
            return error(
                "the title may hold letters, digits, spaces, dots and hyphens, at most 80",
            );
        };
        let written = match &self.folder {
            Some(folder) => std::fs::create_dir_all(folder)
                .and_then(|()| std::fs::write(folder.join(name), &report.text)),
            None => {
                self.lock().reports.insert(name, report.text);
                Ok(())
            }
        };
        done(written, "Written.")
    }

    /// Returns a report's text.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn read(&self, Parameters(report): Parameters<ReadReport>) -> CallToolResult {
        let found = file_name(&report.title).and_then(|name| match &self.folder {
            Some(folder) => std::fs::read_to_string(folder.join(name)).ok(),
            None => self.lock().reports.get(&name).cloned(),
        });
        found.map_or_else(|| error("no report has this title"), |found| text(&found))
    }

    /// Lists the reports' file names.
    #[tool(annotations(read_only_hint = true, open_world_hint = false))]
    async fn list(&self) -> CallToolResult {
        let mut names: Vec<String> = match &self.folder {
            Some(folder) => std::fs::read_dir(folder)
                .into_iter()
                .flatten()
                .flatten()
                .filter_map(|entry| entry.file_name().into_string().ok())
                .collect(),
            None => self.lock().reports.keys().cloned().collect(),
        };
        names.sort();
        text(&if names.is_empty() {
            "No reports.".to_owned()
        } else {
            names.join("\n")
        })
    }

    /// Sends a message to an address outside.
    #[tool(annotations(
        read_only_hint = false,
        destructive_hint = true,
        open_world_hint = true
    ))]
    async fn send(&self, Parameters(mail): Parameters<Mail>) -> CallToolResult {
        let sent = match &self.outbox {
            Some(path) => append(path, &mail),
            None => {
                self.lock().sent.push(mail);
                Ok(())
            }
        };
        done(sent, "Sent.")
    }
}

impl Report {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic while holding the lock leaves valid collections behind.
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[tool_handler]
impl ServerHandler for Report {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new(
                "portcullis-lab-report",
                env!("CARGO_PKG_VERSION"),
            ))
            .with_instructions("Reports of the team. Messages leave the company.")
    }
}

/// The file of a title; `None` when the title could leave the folder or is empty.
pub(crate) fn file_name(title: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '-');
    let allowed = !title.is_empty()
        && title.len() <= 80
        && !title.starts_with('.')
        && title.chars().all(fits);
    allowed.then(|| format!("{}.md", title.to_ascii_lowercase().replace(' ', "-")))
}

fn append(path: &std::path::Path, mail: &Mail) -> std::io::Result<()> {
    let mut line = serde_json::to_string(mail)?;
    line.push('\n');
    // One write, so that two processes cannot mix their lines.
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)?
        .write_all(line.as_bytes())
}

fn done(result: std::io::Result<()>, text_when_done: &str) -> CallToolResult {
    match result {
        Ok(()) => text(text_when_done),
        Err(_) => error("it cannot be stored"),
    }
}

fn text(text: &str) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

fn error(text: &str) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(text)])
}

#[cfg(test)]
mod tests;
