//! A journal in front of an [`AuditStore`]: what makes records durable before the database has
//! them.
//!
//! A database takes a record at the price of a transaction; an append to a file costs one write
//! and one `fdatasync`. So records become durable here, and reach the database later, many to a
//! transaction. The file is not a second trail: it holds what is on its way, no longer.
//!
//! Every process has a journal of its own: two files beside the database, locked for as long as
//! it lives, one taking records while the other's are on their way. What a process that was
//! killed leaves behind is taken over by the next one that opens the database ([`recover`]).
//!
//! [`AuditStore`]: crate::AuditStore

mod format;
mod orphans;
mod segment;

use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::{AuditRecord, StoreError};

pub(crate) use orphans::is_there_any;
pub use orphans::recover;
use segment::Segment;

/// Past this size the other file takes over, as soon as it is free.
const TURN: u64 = 1 << 20;

/// This process's journal. It blocks: it belongs on a thread of its own.
#[derive(Debug)]
pub struct Journal {
    database: PathBuf,
    files: Option<Files>,
    next: u64,
    frame: Vec<u8>,
}

#[derive(Debug)]
struct Files {
    active: Segment,
    spare: Segment,
}

impl Journal {
    /// A journal for the database at `database`. Its files are made when they are needed.
    pub fn new(database: &Path) -> Self {
        Self {
            database: database.to_owned(),
            files: None,
            next: 0,
            frame: Vec::new(),
        }
    }

    /// Appends `records` as one group, all of them or none. They are durable when this returns.
    /// Groups have ascending numbers; this is the group's.
    ///
    /// # Errors
    /// [`StoreError::Full`] and [`StoreError::Journal`]. The journal can be used again; until
    /// the disk takes records, every append fails.
    pub fn append<'r>(
        &mut self,
        records: impl IntoIterator<Item = &'r AuditRecord>,
    ) -> Result<u64, StoreError> {
        let number = self.next;
        let files = match &mut self.files {
            Some(files) => files,
            none => none.insert(Files::create(&self.database, number)?),
        };
        let active = files.ready(number)?;
        format::write_frame(&mut self.frame, number, records)
            .map_err(|source| active.failed(source))?;
        // A number is used once, even by a group that failed: what that one left on the disk
        // can then never be taken for a later one.
        self.next += 1;
        active.append(number, &self.frame)?;
        // One huge group must not be paid for by every later one.
        if self.frame.len() as u64 > TURN {
            self.frame = Vec::new();
        }
        Ok(number)
    }

    /// Notes that the database has every group up to `number`, which makes room here.
    pub fn moved(&mut self, number: u64) {
        if let Some(files) = &mut self.files {
            files.active.moved(number);
            files.spare.moved(number);
        }
    }

    /// Removes the files, if the database has all that they hold. Else they stay, if need be
    /// for the next process to take over.
    pub fn rest(&mut self) {
        let idle = |files: &mut Files| files.active.is_empty() && files.spare.is_empty();
        if let Some(files) = self.files.take_if(idle) {
            files.active.remove();
            files.spare.remove();
        }
    }
}

impl Files {
    fn create(database: &Path, base: u64) -> Result<Self, StoreError> {
        let stem = Uuid::now_v7().simple().to_string();
        Ok(Self {
            active: Segment::create(named(database, &format!("{stem}-a")), base)?,
            spare: Segment::create(named(database, &format!("{stem}-b")), base)?,
        })
    }

    /// The file that takes the group `number`.
    fn ready(&mut self, number: u64) -> Result<&mut Segment, StoreError> {
        let wanted = self.active.is_spoiled() || self.active.length() > TURN;
        if wanted && self.spare.is_empty() {
            self.spare.begin(number)?;
            std::mem::swap(&mut self.active, &mut self.spare);
        } else if wanted && self.active.is_empty() {
            self.active.begin(number)?;
        } else if self.active.is_spoiled() {
            let cause = "after a failure it waits for the database to take what it holds";
            return Err(self.active.failed(io::Error::other(cause)));
        }
        Ok(&mut self.active)
    }
}

/// `store.db` → `store.db.trail-…`. SQLite's own files beside the database have other endings.
fn named(database: &Path, rest: &str) -> PathBuf {
    let mut name = database.file_name().unwrap_or_default().to_owned();
    name.push(PREFIX);
    name.push(rest);
    database.with_file_name(name)
}

const PREFIX: &str = ".trail-";

#[cfg(test)]
mod tests;
