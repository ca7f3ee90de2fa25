//! Where the secrets are that the configuration refers to.

use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use portcullis_config::SecretRef;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use tokio::io::AsyncReadExt as _;

/// Longest secret that is read from a file, in bytes: a private key with its certificates fits.
const MAX_FILE: u64 = 64 * 1024;

/// Reads secrets.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The secret that a reference is to, as it is now.
    ///
    /// # Errors
    /// Why there is none.
    async fn read(&self, reference: &SecretRef) -> Result<SecretString, SecretError>;
}

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
    /// The place cannot be asked.
    #[error("the secret at {reference} cannot be had")]
    Unavailable {
        /// The reference.
        reference: SecretRef,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
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
}

#[async_trait]
impl Secrets for LocalSecrets {
    async fn read(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        use secrecy::ExposeSecret as _;

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
