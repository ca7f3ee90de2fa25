//! Processes that are measured, or that measure. None of them outlives the bench.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{self, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use crate::{Outcome, say};

/// How long a process may take until it listens.
const START: Duration = Duration::from_secs(20);

/// A running process. It is killed when this value is dropped.
#[derive(Debug)]
pub(crate) struct Child {
    name: String,
    process: process::Child,
    input: Option<ChildStdin>,
    output: Option<BufReader<ChildStdout>>,
}

impl Child {
    /// Starts a part of this very program. Such a part ends by itself when its input ends, so also
    /// when the bench is killed.
    pub(crate) fn part(arguments: &[String]) -> Outcome<Self> {
        let name = arguments.first().cloned().unwrap_or_default();
        let program = std::env::current_exe()
            .map_err(|error| format!("this program cannot be found: {error}"))?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        Self::start(name, &mut command)
    }

    /// Starts another program, its output in the file `log`, and waits until `port` answers.
    pub(crate) fn program(
        name: &str,
        command: &mut Command,
        port: u16,
        log: &Path,
    ) -> Outcome<Self> {
        let failed = |error| format!("{}: {error}", log.display());
        let output = File::create(log).map_err(failed)?;
        let errors = output.try_clone().map_err(failed)?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let mut child = Self::start(name.to_owned(), command)?;
        child.wait_for(port, log)?;
        Ok(child)
    }

    fn start(name: String, command: &mut Command) -> Outcome<Self> {
        let mut process = command
            .spawn()
            .map_err(|error| format!("{name} cannot be started: {error}"))?;
        let input = process.stdin.take();
        let output = process.stdout.take().map(BufReader::new);
        Ok(Self {
            name,
            process,
            input,
            output,
        })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        let read = self
            .output
            .as_mut()
            .map(|output| output.read_line(&mut line));
        match read {
            Some(Ok(read)) if read > 0 => Ok(line.trim_end().to_owned()),
            _ => Err(format!("{} ended early; what it said is above", self.name)),
        }
    }

    /// Tells it to go on.
    pub(crate) fn go(&mut self) -> Outcome {
        let told = self.input.as_mut().map(|input| input.write_all(b"go\n"));
        match told {
            Some(Ok(())) => Ok(()),
            _ => Err(format!("{} does not listen any more", self.name)),
        }
    }

    fn wait_for(&mut self, port: u16, log: &Path) -> Outcome {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let started = Instant::now();
        loop {
            if TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok() {
                return Ok(());
            }
            let ended = self.process.try_wait().ok().flatten();
            if ended.is_some() || started.elapsed() > START {
                let said = std::fs::read_to_string(log).unwrap_or_default();
                let state = ended.map_or("does not listen".to_owned(), |status| status.to_string());
                return Err(format!("{}: {state}\n{}", self.name, said.trim_end()));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Outcome<u16> {
    StdListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free port: {error}"))
}

/// Serves on a free port, prints it, and returns when standard input ends.
pub(crate) async fn serve_until_orphaned<F: Future<Output = ()>>(
    serve: impl FnOnce(TcpListener) -> F,
) -> Outcome {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(|error| format!("no socket: {error}"))?;
    let address = listener
        .local_addr()
        .map_err(|error| format!("no address: {error}"))?;
    say(&address.port().to_string());
    tokio::select! {
        () = serve(listener) => {}
        () = orphaned() => {}
    }
    Ok(())
}

/// Resolves at the end of standard input.
async fn orphaned() {
    let mut input = tokio::io::stdin();
    let mut buffer = [0; 64];
    while matches!(input.read(&mut buffer).await, Ok(read) if read > 0) {}
}

/// Where a program of this name lies beside this one.
pub(crate) fn sibling(name: &str) -> Outcome<PathBuf> {
    let here = std::env::current_exe()
        .map_err(|error| format!("this program cannot be found: {error}"))?;
    let path = here.with_file_name(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(format!("{} is not built", path.display()))
}
