//! The everything-server, and Portcullis in front of a server.

use std::fs::{self, File};
use std::io::Write;
use std::process::Command;

use super::place::{Place, problem};
use super::process::Running;

/// A running program and where it listens. The suite's check of DNS rebinding needs `localhost`.
#[derive(Debug)]
pub(super) struct Served {
    _process: Running,
    url: String,
}

impl Served {
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

/// Starts the everything-server for the eras. `name` names its log.
///
/// # Errors
/// When it does not start.
pub(super) fn everything(place: &Place, eras: &str, name: &str) -> Result<Served, String> {
    let mut command = Command::new(place.program("portcullis-everything"));
    command.args(["--era", eras]);
    let process = Running::start(command, log(place, &format!("{name}-everything"))?)?;
    let url = localhost(&process.announced("http://")?);
    Ok(Served {
        _process: process,
        url,
    })
}

/// Portcullis with one server, everything permitted and everything trusted: the suite asks what
/// the protocol allows, not what a policy does.
#[derive(Debug)]
pub(super) struct Gateway {
    served: Served,
    _folder: tempfile::TempDir,
}

impl Gateway {
    /// # Errors
    /// When it does not start.
    pub(super) fn start(place: &Place, upstream: &str, name: &str) -> Result<Self, String> {
        let log = log(place, &format!("{name}-portcullis"))?;
        Self::start_with(place, upstream, log)
    }

    /// With what it prints on our standard error.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) fn start_loud(place: &Place, upstream: &str) -> Result<Self, String> {
        Self::start_with(place, upstream, std::io::stderr())
    }

    fn start_with(
        place: &Place,
        upstream: &str,
        log: impl Write + Send + 'static,
    ) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| format!("a temporary folder: {error}"))?;
        for (name, text) in [
            ("portcullis.toml", configuration(upstream)),
            ("everything.cedar", POLICY.to_owned()),
        ] {
            let path = folder.path().join(name);
            fs::write(&path, text).map_err(|error| problem(&path, &error))?;
        }
        let mut command = Command::new(place.program("portcullis"));
        command.arg("serve").current_dir(folder.path());
        for variable in [
            "PORTCULLIS_CONFIG",
            "PORTCULLIS_LOG",
            "PORTCULLIS_LOG_FORMAT",
        ] {
            command.env_remove(variable);
        }
        let process = Running::start(command, log)?;
        let url = format!(
            "{}/mcp/everything",
            localhost(&process.announced("http://")?)
        );
        Ok(Self {
            served: Served {
                _process: process,
                url,
            },
            _folder: folder,
        })
    }

    pub(super) fn url(&self) -> &str {
        self.served.url()
    }
}

const POLICY: &str = "@id(\"conformance\")\npermit (principal, action, resource);\n";

fn configuration(upstream: &str) -> String {
    format!(
        r#"
[listen]
address = "127.0.0.1:0"
[authn]
loopback = "local"
[policies]
files = ["everything.cedar"]
[registry]
mode = "trust-on-first-use"
[servers.everything]
url = "{upstream}"
[profiles.everything]
servers = ["everything"]
path = "/mcp/everything"
sampling = true
roots = true
"#
    )
}

fn localhost(url: &str) -> String {
    url.replacen("//127.0.0.1:", "//localhost:", 1)
}

fn log(place: &Place, name: &str) -> Result<File, String> {
    let path = place.output(&format!("{name}.log"));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| problem(folder, &error))?;
    }
    File::create(&path).map_err(|error| problem(&path, &error))
}
