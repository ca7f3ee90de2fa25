//! The gateway of a soak, its configuration, and the servers that it does not start itself.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// The servers on pipes and over HTTP, by name; each has a profile of its own name. Their eras take turns.
pub(crate) const PIPES: [&str; 6] = ["pipe-1", "pipe-2", "pipe-3", "pipe-4", "pipe-5", "pipe-6"];
pub(crate) const WEBS: [&str; 4] = ["web-1", "web-2", "web-3", "web-4"];

const PATIENCE: Duration = Duration::from_secs(60);

/// Everything that runs.
pub(crate) struct Place {
    folder: TempDir,
    program: PathBuf,
    gateway: Child,
    address: String,
    webs: Vec<Web>,
}

struct Web {
    port: u16,
    process: Option<Child>,
}

impl Place {
    /// Starts the servers and the gateway in a new folder.
    pub(crate) fn start(program: &Path) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| format!("no folder: {error}"))?;
        let mut webs = Vec::new();
        for _ in WEBS {
            let port = free_port()?;
            let process = Some(web(program, port)?);
            webs.push(Web { port, process });
        }
        let written = fs::write(
            folder.path().join("portcullis.toml"),
            configuration(program, &webs),
        )
        .and_then(|()| fs::create_dir(folder.path().join("policies")))
        .and_then(|()| {
            fs::write(
                folder.path().join("policies/everything.cedar"),
                "@id(\"everything\")\npermit (principal, action, resource);\n",
            )
        });
        written.map_err(|error| format!("the configuration cannot be written: {error}"))?;
        let mut gateway = Command::new(program)
            .arg("serve")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the gateway cannot be started: {error}"))?;
        let address = listening(&mut gateway)?;
        Ok(Self {
            folder,
            program: program.to_owned(),
            gateway,
            address,
            webs,
        })
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The gateway's process id.
    pub(crate) fn gateway(&self) -> u32 {
        self.gateway.id()
    }

    /// A command of the program on this place.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.folder.path());
        command
    }

    /// Kills a server that is reached over HTTP, or starts it again if it is gone.
    pub(crate) fn toggle(&mut self, number: usize) -> Result<bool, String> {
        let Some(web_server) = self.webs.get_mut(number) else {
            return Ok(false);
        };
        if let Some(mut process) = web_server.process.take() {
            end(&mut process);
            return Ok(true);
        }
        web_server.process = Some(web(&self.program, web_server.port)?);
        Ok(false)
    }

    /// Starts whatever is gone.
    pub(crate) fn revive(&mut self) -> Result<(), String> {
        for web_server in &mut self.webs {
            if web_server.process.is_none() {
                web_server.process = Some(web(&self.program, web_server.port)?);
            }
        }
        Ok(())
    }

    /// Ends the gateway in an orderly way.
    pub(crate) fn stop(mut self) -> Result<(), String> {
        let id = self.gateway.id();
        let servers = super::figures::children(id);
        super::upheaval::signal("TERM", id)?;
        let status = self.gateway.wait().map_err(|error| error.to_string())?;
        if !status.success() {
            return Err(format!("the gateway ended with {status}"));
        }
        let left = servers
            .iter()
            .filter(|id| Path::new(&format!("/proc/{id}")).exists())
            .count();
        if left > 0 {
            return Err(format!("{left} server processes outlived the gateway"));
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        end(&mut self.gateway);
        for process in self.webs.iter_mut().filter_map(|web| web.process.as_mut()) {
            end(process);
        }
    }
}

fn end(process: &mut Child) {
    // It may have ended by itself.
    let _gone = process.kill();
    let _reaped = process.wait();
}

fn free_port() -> Result<u16, String> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free port: {error}"))
}

fn web(program: &Path, port: u16) -> Result<Child, String> {
    Command::new(program)
        .args(["lab", "hostile"])
        .env("LAB_LISTEN", format!("127.0.0.1:{port}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("a server cannot be started: {error}"))
}

/// The address that the gateway says it listens on. Its log is read to the end, so that it never waits for a reader.
fn listening(gateway: &mut Child) -> Result<String, String> {
    let stderr = gateway.stderr.take().ok_or("the gateway has no log")?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if let Some((_, address)) = line.split_once("listens on http://") {
                // Nobody asks for it twice.
                let _unheard = sender.send(address.trim().to_owned());
            }
        }
    });
    receiver
        .recv_timeout(PATIENCE)
        .map_err(|_| "the gateway does not listen".to_owned())
}

fn configuration(program: &Path, webs: &[Web]) -> String {
    let mut text = "[listen]\naddress = \"127.0.0.1:0\"\n[authn]\nloopback = \"local\"\n\
                    [registry]\nmode = \"trust-on-first-use\"\n"
        .to_owned();
    let pipes = PIPES.iter().map(|name| {
        let reached = format!(
            "command = {:?}\nargs = [\"lab\", \"hostile\"]",
            program.to_string_lossy()
        );
        (name, reached)
    });
    let webs = WEBS
        .iter()
        .zip(webs)
        .map(|(name, web)| (name, format!("url = \"http://127.0.0.1:{}/mcp\"", web.port)));
    for (number, (name, reached)) in pipes.chain(webs).enumerate() {
        let era = if number.is_multiple_of(2) {
            "legacy"
        } else {
            "modern"
        };
        text.push_str(&format!(
            "[servers.{name}]\n{reached}\nera = \"{era}\"\nrequest-timeout = \"10s\"\n\
             [profiles.{name}]\nservers = [\"{name}\"]\n"
        ));
    }
    text
}
