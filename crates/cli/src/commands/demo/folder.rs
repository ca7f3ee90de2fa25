//! The folder in which a demo works.
//!
//! ```text
//! portcullis.toml, policies/     the gateway that stays up
//! portcullis.db                  definitions, decisions and the audit trail of everything
//! story/SCENARIO/portcullis.toml the gateway of one scenario
//! story/SCENARIO/with, without   what the servers of the two sides wrote
//! desk/                          what the servers of the gateway that stays up write
//! ```

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use portcullis_lab::ServerKind;
use portcullis_lab::servers::quotes::Mode;
use tempfile::TempDir;

use super::configuration::{Configuration, Server};
use crate::exit::Failure;

/// Where the gateway that stays up listens if nobody says otherwise.
pub(super) const ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8642);

const RESEARCH: &str = include_str!("../../../../../policies/research.cedar");

/// The folder; a temporary one goes when this value is dropped.
pub(super) struct Folder {
    path: PathBuf,
    temporary: Option<TempDir>,
}

impl Folder {
    /// Makes the folder, with the policies in it.
    pub(super) fn prepare(keep: Option<&Path>) -> Result<Self, Failure> {
        let folder = match keep {
            Some(path) => Self {
                path: kept(path)?,
                temporary: None,
            },
            None => {
                let temporary = tempfile::Builder::new()
                    .prefix("portcullis-demo-")
                    .tempdir()
                    .map_err(|error| {
                        Failure::because("a temporary folder cannot be made", &error)
                            .help("--keep names a folder to work in")
                    })?;
                Self {
                    path: temporary.path().to_owned(),
                    temporary: Some(temporary),
                }
            }
        };
        folder.write("policies/research.cedar", RESEARCH)?;
        Ok(folder)
    }

    pub(super) fn store(&self) -> PathBuf {
        self.path.join("portcullis.db")
    }

    pub(super) fn configuration(&self) -> PathBuf {
        self.path.join("portcullis.toml")
    }

    /// The folder of one scenario.
    pub(super) fn scenario(&self, id: &str) -> PathBuf {
        self.path.join("story").join(id)
    }

    /// Writes the configuration of the gateway that stays up. Its quote server is the hostile one;
    /// `key` is the entry of the key that lets its user in.
    pub(super) fn write_configuration(
        &self,
        address: SocketAddr,
        key: Option<&str>,
        without: &[&'static str],
    ) -> Result<(), Failure> {
        let desk = self.path.join("desk");
        let under = |name: &str| desk.join(name).to_string_lossy().into_owned();
        let server = |kind: ServerKind, env: Vec<(&str, String)>| {
            Server::lab(kind.as_str(), kind, env, None)
        };
        let hostile = vec![("LAB_MODE", Mode::PoisonedDescription.as_str().to_owned())];
        let report = vec![
            ("LAB_REPORTS", under("reports")),
            ("LAB_OUTBOX", under("outbox.jsonl")),
        ];
        std::fs::create_dir_all(&desk)
            .map_err(|error| Failure::because("the demo's folder cannot be written", &error))?;
        let configuration = Configuration {
            heading: "The research assistant, as `portcullis demo` leaves it.",
            address,
            store: "portcullis.db",
            policies: vec!["policies"],
            servers: vec![
                server(ServerKind::Papers, Vec::new())?,
                server(ServerKind::Calendar, Vec::new())?,
                server(ServerKind::Report, report)?,
                server(ServerKind::Quotes, hostile)?,
            ],
            keys: key.into_iter().collect(),
            without,
        };
        self.write("portcullis.toml", &configuration.to_toml())
    }

    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        let path = self.path.join(name);
        let written = match path.parent() {
            Some(parent) => std::fs::create_dir_all(parent),
            None => Ok(()),
        };
        written
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|error| {
                Failure::because(format!("{} cannot be written", path.display()), &error)
            })
    }

    /// Removes a temporary folder; a kept one is named.
    pub(super) fn close(self) -> Result<Option<PathBuf>, Failure> {
        let Self { path, temporary } = self;
        let Some(temporary) = temporary else {
            return Ok(Some(path));
        };
        temporary.close().map_err(|error| {
            Failure::because(format!("{} cannot be removed", path.display()), &error)
        })?;
        Ok(None)
    }
}

/// A folder of somebody's own is never written into.
fn kept(path: &Path) -> Result<PathBuf, Failure> {
    let cannot = |error: std::io::Error| {
        Failure::because(format!("{} cannot be used", path.display()), &error)
    };
    std::fs::create_dir_all(path).map_err(cannot)?;
    if std::fs::read_dir(path).map_err(cannot)?.next().is_some() {
        return Err(
            Failure::wrong_use(format!("{} is not empty", path.display()))
                .help("--keep wants a new or an empty folder"),
        );
    }
    path.canonicalize().map_err(cannot)
}
