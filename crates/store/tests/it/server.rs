//! A Postgres server for the tests, and a database of its own for each.
//!
//! The server is the one that `PORTCULLIS_TEST_POSTGRES` names (a URL; its user may create
//! databases), or a private one from the programs on this machine. Test runners start a process
//! for each test, so the private one is shared: a keeper, which is this binary once more, starts
//! it and stops it when no test has used it for a while.

mod private;

use std::env;
use std::sync::OnceLock;

use portcullis_store::{Postgres, PostgresAddress};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

const NAMED: &str = "PORTCULLIS_TEST_POSTGRES";
/// Set where a run without Postgres is a failure.
const REQUIRED: &str = "PORTCULLIS_TEST_POSTGRES_REQUIRED";

/// An empty database, and a folder for journals. The database ends with the value.
pub(crate) struct Database {
    pub(crate) address: PostgresAddress,
    pub(crate) options: PgConnectOptions,
    pub(crate) folder: tempfile::TempDir,
    server: PgConnectOptions,
    name: String,
}

impl Database {
    pub(crate) async fn open(&self) -> Postgres {
        Postgres::open(&self.address, self.folder.path())
            .await
            .unwrap()
    }

    /// A connection that knows nothing of the store.
    pub(crate) async fn raw(&self) -> PgConnection {
        self.options.connect().await.unwrap()
    }

    pub(crate) async fn run(&self, sql: &str) -> Result<(), sqlx::Error> {
        let mut connection = self.raw().await;
        let done = sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await;
        connection.close().await.unwrap();
        done.map(drop)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let server = self.server.clone();
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // The test's own runtime cannot be waited for here.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(execute(&server, sql));
        });
        if dropping.join().is_err() && !std::thread::panicking() {
            panic!("the test's database stays");
        }
    }
}

/// A new database; `None`, with a line that says so, where there is no Postgres.
#[expect(clippy::print_stdout, reason = "what is left out is said")]
pub(crate) async fn database() -> Option<Database> {
    static URL: OnceLock<Option<String>> = OnceLock::new();
    let url = URL.get_or_init(|| env::var(NAMED).ok().or_else(private::server));
    let Some(url) = url else {
        assert!(
            env::var_os(REQUIRED).is_none(),
            "there is no Postgres: install it, or name a server in {NAMED}"
        );
        println!("SKIPPED: there is no Postgres here, and {NAMED} names none");
        return None;
    };
    let server: PgConnectOptions = url.parse().unwrap();
    let name = format!("portcullis_test_{}", uuid::Uuid::now_v7().simple());
    execute(
        &server,
        format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"),
    )
    .await;
    Some(Database {
        address: address(url, &name),
        options: server.clone().database(&name),
        folder: tempfile::tempdir().unwrap(),
        server,
        name,
    })
}

/// The address of another database of the server, as the store takes it: without the password.
fn address(server: &str, name: &str) -> PostgresAddress {
    let mut url = url::Url::parse(server).unwrap();
    let password = url.password().map(secrecy::SecretString::from);
    url.set_password(None).unwrap_or(());
    url.set_path(name);
    PostgresAddress::parse(url.as_str(), password.as_ref()).unwrap()
}

async fn execute(server: &PgConnectOptions, sql: String) {
    let mut connection = server.connect().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}
