//! One file of a journal, as its writer sees it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::format::{self, FILE_HEADER};
use crate::StoreError;

/// The file grows by so many zeros at a time. A write into what is there already changes data
/// only, and costs `fdatasync` about half of what a write that changes the file's size does.
const STEP: u64 = 1 << 20;
/// A file that a burst made larger than this is cut when it is used again.
const KEPT: u64 = 8 << 20;
/// How often creation is tried: another process may take the new file for one left behind.
const ATTEMPTS: usize = 5;

#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    /// Locked for as long as it is open.
    file: File,
    /// Where the next frame goes.
    end: u64,
    /// How far the file reaches.
    size: u64,
    /// The number of the last group that the database does not have yet.
    last: Option<u64>,
    /// A write failed, so nobody knows what the file holds behind `end`, or whether the disk
    /// has it. It takes nothing more until it begins anew.
    spoiled: bool,
}

impl Segment {
    /// Creates the file, mode 0600, and locks it.
    pub(super) fn create(path: PathBuf, base: u64) -> Result<Self, StoreError> {
        let file = create_locked(&path).map_err(|source| failed(&path, source))?;
        let mut segment = Self {
            path,
            file,
            end: 0,
            size: 0,
            last: None,
            spoiled: true,
        };
        segment.begin(base).inspect_err(|_| {
            // It holds nothing, so nobody will miss it; if it stays, the next process removes it.
            let _left = fs::remove_file(&segment.path);
        })?;
        Ok(segment)
    }

    /// Forgets what the file holds and makes it ready for groups from `base` on.
    pub(super) fn begin(&mut self, base: u64) -> Result<(), StoreError> {
        let begun = self.write_header(base);
        self.spoiled = begun.is_err();
        self.last = None;
        self.end = FILE_HEADER as u64;
        begun.map_err(|source| failed(&self.path, source))
    }

    /// Writes a frame and waits for the disk.
    pub(super) fn append(&mut self, number: u64, frame: &[u8]) -> Result<(), StoreError> {
        if let Err(source) = self.write(frame) {
            self.spoiled = true;
            return Err(failed(&self.path, source));
        }
        self.end += frame.len() as u64;
        self.last = Some(number);
        Ok(())
    }

    pub(super) fn moved(&mut self, number: u64) {
        self.last = self.last.filter(|last| *last > number);
    }

    /// Whether the database has all that the file holds.
    pub(super) fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    pub(super) fn is_spoiled(&self) -> bool {
        self.spoiled
    }

    pub(super) fn length(&self) -> u64 {
        self.end
    }

    pub(super) fn failed(&self, source: io::Error) -> StoreError {
        failed(&self.path, source)
    }

    /// Removes the file and gives up the lock.
    pub(super) fn remove(self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(file = %self.path.display(), %error, "an empty audit journal stays");
        }
    }

    fn write_header(&mut self, base: u64) -> io::Result<()> {
        if self.size > KEPT {
            self.file.set_len(STEP)?;
            self.size = STEP;
        }
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&format::file_header(base))?;
        self.size = self.size.max(FILE_HEADER as u64);
        // Before the first frame: behind an old header the new frames would look like damage.
        self.file.sync_data()
    }

    fn write(&mut self, frame: &[u8]) -> io::Result<()> {
        let end = self.end + frame.len() as u64;
        if end > self.size {
            let size = end.next_multiple_of(STEP);
            self.file.seek(SeekFrom::Start(self.size))?;
            let zeros = [0; 1 << 14];
            let mut missing = size - self.size;
            while missing > 0 {
                let some = missing.min(zeros.len() as u64);
                let some = self
                    .file
                    .write(zeros.get(..some as usize).unwrap_or(&zeros))?;
                if some == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                missing -= some as u64;
            }
            self.size = size;
        }
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(frame)?;
        self.file.sync_data()
    }
}

/// Creates and locks a file that no other process has taken away in between.
fn create_locked(path: &Path) -> io::Result<File> {
    for _ in 0..ATTEMPTS {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        file.lock()?;
        // Its name is used once, so a file of that name is this one.
        if path.try_exists()? {
            sync_folder(path)?;
            return Ok(file);
        }
    }
    Err(io::Error::other("other processes keep removing it"))
}

/// Makes the file's name durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

fn failed(path: &Path, source: io::Error) -> StoreError {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::Journal {
            path: path.to_owned(),
            source: Box::new(source),
        },
    }
}

#[cfg(test)]
impl Segment {
    pub(super) fn replace_file(&mut self, file: File) -> File {
        std::mem::replace(&mut self.file, file)
    }
}
