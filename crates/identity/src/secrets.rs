//! Where the secrets are that the configuration refers to.

use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use portcullis_config::SecretRef;
use portcullis_oauth::{ReadSecret, SecretUnreadable};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::AsyncReadExt as _;

/// Longest secret that is read from a file, in bytes: a private key with its certificates fits.
const MAX_FILE: u64 = 64 * 1024;

/// Why a reference gave no secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// Nothing is there, or it is empty.
    #[error("there is no secret at {0}")]
    Missing(SecretRef),
    /// The file cannot be read, is too long, or is not UTF-8.
    #[error("the file of {reference} cannot be read")]
    File {
        /// The reference.
        reference: SecretRef,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// Such references are not read here.
    #[error("secrets like {0} cannot be read here")]
    Unsupported(SecretRef),
}

/// Secrets of this machine: environment variables, and files relative to a folder.
#[derive(Clone, Debug)]
pub struct LocalSecrets {
    base: PathBuf,
}

impl LocalSecrets {
    /// `base` is the folder of the configuration file.
    pub fn new(base: impl Into<PathBuf>) -> LocalSecrets {
        LocalSecrets { base: base.into() }
    }

    async fn file(&self, path: &str) -> io::Result<SecretString> {
        let file = tokio::fs::File::open(self.base.join(Path::new(path))).await?;
        let mut text = Zeroizing::new(String::new());
        let read = file
            .take(MAX_FILE.saturating_add(1))
            .read_to_string(&mut text)
            .await?;
        if u64::try_from(read).unwrap_or(u64::MAX) > MAX_FILE {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(SecretString::from(text.trim_end_matches(['\r', '\n'])))
    }

    async fn secret(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        let secret = match reference {
            SecretRef::Env(name) => std::env::var(name)
                .map(SecretString::from)
                .map_err(|_| SecretError::Missing(reference.clone()))?,
            SecretRef::File(path) => self.file(path).await.map_err(|source| SecretError::File {
                reference: reference.clone(),
                source,
            })?,
            _ => return Err(SecretError::Unsupported(reference.clone())),
        };
        if secret.expose_secret().is_empty() {
            return Err(SecretError::Missing(reference.clone()));
        }
        Ok(secret)
    }
}

#[async_trait]
impl ReadSecret for LocalSecrets {
    async fn read(&self, reference: &SecretRef) -> Result<SecretString, SecretUnreadable> {
        let read = self.secret(reference).await;
        read.map_err(|error| SecretUnreadable(Box::new(error)))
    }
}
