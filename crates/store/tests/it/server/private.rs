//! A server that exists for as long as tests use it.
//!
//! Three files say who does what, by the locks on them. `starting`: somebody looks whether there
//! is a server, starts it or stops it. `keeper`: the process that has the server as its child.
//! `users`: shared by every process that uses the server.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};
use std::{env, io};

/// Where the keeper finds the folder. Unset, this is an ordinary test run.
const KEEPER: &str = "PORTCULLIS_TEST_POSTGRES_KEEPER";
const USER: &str = "portcullis";
const SOCKET: &str = ".s.PGSQL.5432";
/// How long a server without users is kept.
const KEPT: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(120);

/// The URL of the private server, started if need be; `None` without the programs.
pub(super) fn server() -> Option<String> {
    static USING: OnceLock<File> = OnceLock::new();
    programs()?;
    let place = Place::make();
    let starting = place.lock_file("starting");
    starting.lock().unwrap();
    let users = place.lock_file("users");
    users.lock_shared().unwrap();
    if place.lock_file("keeper").try_lock().is_ok() {
        place.start();
    }
    USING.set(users).unwrap();
    let socket = place.data();
    let socket: String = url::form_urlencoded::byte_serialize(socket.as_bytes()).collect();
    Some(format!("postgres:///postgres?host={socket}&user={USER}"))
}

/// The keeper's life.
#[test]
fn keeps_the_server() {
    let Some(folder) = env::var_os(KEEPER) else {
        return;
    };
    let place = Place(PathBuf::from(folder));
    let keeper = place.lock_file("keeper");
    keeper.lock().unwrap();
    let mut server = place.begin();
    let mut used = Instant::now();
    while server.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(500));
        let users = place.lock_file("users");
        if users.try_lock().is_err() {
            used = Instant::now();
        } else if used.elapsed() > KEPT {
            users.unlock().unwrap();
            let starting = place.lock_file("starting");
            starting.lock().unwrap();
            if users.try_lock().is_ok() {
                place.stop();
                server.wait().unwrap();
                return;
            }
        }
    }
}

struct Place(PathBuf);

impl Place {
    fn make() -> Self {
        let me = tempfile::tempfile().unwrap().metadata().unwrap().uid();
        let folder = env::temp_dir().join(format!("portcullis-test-postgres-{me}"));
        // The server refuses to be root, so that another user has to reach its own folder inside.
        let mode = if me == 0 { 0o755 } else { 0o700 };
        let made = fs::DirBuilder::new().mode(mode).create(&folder);
        if let Err(error) = made {
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "{error}");
        }
        let owner = fs::symlink_metadata(&folder).unwrap();
        assert!(owner.is_dir() && owner.uid() == me, "{}", folder.display());
        Self(folder)
    }

    fn lock_file(&self, name: &str) -> File {
        File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.0.join(name))
            .unwrap()
    }

    fn data(&self) -> String {
        self.0.join("data").to_str().unwrap().to_owned()
    }

    /// Starts a keeper and waits for its server.
    #[expect(
        clippy::zombie_processes,
        reason = "the keeper outlives the process that starts it"
    )]
    fn start(&self) {
        let mut keeper = Command::new(env::current_exe().unwrap())
            .args(["--exact", "server::private::keeps_the_server"])
            .env(KEEPER, &self.0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while !self.is_ready() {
            let ended = keeper.try_wait().unwrap();
            assert!(
                ended.is_none() && begun.elapsed() < PATIENCE,
                "the Postgres server does not start:\n{}",
                self.log()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether the server takes connections: it writes so into its file when it does.
    fn is_ready(&self) -> bool {
        let file = Path::new(&self.data()).join("postmaster.pid");
        let says = fs::read_to_string(file).unwrap_or_default();
        says.lines()
            .nth(7)
            .is_some_and(|line| line.trim() == "ready")
            && UnixStream::connect(Path::new(&self.data()).join(SOCKET)).is_ok()
    }

    /// Makes a new cluster and starts its server as a child.
    fn begin(&self) -> Child {
        let data = self.data();
        if Path::new(&data).join("postmaster.pid").exists() {
            self.stop();
        }
        let _none = fs::remove_dir_all(&data);
        fs::create_dir(&data).unwrap();
        fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
        if let Some((user, group)) = unprivileged() {
            std::os::unix::fs::chown(&data, Some(user), Some(group)).unwrap();
        }
        let log = File::create(self.0.join("log")).unwrap();
        let made = self
            .command("initdb")
            .args([
                "--auth=trust",
                "--encoding=UTF8",
                "--no-sync",
                "--username",
                USER,
            ])
            .args(["-D", &data])
            .stdout(log.try_clone().unwrap())
            .stderr(log.try_clone().unwrap())
            .status()
            .unwrap();
        assert!(made.success());
        self.command("postgres")
            .args(["-D", &data, "-k", &data])
            .args(["-c", "listen_addresses=", "-c", "max_connections=300"])
            .args(["-c", "fsync=off", "-c", "full_page_writes=off"])
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    fn stop(&self) {
        let _gone_already = self
            .command("pg_ctl")
            .args(["stop", "-m", "immediate", "-w", "-D", &self.data()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let _none = fs::remove_dir_all(self.data());
    }

    /// A program of Postgres, run by somebody who is not root.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(programs().unwrap().join(name));
        command.current_dir(&self.0).stdin(Stdio::null());
        if let Some((user, group)) = unprivileged() {
            command.uid(user).gid(group);
        }
        command
    }

    fn log(&self) -> String {
        let mut end = String::new();
        if let Ok(mut log) = File::open(self.0.join("log")) {
            let length = log.metadata().map_or(0, |log| log.len());
            let _from = log.seek(SeekFrom::Start(length.saturating_sub(2_000)));
            let _read = log.read_to_string(&mut end);
        }
        end
    }
}

/// The folder of Postgres's programs: where `PATH` has them, or the newest of Debian's.
fn programs() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut debian: Vec<PathBuf> = debian
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .collect();
    debian.sort_by_key(|folder| {
        let version = folder.parent().and_then(Path::file_name)?;
        version.to_str()?.parse::<u32>().ok()
    });
    env::split_paths(&path)
        .chain(debian.into_iter().rev())
        .find(|folder| {
            ["initdb", "pg_ctl", "postgres"]
                .iter()
                .all(|program| folder.join(program).is_file())
        })
}

/// Another user and group for root, whom the server refuses.
fn unprivileged() -> Option<(u32, u32)> {
    let me = tempfile::tempfile().unwrap().metadata().unwrap().uid();
    if me != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let found = ["postgres", "nobody"].iter().find_map(|wanted| {
        let line = users
            .lines()
            .find(|line| line.split(':').next() == Some(wanted))?;
        let mut fields = line.split(':').skip(2).map(str::parse);
        Some((fields.next()?.ok()?, fields.next()?.ok()?))
    });
    Some(found.expect("a user other than root"))
}
