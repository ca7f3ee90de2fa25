//! The built binary as a person or a host starts it, with an environment of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// How long a test waits for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// The output of a command that must end well.
    #[track_caller]
    pub(crate) fn fine(self) -> String {
        assert_eq!(self.code, 0, "{}\n{}", self.stdout, self.stderr);
        self.stdout
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }
}

/// `program` with nothing of this process's environment but what finds programs.
pub(crate) fn scrubbed(program: impl AsRef<std::ffi::OsStr>, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("LANG", "C.UTF-8")
        .env("USER", "tester")
        .current_dir(home);
    command
}

/// Where the binary is.
pub(crate) fn path() -> &'static str {
    env!("CARGO_BIN_EXE_portcullis")
}

/// The binary in `home`, which is also the current folder.
pub(crate) fn portcullis(home: &Path, arguments: &[&str]) -> Command {
    let mut command = scrubbed(path(), home);
    command.args(arguments);
    command
}

/// Runs a command to its end.
pub(crate) fn finish(mut command: Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap();
    Output {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs the binary to its end.
pub(crate) fn run(home: &Path, arguments: &[&str]) -> Output {
    finish(portcullis(home, arguments))
}

/// A process that goes on until it is told to end. Dropping it ends it.
pub(crate) struct Running {
    pub(crate) child: Child,
    said: Arc<(Mutex<Vec<String>>, Condvar)>,
}

impl Running {
    /// Starts a command; standard input and output stay as the caller set them.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let heard = Arc::clone(&said);
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                heard.0.lock().unwrap().push(line);
                heard.1.notify_all();
            }
        });
        Self { child, said }
    }

    /// The first thing that `wanted` finds in a line of standard error, now or later.
    #[track_caller]
    pub(crate) fn hears<T>(&self, what: &str, wanted: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = self.said.0.lock().unwrap();
        loop {
            if let Some(found) = lines.iter().find_map(|line| wanted(line)) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "no {what} on standard error:\n{}",
                lines.join("\n")
            );
            lines = self.said.1.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// Everything on standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.said.0.lock().unwrap().join("\n")
    }

    /// The address that `serve` says it listens on.
    #[track_caller]
    pub(crate) fn address(&self) -> String {
        self.hears("address", |line| {
            line.split_once("listens on http://")
                .map(|(_, address)| address.trim().to_owned())
        })
    }

    /// Asks the process to end, and waits until it has. The exit code, if it ended by itself.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        let _gone_already = kill_process(pid(&self.child), Signal::TERM);
        eventually("the process ends", || self.child.try_wait().unwrap()).code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return;
        }
        let _gone_already = kill_process(pid(&self.child), Signal::TERM);
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _killed = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// Whether a process of this id is there.
pub(crate) fn is_alive(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid).is_ok())
}

/// Looks again and again until something is there.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "it never came to this: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
