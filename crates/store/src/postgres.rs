//! The store in a Postgres database, which several replicas share.
//!
//! Every commit is durable at the server before it returns. What replicas must not do at once,
//! they do one after the other: definitions, and records of the trail, are written under locks
//! that live as long as the transaction.

mod address;
mod audit;
mod failure;
mod migrations;
mod news;
mod text;

// One text of SQL for both databases: what differs stands in this file under the same names as
// in `sqlite.rs`.
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
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions, PgRow};
use sqlx::{Executor as _, Transaction};

pub use address::{AddressError, PostgresAddress};
use news::News;
use text::{plain, text};

use crate::{StoreError, folder, journal};

/// How long a task waits for one of this process's connections.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);
const CONNECTIONS: u32 = 8;

/// For every connection: how long a statement waits for a lock, takes at all, and a transaction
/// may stand still. A server that answers before the disk has it is asked not to.
const SETTINGS: &str = "
SET lock_timeout = '5s';
SET statement_timeout = '60s';
SET idle_in_transaction_session_timeout = '60s';
SELECT set_config('synchronous_commit', 'on', false)
WHERE current_setting('synchronous_commit') = 'off';
";
const READING_ONLY: &str = "SET default_transaction_read_only = on;";

type Backend = Postgres;
type Db = sqlx::Postgres;
type Connection = PgConnection;
type Row = PgRow;

/// Joins the closing that counts as `c` to the opening `o`.
const CLOSING: &str = "
LEFT JOIN LATERAL (
    SELECT x.* FROM audit_record AS x
    WHERE x.entry = o.entry AND x.kind = 'closed'
    ORDER BY x.outcome = 'unknown', x.seq
    LIMIT 1
) AS c ON true";

/// The actors of such a row as rows of their own, `actor.value`, compared byte by byte.
const ACTORS: &str = "(
    SELECT element.value COLLATE \"C\" AS value
    FROM json_array_elements_text(coalesce(c.actors, o.actors)::json) AS element (value)
) AS actor";

/// What one transaction at a time writes: the second number of an advisory lock. The first,
/// 1349481076, is `Port` in ASCII; 0 is for migrations.
const DEFINITIONS: i32 = 1;
/// As the trigger of `0001_audit.sql` has it.
const TRAIL: i32 = 2;

/// All stores in one Postgres database. Clones share the connections.
#[derive(Clone)]
pub struct Postgres {
    writer: PgPool,
    readers: PgPool,
    address: Arc<PostgresAddress>,
    journal: Arc<Path>,
    news: Arc<News>,
}

impl Postgres {
    /// Opens the database at `address` and brings its schema up to date; an empty one becomes
    /// Portcullis's own. Audit [journals](crate::journal) go into `folder`, on this machine; what
    /// a process that was killed left there is taken over.
    ///
    /// # Errors
    /// [`StoreError::Open`] if there is no reaching it, or it is no database for this,
    /// [`StoreError::Foreign`] if it belongs to another program, [`StoreError::FromTheFuture`] if
    /// to a newer release. A database that is refused is left as it was. As
    /// [`journal::recover`] for journals.
    pub async fn open(address: &PostgresAddress, folder: &Path) -> Result<Self, StoreError> {
        let pool = connect(address, SETTINGS.to_owned()).await?;
        migrations::migrate(&pool, address).await?;
        let store = Self::new(pool, address, folder).await?;
        journal::recover(&store.journal, &store).await?;
        Ok(store)
    }

    /// Opens the database for reading. Writes through this handle fail with
    /// [`StoreError::ReadOnly`].
    ///
    /// Where a process that was killed left records in its journal in `folder`, they are taken
    /// over first, so that a reader sees them; if that fails, the log says so, and the rest can be
    /// read.
    ///
    /// # Errors
    /// As [`Postgres::open`], and [`StoreError::Outdated`] if it needs a migration first.
    pub async fn open_read_only(
        address: &PostgresAddress,
        folder: &Path,
    ) -> Result<Self, StoreError> {
        let pool = connect(address, format!("{SETTINGS}{READING_ONLY}")).await?;
        let mut connection = pool
            .acquire()
            .await
            .map_err(|error| failure::opening(address, error))?;
        let found = migrations::recognise(&mut connection, address).await?;
        drop(connection);
        let known = migrations::newest();
        if found != known {
            return Err(StoreError::Outdated { found, known });
        }
        let store = Self::new(pool, address, folder).await?;
        if journal::is_there_any(&store.journal)
            && let Err(error) = Self::open(address, folder).await
        {
            tracing::warn!(%error, "records in an audit journal cannot be read yet");
        }
        Ok(store)
    }

    /// Waits for the statements under way and closes the connections of every clone. What was
    /// committed is durable without it.
    pub async fn close(&self) {
        self.news.close();
        self.writer.close().await;
    }

    /// As [`Store::changed`](crate::Store::changed).
    ///
    /// # Errors
    /// When the database cannot be listened to now.
    pub async fn changed(&self) -> Result<(), StoreError> {
        self.news.wait(&self.readers).await
    }

    async fn new(
        pool: PgPool,
        address: &PostgresAddress,
        folder: &Path,
    ) -> Result<Self, StoreError> {
        // The journals of two databases must not be mixed up, and a database keeps its name
        // when it moves.
        let name: String = sqlx::query_scalar("SELECT name FROM database_identity")
            .fetch_one(&pool)
            .await
            .map_err(failure::translate)?;
        let journal = beside(folder, &name).map_err(|source| StoreError::Journal {
            path: folder.to_owned(),
            source: Box::new(source),
        })?;
        Ok(Self {
            writer: pool.clone(),
            readers: pool,
            address: Arc::new(address.clone()),
            journal: Arc::from(journal),
            news: Arc::default(),
        })
    }

    /// Begins a transaction that no other process writes beside, as far as definitions and what
    /// else is read before it is written are concerned.
    async fn begin(&self) -> Result<Transaction<'static, sqlx::Postgres>, StoreError> {
        self.begin_alone(DEFINITIONS).await
    }

    async fn begin_alone(
        &self,
        what: i32,
    ) -> Result<Transaction<'static, sqlx::Postgres>, StoreError> {
        let mut transaction = self.writer.begin().await.map_err(failure::translate)?;
        sqlx::query("SELECT pg_advisory_xact_lock(1349481076, $1)")
            .bind(what)
            .execute(&mut *transaction)
            .await
            .map_err(failure::translate)?;
        Ok(transaction)
    }
}

/// Shows where the database is and nothing that is in it.
impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres")
            .field("address", &self.address.shown())
            .finish_non_exhaustive()
    }
}

async fn connect(address: &PostgresAddress, settings: String) -> Result<PgPool, StoreError> {
    let settings: Arc<str> = settings.into();
    PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_connect(move |connection, _| {
            let settings = sqlx::raw_sql(sqlx::AssertSqlSafe(Arc::clone(&settings)));
            Box::pin(async move { connection.execute(settings).await.map(drop) })
        })
        .connect_with(address.options())
        .await
        .map_err(|error| failure::opening(address, error))
}

/// The path beside which the journals of the database `name` lie; makes the folder.
fn beside(folder: &Path, name: &str) -> std::io::Result<PathBuf> {
    let folder = std::path::absolute(folder)?;
    folder::create(&folder)?;
    Ok(folder.join(format!("postgres-{name}")))
}
