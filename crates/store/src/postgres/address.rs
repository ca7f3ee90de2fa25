//! Where a Postgres database is, and how it is reached safely.

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

/// Parameters of a URL that are understood. The rest is refused: a parameter that is passed over
/// may have been meant to protect something.
const PARAMETERS: [&str; 7] = [
    "application_name",
    "host",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

/// The address of a Postgres database, as
/// [libpq](https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS)
/// writes it: `postgres://USER@HOST/DATABASE`, or `postgres:///DATABASE?host=/FOLDER&user=USER` for
/// a Unix socket.
#[derive(Clone)]
pub struct PostgresAddress {
    options: PgConnectOptions,
    shown: String,
}

/// Why a text is no address of a Postgres database that may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Not a `postgres:` URL, or a parameter with a value that is none.
    #[error("not a postgres URL")]
    Malformed,
    /// A password where anybody who reads the configuration sees it.
    #[error("the URL of the database holds a password")]
    Password,
    /// No host, or two of them.
    #[error("the URL of the database names no single host")]
    Host,
    /// No database after the host.
    #[error("the URL names no database")]
    Database,
    /// A parameter that is not known, or that stands there twice.
    #[error("the URL of the database has a parameter that is not understood")]
    Parameter,
    /// Another machine, without TLS that verifies who it is.
    #[error("a database on another machine needs sslmode=verify-full")]
    Unverified,
}

impl PostgresAddress {
    /// Reads an address.
    ///
    /// A server on another machine is reached by TLS only, and its certificate must be for its
    /// name: signed by a public authority, or by the one in the file that `sslrootcert` names. On
    /// this machine (a socket, a loopback address) the URL may say otherwise; where it says
    /// nothing, TLS is used if the server offers it.
    ///
    /// Without `password`, what libpq would use is used: `PGPASSWORD`, or the password file.
    ///
    /// # Errors
    /// One for each rule; none of them shows the URL.
    pub fn parse(url: &str, password: Option<&SecretString>) -> Result<Self, AddressError> {
        let parsed = Url::parse(url).map_err(|_| AddressError::Malformed)?;
        if !matches!(parsed.scheme(), "postgres" | "postgresql") {
            return Err(AddressError::Malformed);
        }
        if parsed.password().is_some() {
            return Err(AddressError::Password);
        }
        if parsed.path().trim_matches('/').is_empty() {
            return Err(AddressError::Database);
        }
        let mut parameters = HashSet::new();
        for (name, _) in parsed.query_pairs() {
            if name == "password" {
                return Err(AddressError::Password);
            }
            if !PARAMETERS.contains(&&*name) || !parameters.insert(name) {
                return Err(AddressError::Parameter);
            }
        }
        let in_front = parsed.host_str().is_some_and(|host| !host.is_empty());
        if in_front == parameters.contains("host") {
            return Err(AddressError::Host);
        }
        let mut options = PgConnectOptions::from_str(url).map_err(|_| AddressError::Malformed)?;
        options = match (is_local(&options), parameters.contains("sslmode")) {
            // The environment does not say how safe a connection is: only the URL does.
            (true, false) => options.ssl_mode(PgSslMode::Prefer),
            (false, false) => options.ssl_mode(PgSslMode::VerifyFull),
            (true, true) => options,
            (false, true) => match options.get_ssl_mode() {
                PgSslMode::VerifyFull => options,
                _ => return Err(AddressError::Unverified),
            },
        };
        if options.get_application_name().is_none() {
            options = options.application_name("portcullis");
        }
        if let Some(password) = password {
            options = options.password(password.expose_secret());
        }
        let shown = shown(&options);
        Ok(Self {
            options: options.disable_statement_logging(),
            shown,
        })
    }

    /// Host, port and database, for people. No user, no password.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    pub(super) fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }
}

/// Shows [`PostgresAddress::shown`] and nothing else: the options hold the password.
impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PostgresAddress").field(&self.shown).finish()
    }
}

/// Whether the server is on this machine: behind a socket or a loopback address.
fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    options.get_socket().is_some()
        || host == "localhost"
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn shown(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_default();
    match options.get_socket() {
        Some(folder) => format!("postgres:///{database}?host={}", folder.display()),
        None => format!(
            "postgres://{}:{}/{database}",
            options.get_host(),
            options.get_port()
        ),
    }
}

#[cfg(test)]
mod tests;
