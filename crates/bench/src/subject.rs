//! What is measured: how it is started, and where it answers.

mod agentgateway;
mod portcullis;

use std::collections::BTreeMap;
use std::path::Path;

use crate::child::{self, Child};
use crate::plan::{Endpoint, TOOLS};
use crate::tokens::{Issuer, Kind, Shown};
use crate::{Outcome, usage};
use portcullis::Setup;

/// The API key that every request shows. It opens nothing but the gateway of this run.
pub(crate) const KEY: &str = "bench-key-that-only-this-run-knows";

/// The names of the subjects that others are compared with.
pub(crate) const DIRECT: &str = "direct";
pub(crate) const PROXY: &str = "bare hyper proxy";
pub(crate) const PORTCULLIS: &str = "portcullis";
pub(crate) const AGENTGATEWAY: &str = "agentgateway";
/// The gateway with an issuer configured, called with a key all the same.
pub(crate) const API_KEY: &str = "API key";

/// Something that answers as an MCP server.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) name: String,
    /// The process that is measured; without it, the server is asked directly.
    process: Option<Child>,
    urls: BTreeMap<Endpoint, String>,
    /// What requests show instead of the key.
    shown: Option<Shown>,
}

impl Subject {
    /// The server itself.
    pub(crate) fn direct(echo: u16) -> Self {
        Self {
            name: DIRECT.to_owned(),
            process: None,
            urls: single_servers(echo),
            shown: None,
        }
    }

    /// The bare proxy in front of the server.
    pub(crate) fn proxy(echo: u16) -> Outcome<Self> {
        let to = format!("127.0.0.1:{echo}");
        let mut process = Child::part(&["proxy".to_owned(), "--to".to_owned(), to])?;
        let port = port(&mut process)?;
        Ok(Self {
            name: PROXY.to_owned(),
            process: Some(process),
            urls: single_servers(port),
            shown: None,
        })
    }

    /// The gateway, with one control switched off or with every control on.
    pub(crate) fn portcullis(
        program: &Path,
        folder: &Path,
        echo: u16,
        off: Option<&str>,
    ) -> Outcome<Self> {
        let name = off.map_or_else(|| PORTCULLIS.to_owned(), |off| format!("without {off}"));
        let setup = Setup { off, keys: None };
        Self::gateway(name, program, folder, echo, &setup)
    }

    /// The gateway with an issuer, called with its tokens or, without a kind, with a key.
    pub(crate) fn called_by(
        program: &Path,
        folder: &Path,
        echo: u16,
        issuer: &Issuer,
        kind: Option<Kind>,
    ) -> Outcome<Self> {
        let name = kind.map_or(API_KEY, Kind::name).to_owned();
        let setup = Setup {
            off: None,
            keys: Some(&issuer.keys_url),
        };
        let mut subject = Self::gateway(name, program, folder, echo, &setup)?;
        subject.shown = kind
            .map(|kind| issuer.token(kind, &path(Endpoint::Modern)))
            .transpose()?;
        Ok(subject)
    }

    fn gateway(
        name: String,
        program: &Path,
        folder: &Path,
        echo: u16,
        setup: &Setup<'_>,
    ) -> Outcome<Self> {
        let port = child::free_port()?;
        let folder = folder.join(name.replace(' ', "-"));
        let mut command = portcullis::command(program, &folder, port, echo, setup)?;
        let process = Child::program(&name, &mut command, port, &folder.join("log"))?;
        let urls = endpoints()
            .map(|endpoint| {
                (
                    endpoint,
                    format!("http://127.0.0.1:{port}{}", path(endpoint)),
                )
            })
            .collect();
        Ok(Self {
            name,
            process: Some(process),
            urls,
            shown: None,
        })
    }

    /// The peer, as it comes.
    pub(crate) fn agentgateway(program: &Path, folder: &Path, echo: u16) -> Outcome<Self> {
        let mut ports = BTreeMap::new();
        for endpoint in endpoints() {
            ports.insert(endpoint, child::free_port()?);
        }
        let folder = folder.join(AGENTGATEWAY);
        let mut command = agentgateway::command(program, &folder, &ports, echo)?;
        let first = ports.values().next().copied().unwrap_or_default();
        let log = folder.join("log");
        let process = Child::program(AGENTGATEWAY, &mut command, first, &log)?;
        let urls = ports
            .into_iter()
            .map(|(endpoint, port)| (endpoint, format!("http://127.0.0.1:{port}/mcp")))
            .collect();
        Ok(Self {
            name: AGENTGATEWAY.to_owned(),
            process: Some(process),
            urls,
            shown: None,
        })
    }

    /// Where this endpoint is; `None` when the subject has none.
    pub(crate) fn url(&self, endpoint: Endpoint) -> Option<&str> {
        self.urls.get(&endpoint).map(String::as_str)
    }

    /// What requests show instead of the key.
    pub(crate) fn shown(&self) -> Option<&Shown> {
        self.shown.as_ref()
    }

    /// CPU seconds that its process used so far.
    pub(crate) fn cpu_seconds(&self) -> Option<f64> {
        usage::cpu_seconds(self.process.as_ref()?.id())
    }

    /// Resident memory of its process in KiB.
    pub(crate) fn resident_kib(&self) -> Option<u64> {
        usage::resident_kib(self.process.as_ref()?.id())
    }
}

/// Starts the MCP server and tells its port.
pub(crate) fn echo() -> Outcome<(Child, u16)> {
    let mut process = Child::part(&["echo".to_owned()])?;
    let port = port(&mut process)?;
    Ok((process, port))
}

fn port(process: &mut Child) -> Outcome<u16> {
    let line = process.line()?;
    line.parse()
        .map_err(|_| format!("{line} is no port number"))
}

/// Every endpoint of a gateway.
fn endpoints() -> impl Iterator<Item = Endpoint> {
    [Endpoint::Modern, Endpoint::Legacy, Endpoint::Five]
        .into_iter()
        .chain(TOOLS.map(Endpoint::Tools))
}

/// The name of an endpoint, where it needs one.
fn name(endpoint: Endpoint) -> String {
    match endpoint {
        Endpoint::Modern => "modern".to_owned(),
        Endpoint::Legacy => "legacy".to_owned(),
        Endpoint::Tools(tools) => format!("tools-{tools}"),
        Endpoint::Five => "five".to_owned(),
    }
}

fn path(endpoint: Endpoint) -> String {
    format!("/mcp/{}", name(endpoint))
}

/// The servers behind an endpoint: name and path at the MCP server.
fn servers(endpoint: Endpoint) -> Vec<(String, String)> {
    let server = |name: String, tools: usize| {
        let path = format!("/{tools}/{name}");
        (name, path)
    };
    match endpoint {
        Endpoint::Modern | Endpoint::Legacy => vec![server(name(endpoint), 10)],
        Endpoint::Tools(tools) => vec![server(name(endpoint), tools)],
        Endpoint::Five => (1..=5).map(|n| server(format!("five-{n}"), 10)).collect(),
    }
}

/// The endpoints with one server, where nothing merges the lists of several.
fn single_servers(port: u16) -> BTreeMap<Endpoint, String> {
    endpoints()
        .filter_map(|endpoint| match servers(endpoint).as_slice() {
            [(_, path)] => Some((endpoint, format!("http://127.0.0.1:{port}{path}"))),
            _ => None,
        })
        .collect()
}

fn write(path: &Path, text: &str) -> Outcome {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, text))
        .map_err(|error| format!("{}: {error}", path.display()))
}
