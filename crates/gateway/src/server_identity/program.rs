//! The program of a server that is a child process.
//!
//! Which file is started is settled before, so that what is read here is what is started there. The
//! digest is of that file alone: of a script not its interpreter, of an interpreter not its script.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

/// How often a file that changes while it is read is read again.
const ATTEMPTS: usize = 3;

/// A program as it was at one moment.
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) digest: [u8; 32],
    pub(super) bytes: u64,
    stamp: Stamp,
}

/// Why a program's digest is not known.
pub(super) enum ProgramError {
    /// It is not there, cannot be read, or does not hold still.
    Unreadable(Arc<io::Error>),
    /// The process is about to end.
    Interrupted,
}

/// What a file cannot be changed or replaced without changing.
#[derive(PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
    /// Device, inode, and the time of the last change, which nobody can set.
    #[cfg(unix)]
    inode: (u64, u64, i64, i64),
}

impl Program {
    /// Whether the file is still the one that was read.
    pub(super) fn is_unchanged(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|now| Stamp::of(&now) == self.stamp)
    }
}

/// Reads a program, off the threads that serve.
pub(super) async fn read(path: PathBuf) -> Result<Program, ProgramError> {
    let reading = tokio::task::spawn_blocking(move || read_now(path));
    match reading.await {
        Ok(read) => read.map_err(|error| ProgramError::Unreadable(Arc::new(error))),
        Err(_) => Err(ProgramError::Interrupted),
    }
}

fn read_now(path: PathBuf) -> io::Result<Program> {
    for _ in 0..ATTEMPTS {
        let mut file = std::fs::File::open(&path)?;
        let stamp = Stamp::of(&file.metadata()?);
        let digest = hash(&mut file)?;
        if Stamp::of(&std::fs::metadata(&path)?) == stamp {
            return Ok(Program {
                path,
                digest,
                bytes: stamp.bytes,
                stamp,
            });
        }
    }
    Err(io::Error::other("the program changes while it is read"))
}

fn hash(file: &mut std::fs::File) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            count => hash.update(buffer.get(..count).unwrap_or_default()),
        }
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            inode: {
                use std::os::unix::fs::MetadataExt as _;
                (
                    metadata.dev(),
                    metadata.ino(),
                    metadata.ctime(),
                    metadata.ctime_nsec(),
                )
            },
        }
    }
}

/// The file that `command` means to a process in the folder `cwd` with this `PATH`, as an absolute
/// path: a name with a slash is a path, any other is looked up (POSIX.1-2024, `execvp`).
///
/// # Errors
/// When no folder of `PATH` has such a program.
pub(crate) fn resolve(command: &str, cwd: &Path, search: Option<&OsStr>) -> io::Result<PathBuf> {
    if command.contains(std::path::is_separator) {
        return std::path::absolute(cwd.join(command));
    }
    let search = search.unwrap_or(OsStr::new("/bin:/usr/bin"));
    for folder in std::env::split_paths(search) {
        let candidate = cwd.join(folder).join(command);
        let with_suffix =
            candidate.with_file_name(format!("{command}{}", std::env::consts::EXE_SUFFIX));
        for candidate in [candidate, with_suffix] {
            if is_program(&candidate) {
                return std::path::absolute(candidate);
            }
        }
    }
    Err(io::Error::new(
        io::ErrorKind::NotFound,
        "no folder of PATH has this program",
    ))
}

fn is_program(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && is_executable(&metadata))
}

#[cfg(unix)]
fn is_executable(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_metadata: &Metadata) -> bool {
    true
}
