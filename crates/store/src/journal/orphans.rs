//! Journals of processes that are no more.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{PREFIX, format};
use crate::{AuditFilter, AuditRecord, AuditStore, StoreError};

/// How many records go to the database in one transaction.
const BATCH: usize = 1_000;

/// Puts into `store` what journals beside `database` hold that nobody has open, in order, and
/// removes them. Says how many records they held; those the store had already are passed over.
///
/// # Errors
/// [`StoreError::JournalDamaged`], before anything was taken from any of them;
/// [`StoreError::Journal`] if one cannot be read; else the store's own. What was not taken over
/// stays for the next try.
pub async fn recover(database: &Path, store: &dyn AuditStore) -> Result<usize, StoreError> {
    let mut orphans = Vec::new();
    for path in candidates(database)? {
        orphans.extend(Orphan::take(path)?);
    }
    // A process writes its two files in turns.
    orphans.sort_by(|one, other| one.order().cmp(&other.order()));
    let mut taken = 0;
    for orphan in orphans {
        for batch in orphan.records.chunks(BATCH) {
            store_once(store, batch).await?;
        }
        fs::remove_file(&orphan.path)
            .or_else(absent_is_fine)
            .map_err(|source| failed(&orphan.path, source))?;
        taken += orphan.records.len();
    }
    if taken > 0 {
        tracing::warn!(
            records = taken,
            "took over audit records that a process left in its journal when it was stopped"
        );
    }
    Ok(taken)
}

/// Whether a process has left a journal beside `database`.
pub(crate) fn is_there_any(database: &Path) -> bool {
    let found = candidates(database).unwrap_or_default();
    found
        .iter()
        .any(|path| lock(path).is_ok_and(|file| file.is_some()))
}

struct Orphan {
    path: PathBuf,
    /// Holds the lock until the records are taken over.
    _file: File,
    first: Option<u64>,
    records: Vec<AuditRecord>,
}

impl Orphan {
    /// Locks and reads the file; `None` if it belongs to a living process, or is gone.
    fn take(path: PathBuf) -> Result<Option<Self>, StoreError> {
        match read(&path) {
            Ok(None) => Ok(None),
            Ok(Some((file, bytes))) => {
                let groups =
                    format::read(&bytes).map_err(|damaged| StoreError::JournalDamaged {
                        path: path.clone(),
                        offset: damaged.offset as u64,
                    })?;
                Ok(Some(Self {
                    path,
                    _file: file,
                    first: groups.first().map(|group| group.number),
                    records: groups.into_iter().flat_map(|group| group.records).collect(),
                }))
            }
            Err(source) => Err(failed(&path, source)),
        }
    }

    /// By process, then in the order of its groups. The names begin with the time.
    fn order(&self) -> (&str, Option<u64>) {
        let name = self.path.to_str().unwrap_or_default();
        let process = name.rsplit_once('-').map_or(name, |(process, _)| process);
        (process, self.first)
    }
}

fn read(path: &Path) -> io::Result<Option<(File, Vec<u8>)>> {
    let Some(mut file) = lock(path)? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Some((file, bytes)))
}

/// Opens and locks the file, unless a living process has it, or it is gone.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn candidates(database: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let folder = match database.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut prefix = database.file_name().unwrap_or_default().to_owned();
    prefix.push(PREFIX);
    let list = || -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for file in fs::read_dir(folder)? {
            let file = file?;
            let name = file.file_name();
            if name
                .as_encoded_bytes()
                .starts_with(prefix.as_encoded_bytes())
            {
                found.push(file.path());
            }
        }
        Ok(found)
    };
    list().map_err(|source| failed(folder, source))
}

/// Appends those of `batch` that the store does not have.
async fn store_once(store: &dyn AuditStore, batch: &[AuditRecord]) -> Result<(), StoreError> {
    let mut missing = Vec::with_capacity(batch.len());
    for record in batch {
        // A beginning that is there already is passed over by the store itself.
        if let AuditRecord::Closed(closed) = record {
            let filter = AuditFilter {
                entry: Some(closed.entry.clone()),
                limit: 1,
                ..AuditFilter::default()
            };
            let stored = store.entries(&filter).await?;
            if stored.first().and_then(|entry| entry.closed.as_ref()) == Some(closed) {
                continue;
            }
        }
        missing.push(record.clone());
    }
    let mut dropped: HashSet<String> = HashSet::new();
    while let Err(error) = store.append(&missing).await {
        // No repetition makes these fit, and they must not keep the others out.
        let (StoreError::UnknownEntry { entry } | StoreError::DuplicateEntry { entry }) = error
        else {
            return Err(error);
        };
        tracing::error!(
            entry,
            "an audit record contradicts the trail and is dropped"
        );
        if !dropped.insert(entry.clone()) {
            return Err(StoreError::UnknownEntry { entry });
        }
        missing.retain(|record| record.entry() != entry);
    }
    Ok(())
}

fn absent_is_fine(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound {
        Ok(())
    } else {
        Err(error)
    }
}

fn failed(path: &Path, source: io::Error) -> StoreError {
    StoreError::Journal {
        path: path.to_owned(),
        source: Box::new(source),
    }
}
