//! What several commands need: the configuration, the store and the runtime.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use portcullis_config::{SecretRef, StoreLocation};
use portcullis_gateway::{Loaded, load};
use portcullis_store::{Postgres, PostgresAddress, Sqlite, Store, StoreError};

use crate::commands::vault::surroundings;
use crate::exit::Failure;
use crate::terminal;

/// The name of the configuration file where none is given.
pub(crate) const FILE: &str = "portcullis.toml";

/// Which configuration a command works on.
#[derive(Debug, Args)]
pub(crate) struct Configuration {
    /// The configuration file
    #[arg(short = 'c', long = "config", value_name = "FILE", default_value = FILE, env = "PORTCULLIS_CONFIG", hide_env_values = true)]
    pub(crate) file: PathBuf,
}

impl Configuration {
    /// Reads the configuration, or says everything that is wrong with it.
    pub(crate) fn load(&self) -> Result<Loaded, Failure> {
        if !self.file.exists() {
            return Err(Failure::configuration(vec![format!(
                "{} {}: no such file",
                terminal::red("error:"),
                self.file.display()
            )])
            .help("`portcullis init` writes a configuration; -c names another file"));
        }
        load(&self.file).map_err(|error| Failure::configuration(error.problems()))
    }

    /// Opens the store that the configuration names, without making a file.
    pub(crate) async fn store(&self) -> Result<Arc<dyn Store>, Failure> {
        let loaded = self.load()?;
        if let StoreLocation::Sqlite(path) = &loaded.config.store {
            let path = loaded.base.join(path);
            if !path.exists() {
                return Err(Failure::new(format!("there is no store at {} yet", path.display()))
                    .help("start the gateway once, or fetch the definitions with `portcullis tools list --refresh`"));
            }
        }
        open_store(&loaded).await
    }
}

/// Opens the store that a configuration names, making it if it is not there.
pub(crate) async fn open_store(loaded: &Loaded) -> Result<Arc<dyn Store>, Failure> {
    match &loaded.config.store {
        StoreLocation::Sqlite(path) => Ok(Arc::new(open_file(&loaded.base.join(path)).await?)),
        StoreLocation::Postgres {
            url,
            password,
            journal,
        } => {
            let address = postgres_address(loaded, url, password.as_ref()).await?;
            let store = Postgres::open(&address, &loaded.base.join(journal))
                .await
                .map_err(|error| cannot_open(address.shown(), &error))?;
            Ok(Arc::new(store))
        }
    }
}

/// Opens an SQLite file, making it if it is not there.
pub(crate) async fn open_file(path: &Path) -> Result<Sqlite, Failure> {
    Sqlite::open(path)
        .await
        .map_err(|error| cannot_open(&path.display().to_string(), &error))
}

/// The address of a Postgres store, with its password read.
pub(crate) async fn postgres_address(
    loaded: &Loaded,
    url: &str,
    password: Option<&SecretRef>,
) -> Result<PostgresAddress, Failure> {
    let password = match password {
        None => None,
        Some(reference) => {
            let read = surroundings(loaded)?.references.read(reference).await;
            let failed = |error| Failure::because("`store-password` cannot be read", &error);
            Some(read.map_err(failed)?)
        }
    };
    PostgresAddress::parse(url, password.as_ref())
        .map_err(|error| Failure::because("`store` cannot be used", &error))
}

fn cannot_open(shown: &str, error: &StoreError) -> Failure {
    Failure::because(format!("the store {shown} cannot be opened"), error)
}

/// The runtime every command runs on.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::because("the runtime cannot be started", &error))
}

/// Where Portcullis keeps state that belongs to no configuration file (XDG Base Directory).
pub(crate) fn data_folder() -> Result<PathBuf, Failure> {
    let from_xdg = std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    from_xdg
        .or_else(|| std::env::home_dir().map(|home| home.join(".local/share")))
        .map(|data| data.join("portcullis"))
        .ok_or_else(|| Failure::new("no home folder is known").help("set XDG_DATA_HOME, or HOME"))
}

/// Who runs this command, for the record of a decision.
pub(crate) fn operator() -> String {
    ["USER", "LOGNAME", "USERNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .unwrap_or_else(|| "operator".to_owned())
}

/// Resolves when the process is asked to end.
pub(crate) async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let terminate = async {
            match signal(SignalKind::terminate()) {
                Ok(mut terminate) => terminate.recv().await,
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate => {}
        }
    }
    #[cfg(not(unix))]
    {
        let _ended = tokio::signal::ctrl_c().await;
    }
}

/// What a refusal means to the operator: the reason, its cause, and what to do.
pub(crate) fn explain(refusal: &portcullis_gateway::refusal::Refusal) -> String {
    let face = refusal.reason().face();
    let mut text = face.text.to_owned();
    let mut cause: Option<&dyn std::error::Error> =
        refusal.cause().map(|cause| cause as &dyn std::error::Error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
