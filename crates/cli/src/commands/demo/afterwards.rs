//! The gateway that stays up after the story, for a host of your own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use portcullis_store::Sqlite;
use serde::Serialize;
use tokio::net::TcpListener;

use super::folder::{ADDRESS, Folder};
use super::layout::paragraph;
use super::show;
use super::stage::{Stage, review};
use super::story::Stop;
use crate::commands::key::{Minted, mint};
use crate::exit::Failure;
use crate::terminal::{bold, cyan, dim, line};

/// The gateway and the way to it.
pub(super) struct Afterwards {
    stage: Stage,
    url: String,
    key: String,
    configuration: PathBuf,
}

/// The gateway for a script.
#[derive(Serialize)]
pub(super) struct Described<'a> {
    url: &'a str,
    key: &'a str,
    configuration: &'a Path,
}

impl Afterwards {
    /// Starts the gateway with the profile `research`. The honest servers are approved; the hostile
    /// quote server is held, as it was when the story ended.
    pub(super) async fn open(
        folder: &Folder,
        store: &Sqlite,
        socket: TcpListener,
        without: &[&'static str],
        stop: &mut Stop,
    ) -> Result<Self, Failure> {
        let address = socket
            .local_addr()
            .map_err(|error| Failure::because("the gateway has no address", &error))?;
        let Minted { key, entry } = mint("you", "user", &["researchers".to_owned()])?;
        folder.write_configuration(address, Some(&entry), without)?;
        let configuration = folder.configuration();
        review(
            &configuration,
            store,
            &["papers", "calendar", "report"],
            stop,
        )
        .await?;
        let stage = Stage::open(&configuration, store, socket).await?;
        Ok(Self {
            stage,
            url: format!("http://{address}/mcp/research"),
            key,
            configuration,
        })
    }

    pub(super) fn described(&self) -> Described<'_> {
        Described {
            url: &self.url,
            key: &self.key,
            configuration: &self.configuration,
        }
    }

    /// How to reach the gateway, and what to try.
    pub(super) fn show(&self) {
        let Self { url, key, .. } = self;
        show::rule();
        line(bold("Now with your own host"));
        line(paragraph(
            "",
            2,
            "The gateway stays up with papers, calendar and report. The hostile quote server is configured \
             as well; your host will not see it.",
        ));
        line("");
        line(format!("  address   {}", cyan(url)));
        line(format!("  key       {key}  {}", dim("(shown this once)")));
        line("");
        line(format!("  {}", bold("Claude Code")));
        line(format!(
            "    claude mcp add --transport http research {url} \\"
        ));
        line(format!("      --header \"Authorization: Bearer {key}\""));
        line(format!("  {} {}", bold("VS Code"), dim(".vscode/mcp.json")));
        line(format!(
            "    {{\"servers\": {{\"research\": {{\"type\": \"http\", \"url\": \"{url}\",\n      \
             \"headers\": {{\"Authorization\": \"Bearer {key}\"}}}}}}}}"
        ));
        line(format!("  {} {}", bold("Cursor"), dim(".cursor/mcp.json")));
        line(format!(
            "    {{\"mcpServers\": {{\"research\": {{\"url\": \"{url}\",\n      \
             \"headers\": {{\"Authorization\": \"Bearer {key}\"}}}}}}}}"
        ));
        line("");
        line(bold("And in another terminal"));
        for (command, what) in self.commands() {
            line(format!("  {}", dim(format!("# {what}"))));
            line(format!("  {command}"));
        }
        line("");
        line(paragraph("", 0, "Ctrl-C ends the gateway."));
    }

    fn commands(&self) -> Vec<(String, &'static str)> {
        let program = invoked_as();
        let file = shell_word(&self.configuration.display().to_string());
        let command = |arguments: &str| format!("{program} {arguments} -c {file}");
        vec![
            (
                command("tools list"),
                "what the servers offer, and what is held",
            ),
            (
                command("tools diff quotes today"),
                "what the quote server changed after it was approved",
            ),
            (
                command("audit query --outcome refused"),
                "everything that was refused, and why",
            ),
            (
                command("audit tail --follow"),
                "every message of your host, as it comes",
            ),
            (command("prove"), "every control at work, and what it costs"),
        ]
    }

    /// Serves until the process is asked to end.
    pub(super) async fn serve(self, mut stop: Stop) {
        stop.wait().await;
        self.stage.close().await;
    }
}

/// A port that was asked for has to be free; otherwise the usual one, or any.
pub(super) async fn bind(port: Option<u16>) -> Result<TcpListener, Failure> {
    let taken = |port: u16, error: &std::io::Error| {
        Failure::because(format!("port {port} cannot be used"), error)
            .help("another process may use it; --port names another")
    };
    if let Some(port) = port {
        return TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .map_err(|error| taken(port, &error));
    }
    match TcpListener::bind(ADDRESS).await {
        Ok(socket) => Ok(socket),
        Err(_) => {
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            TcpListener::bind(any)
                .await
                .map_err(|error| taken(0, &error))
        }
    }
}

/// The program as the person called it, so that a printed command can be pasted.
fn invoked_as() -> String {
    let name = std::env::args_os().next();
    let name = name
        .as_ref()
        .map_or_else(|| "portcullis".into(), |name| name.to_string_lossy());
    shell_word(&name)
}

/// Quoted for a shell where it has to be.
fn shell_word(text: &str) -> String {
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || "-_./:@%+,~".contains(character);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::shell_word;

    #[test]
    fn words_are_quoted_where_a_shell_would_break_them() {
        for (text, expected) in [
            ("target/debug/portcullis", "target/debug/portcullis"),
            (
                "/tmp/my demo/portcullis.toml",
                "'/tmp/my demo/portcullis.toml'",
            ),
            ("it's", "'it'\\''s'"),
            ("", "''"),
        ] {
            assert_eq!(shell_word(text), expected);
        }
    }
}
