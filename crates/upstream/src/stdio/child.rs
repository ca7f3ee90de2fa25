//! Starting a child process, watching it, and ending it without leaving anything behind.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::Command;
use super::group::ProcessGroup;
use super::pending::Pending;
use crate::UpstreamError;
use crate::peer::Peer;

/// How long a child may take to end after its input closed, and again after SIGTERM.
const GRACE: Duration = Duration::from_secs(2);
/// How long output that a dead child left in the pipe is still read. A grandchild may hold the
/// pipe open, so there is no waiting for its end.
const DRAIN: Duration = Duration::from_millis(500);
/// What a child inherits, besides `LC_*`. Everything else of the gateway's environment, its own
/// secrets first of all, stays here.
const INHERITED: &[&str] = &[
    "PATH",
    "HOME",
    "LANG",
    "TMPDIR",
    "USER",
    "SystemRoot",
    "SystemDrive",
    "TEMP",
    "TMP",
    "PATHEXT",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
];

/// A child that just started.
pub(crate) struct Started {
    pub(crate) child: Child,
    pub(crate) group: ProcessGroup,
    pub(crate) stdin: ChildStdin,
    pub(crate) stdout: ChildStdout,
    pub(crate) stderr: ChildStderr,
}

/// Whether and how the child is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stop {
    No,
    /// Close its input, wait, SIGTERM, wait, SIGKILL.
    Orderly,
    /// SIGKILL at once.
    Kill,
}

impl Stop {
    /// Asks; a stronger demand replaces a weaker one.
    pub(crate) fn ask(self, stop: &watch::Sender<Self>) {
        stop.send_if_modified(|current| {
            let stronger = self > *current;
            if stronger {
                *current = self;
            }
            stronger
        });
    }
}

/// The tasks that read the child's pipes.
pub(crate) struct Tasks {
    pub(crate) reader: JoinHandle<()>,
    pub(crate) stderr: JoinHandle<()>,
}

/// Starts the child in its own process group, with a small environment.
pub(crate) fn start(command: &Command<'_>) -> Result<Started, UpstreamError> {
    let failed = |error| UpstreamError::Spawn(Arc::new(error));
    let mut builder = tokio::process::Command::new(command.program);
    builder
        .args(command.args)
        .env_clear()
        .envs(std::env::vars_os().filter(|(key, _)| key.to_str().is_some_and(is_inherited)))
        .envs(
            command
                .env
                .iter()
                .map(|(key, value)| (key, value.expose_secret())),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    #[cfg(unix)]
    builder.process_group(0);
    if let Some(cwd) = command.cwd {
        builder.current_dir(cwd);
    }
    let mut child = builder.spawn().map_err(failed)?;
    let group = ProcessGroup::led_by(child.id());
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(failed(io::Error::other("no pipe to the child")));
    };
    Ok(Started {
        child,
        group,
        stdin,
        stdout,
        stderr,
    })
}

/// Watches one child to its end, then fails what still waits for it.
pub(crate) async fn supervise(
    mut child: Child,
    group: ProcessGroup,
    mut tasks: Tasks,
    stop: watch::Sender<Stop>,
    peer: Arc<Peer>,
    pending: Arc<Pending>,
) {
    let mut asked = stop.subscribe();
    let mut read_to_end = false;
    let status = tokio::select! {
        status = child.wait() => status.ok(),
        how = stop_asked(&mut asked) => {
            if how == Stop::Orderly {
                pending.close(UpstreamError::Closed);
            }
            wind_down(&mut child, &group, how).await
        }
        _ = &mut tasks.reader => {
            // The reader ends when the output closed or when it asks for a kill.
            read_to_end = true;
            Stop::Orderly.ask(&stop);
            let how = *stop.borrow();
            wind_down(&mut child, &group, how).await
        }
    };
    // The child may have answered just before it ended, so its output is read first.
    if !read_to_end && timeout(DRAIN, &mut tasks.reader).await.is_err() {
        tasks.reader.abort();
    }
    // What the child started must not outlive it. The leader is reaped by now; the group's
    // number stays taken as long as a member lives.
    drop(group);
    let died = UpstreamError::Died { status };
    pending.close(died.clone());
    peer.lifeline.end(pending.closed().unwrap_or(died));
    if timeout(DRAIN, &mut tasks.stderr).await.is_err() {
        tasks.stderr.abort();
    }
}

/// Completes when the child is to end.
async fn stop_asked(asked: &mut watch::Receiver<Stop>) -> Stop {
    asked
        .wait_for(|stop| *stop != Stop::No)
        .await
        .map_or(Stop::Orderly, |stop| *stop)
}

/// Ends the child. In the orderly way its input closes by itself: the writer watches for it.
async fn wind_down(child: &mut Child, group: &ProcessGroup, stop: Stop) -> Option<ExitStatus> {
    if stop == Stop::Orderly {
        if let Ok(status) = timeout(GRACE, child.wait()).await {
            return status.ok();
        }
        group.terminate();
        if let Ok(status) = timeout(GRACE, child.wait()).await {
            return status.ok();
        }
    }
    group.kill();
    // Where there are no process groups this at least ends the leader.
    let _ = child.start_kill();
    child.wait().await.ok()
}

fn is_inherited(key: &str) -> bool {
    INHERITED.contains(&key) || key.starts_with("LC_")
}
