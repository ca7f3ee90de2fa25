//! The everything-server, and Portcullis in front of a server.

use std::fs::{self, File};
use std::io::Write;
use std::process::Command;

use super::auth::SignIn;
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
        Self::start_with(place, upstream, None, log)
    }

    /// With what it prints on our standard error, and with a way to sign in at the server.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) fn start_loud(
        place: &Place,
        upstream: &str,
        sign_in: Option<&SignIn>,
    ) -> Result<Self, String> {
        Self::start_with(place, upstream, sign_in, std::io::stderr())
    }

    fn start_with(
        place: &Place,
        upstream: &str,
        sign_in: Option<&SignIn>,
        log: impl Write + Send + 'static,
    ) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| format!("a temporary folder: {error}"))?;
        for (name, text) in [
            ("portcullis.toml", configuration(upstream, sign_in)?),
            ("everything.cedar", POLICY.to_owned()),
            (
                "secret",
                sign_in.map_or_else(String::new, |one| one.secret.clone()),
            ),
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

fn configuration(upstream: &str, sign_in: Option<&SignIn>) -> Result<String, String> {
    // Who signs in comes back to an address that is known before.
    let port = match sign_in {
        Some(_) => free_port()?,
        None => 0,
    };
    let public = sign_in.map_or_else(String::new, |_| {
        format!("public-url = \"http://127.0.0.1:{port}\"")
    });
    let auth = sign_in.map_or("", |one| &one.section);
    Ok(format!(
        r#"
[listen]
address = "127.0.0.1:{port}"
{public}
[authn]
loopback = "local"
[policies]
files = ["everything.cedar"]
[registry]
mode = "trust-on-first-use"
[outbound]
allow = ["localhost"]
[servers.everything]
url = "{upstream}"
{auth}
[profiles.everything]
servers = ["everything"]
path = "/mcp/everything"
sampling = true
roots = true
"#
    ))
}

fn free_port() -> Result<u16, String> {
    std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("a free port: {error}"))
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
