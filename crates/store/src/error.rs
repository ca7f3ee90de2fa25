//! What can go wrong with stored state.

use std::error::Error;
use std::path::PathBuf;

/// Why the store could not do what was asked.
///
/// `Display` names the failure only; the driver's own words are in [`Error::source`]. Neither
/// holds stored values.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database file could not be created, read or recognised as a database.
    #[error("cannot open the database {}", path.display())]
    Open {
        /// The file as it was named by the caller.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The file is a database of some other program; nothing in it was changed.
    #[error("{} is a database of another program", path.display())]
    Foreign {
        /// The file as it was named by the caller.
        path: PathBuf,
    },
    /// A newer release has migrated this database; nothing in it was changed.
    #[error("the database has schema version {found}, this release knows up to {known}")]
    FromTheFuture {
        /// The version found in the database.
        found: i64,
        /// The newest version this release can work with.
        known: i64,
    },
    /// The database needs a migration, and it was opened for reading only.
    #[error("the database has schema version {found}, reading it needs {known}")]
    Outdated {
        /// The version found in the database.
        found: i64,
        /// The version this release works with.
        known: i64,
    },
    /// Another process kept the write lock for longer than the store waits.
    #[error("the database is busy")]
    Busy,
    /// The disk is full, or the database has reached its size limit.
    #[error("no space left for the database")]
    Full,
    /// A file of the audit journal could not be written or read.
    #[error("the audit journal {} cannot be used", path.display())]
    Journal {
        /// The file, or the folder it belongs in.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A journal that a process left behind is not what a process writes, other than at its
    /// very end. Nothing was taken from it; whoever moves it away gives up what it holds.
    #[error("the audit journal {} is damaged at byte {offset}", path.display())]
    JournalDamaged {
        /// The file.
        path: PathBuf,
        /// Where the first record stands that cannot be read.
        offset: u64,
    },
    /// A write through a handle that was opened for reading only.
    #[error("the database is open for reading only")]
    ReadOnly,
    /// A decision about a definition version that was never observed.
    #[error("no such definition version was observed")]
    UnknownDefinition,
    /// The end of an audit entry that has no beginning.
    #[error("audit entry {entry} was never opened")]
    UnknownEntry {
        /// The entry's id.
        entry: String,
    },
    /// A second beginning of an audit entry, different from the first.
    #[error("audit entry {entry} is already open")]
    DuplicateEntry {
        /// The entry's id.
        entry: String,
    },
    /// A stored value does not have the form in which this program writes it.
    #[error("the stored {column} cannot be read")]
    Corrupt {
        /// The column, never its value.
        column: &'static str,
    },
    /// The operating system failed to read or write.
    #[error("reading or writing the database failed")]
    Io(#[source] Box<dyn Error + Send + Sync>),
    /// The database refused a statement for another reason.
    #[error("the database refused the statement")]
    Sql(#[source] Box<dyn Error + Send + Sync>),
}
