//! The store in one SQLite file.
//!
//! One connection writes and a few read, in write-ahead logging mode. Every commit reaches
//! the disk before it returns (`synchronous = FULL`). Other processes may have the same file
//! open; writers wait for each other.

mod audit;
mod failure;
mod file;
mod migrations;

// One text of SQL for both databases: what differs stands in this file under the same names as
// in `postgres.rs`.
#[path = "sql/actors.rs"]
mod actors;
#[path = "sql/grants.rs"]
mod grants;
#[path = "sql/registry.rs"]
mod registry;
#[path = "sql/revocations.rs"]
mod revocations;
#[path = "sql/rows.rs"]
mod rows;
#[path = "sql/search.rs"]
mod search;
#[path = "sql/sessions.rs"]
mod sessions;
#[path = "sql/vault.rs"]
mod vault;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Transaction};

use crate::{StoreError, journal};

/// How long a writer waits for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a task waits for one of this process's connections.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);
const READERS: u32 = 4;

type Backend = Sqlite;
type Db = sqlx::Sqlite;
type Connection = SqliteConnection;
type Row = SqliteRow;

/// Joins the closing that counts as `c` to the opening `o`.
const CLOSING: &str = "
LEFT JOIN audit_record AS c ON c.seq = (
    SELECT x.seq FROM audit_record AS x
    WHERE x.entry = o.entry AND x.kind = 'closed'
    ORDER BY x.outcome = 'unknown', x.seq
    LIMIT 1
)";

/// The actors of such a row as rows of their own, `actor.value`.
const ACTORS: &str = "json_each(coalesce(c.actors, o.actors)) AS actor";

/// Text as it is stored: SQLite takes any.
fn text(plain: &str) -> &str {
    plain
}

/// The reverse of [`text`].
fn plain(stored: String) -> String {
    stored
}

/// All stores in one SQLite database. Clones share the connections.
#[derive(Clone)]
pub struct Sqlite {
    writer: SqlitePool,
    readers: SqlitePool,
    name: Arc<str>,
    path: Option<Arc<Path>>,
}

impl Sqlite {
    /// Opens the database at `path`, creating it (mode 0600) and its folder (mode 0700) where
    /// they are missing, and brings its schema up to date. What a process that was killed left in
    /// its [`journal`](crate::journal) is taken over.
    ///
    /// # Errors
    /// [`StoreError::Open`] if there is no reaching it, [`StoreError::Foreign`] if it belongs
    /// to another program, [`StoreError::FromTheFuture`] if to a newer release. A file that is
    /// refused is left as it was, its mode excepted. As [`journal::recover`] for journals.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let file = file::prepare(path)?;
        let writer = connect(path, options().filename(&file), 1).await?;
        migrations::recognise(&writer, path).await?;
        use_write_ahead_log(&writer).await?;
        migrations::migrate(&writer).await?;
        let readers = options().filename(&file).pragma("query_only", "ON");
        let readers = connect(path, readers, READERS).await?;
        let store = Self::new(writer, readers, path.display().to_string(), Some(&file));
        journal::recover(&file, &store).await?;
        Ok(store)
    }

    /// Opens an empty database that lives as long as the handle and its clones.
    ///
    /// # Errors
    /// The database's own failures.
    pub async fn open_in_memory() -> Result<Self, StoreError> {
        let path = Path::new(":memory:");
        let only = connect(path, options().in_memory(true), 1).await?;
        migrations::migrate(&only).await?;
        Ok(Self::new(
            only.clone(),
            only,
            path.display().to_string(),
            None,
        ))
    }

    /// Opens the existing database at `path` for reading beside a process that writes to it.
    /// Writes through this handle fail with [`StoreError::ReadOnly`].
    ///
    /// Where a process that was killed left records in its journal, they are taken over first,
    /// so that a reader sees them; if that fails, the log says so, and the rest can be read.
    ///
    /// # Errors
    /// As [`Sqlite::open`], and [`StoreError::Outdated`] if it needs a migration first.
    pub async fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        let file = file::absolute(path)?;
        let readers = connect(path, options().filename(&file).read_only(true), READERS).await?;
        let found = migrations::recognise(&readers, path).await?;
        let known = migrations::newest();
        if found != known {
            return Err(StoreError::Outdated { found, known });
        }
        if journal::is_there_any(&file)
            && let Err(error) = Self::open(path).await
        {
            tracing::warn!(%error, "records in an audit journal cannot be read yet");
        }
        Ok(Self::new(
            readers.clone(),
            readers,
            path.display().to_string(),
            Some(&file),
        ))
    }

    /// Waits for the statements under way and closes the connections of every clone. What was
    /// committed is durable without it.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    fn new(writer: SqlitePool, readers: SqlitePool, name: String, path: Option<&Path>) -> Self {
        Self {
            writer,
            readers,
            name: Arc::from(name),
            path: path.map(Arc::from),
        }
    }

    /// Begins a transaction that holds the write lock from the start, so that it cannot fail
    /// half-way because another process wrote in between.
    async fn begin(&self) -> Result<Transaction<'static, sqlx::Sqlite>, StoreError> {
        begin(&self.writer).await
    }
}

/// Shows where the database is and nothing that is in it.
impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite")
            .field("path", &self.name)
            .finish_non_exhaustive()
    }
}

async fn begin(writer: &SqlitePool) -> Result<Transaction<'static, sqlx::Sqlite>, StoreError> {
    writer
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(failure::translate)
}

fn options() -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        // Where fsync alone leaves data in the drive's cache (macOS); elsewhere without effect.
        .pragma("fullfsync", "ON")
        // A schema that someone else has edited may not call functions with side effects.
        .pragma("trusted_schema", "OFF")
        .disable_statement_logging()
}

async fn connect(
    path: &Path,
    options: SqliteConnectOptions,
    connections: u32,
) -> Result<SqlitePool, StoreError> {
    SqlitePoolOptions::new()
        .max_connections(connections)
        // All of them from the start: what a process holds open does not grow with its work.
        .min_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A database in memory ends with its connection.
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options)
        .await
        .map_err(|error| failure::opening(path, error))
}

/// Switches the file to write-ahead logging. The switch needs the file for itself, and
/// SQLite's busy timeout does not cover it, so this waits for others here.
async fn use_write_ahead_log(writer: &SqlitePool) -> Result<(), StoreError> {
    let started = Instant::now();
    loop {
        let switched = sqlx::query_scalar::<_, String>("PRAGMA journal_mode = WAL")
            .fetch_one(writer)
            .await
            .map_err(failure::translate);
        match switched {
            Err(StoreError::Busy) if started.elapsed() < BUSY_TIMEOUT => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => return Err(error),
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                // Still durable, but readers and the writer wait for each other.
                tracing::warn!(mode, "the file system does not support write-ahead logging");
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests;
