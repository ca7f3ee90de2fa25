//! Secrets of this machine: environment variables, files, and the system's keyring.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyring_core::CredentialStore;
use portcullis_config::SecretRef;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::ReferenceCause;

/// Longest secret, in bytes: a private key with its certificates fits.
const MAX: u64 = 64 * 1024;

#[derive(Clone)]
pub(super) struct Local {
    base: PathBuf,
    /// In place of the system's keyring, for tests.
    keyring: Option<Arc<CredentialStore>>,
}

impl Local {
    pub(super) fn new(base: PathBuf) -> Self {
        Self {
            base,
            keyring: None,
        }
    }

    #[cfg(test)]
    pub(super) fn with_keyring(base: PathBuf, keyring: Arc<CredentialStore>) -> Self {
        Self {
            base,
            keyring: Some(keyring),
        }
    }

    pub(super) fn base(&self) -> &Path {
        &self.base
    }

    pub(super) async fn read(&self, reference: &SecretRef) -> Result<SecretString, ReferenceCause> {
        match reference {
            SecretRef::Env(name) => read_variable(name),
            SecretRef::File(path) => {
                let path = self.base.join(path);
                blocking(move || read_file(&path)).await
            }
            SecretRef::Keyring { service, name } => {
                let store = match &self.keyring {
                    Some(store) => Arc::clone(store),
                    None => system_keyring().await?,
                };
                let (service, name) = (service.clone(), name.clone());
                blocking(move || read_entry(&*store, &service, &name)).await
            }
            SecretRef::Vault { .. } | SecretRef::KeyVault(_) => Err(ReferenceCause::NotConfigured),
        }
    }

    /// What takes no longer than reading a file.
    pub(super) fn read_here(&self, reference: &SecretRef) -> Result<SecretString, ReferenceCause> {
        match reference {
            SecretRef::Env(name) => read_variable(name),
            SecretRef::File(path) => read_file(&self.base.join(path)),
            SecretRef::Keyring { .. } | SecretRef::Vault { .. } | SecretRef::KeyVault(_) => {
                Err(ReferenceCause::Elsewhere)
            }
        }
    }
}

fn read_variable(name: &str) -> Result<SecretString, ReferenceCause> {
    std::env::var(name)
        .map(SecretString::from)
        .map_err(|_| ReferenceCause::Unset)
}

async fn blocking(
    read: impl FnOnce() -> Result<SecretString, ReferenceCause> + Send + 'static,
) -> Result<SecretString, ReferenceCause> {
    tokio::task::spawn_blocking(read)
        .await
        .map_err(|error| ReferenceCause::Unavailable(Some(error.into())))?
}

fn read_file(path: &Path) -> Result<SecretString, ReferenceCause> {
    let file = std::fs::File::open(path).map_err(ReferenceCause::File)?;
    // As long as it gets, so that growing leaves no copy behind.
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let mut text = Zeroizing::new(String::with_capacity(
        usize::try_from(length.min(MAX)).unwrap_or_default() + 1,
    ));
    match file.take(MAX + 1).read_to_string(&mut text) {
        Ok(_) if text.len() as u64 <= MAX => {
            Ok(SecretString::from(text.trim_end_matches(['\r', '\n'])))
        }
        Ok(_) => Err(ReferenceCause::NotText),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(ReferenceCause::NotText),
        Err(error) => Err(ReferenceCause::File(error)),
    }
}

#[cfg(feature = "keyring")]
async fn system_keyring() -> Result<Arc<CredentialStore>, ReferenceCause> {
    crate::keys::KeyringKey::system_store()
        .await
        .map_err(|error| ReferenceCause::Keyring(error.into()))
}

#[cfg(not(feature = "keyring"))]
async fn system_keyring() -> Result<Arc<CredentialStore>, ReferenceCause> {
    Err(ReferenceCause::NoKeyring)
}

/// Errors of keyrings may hold what was read, so only their kind goes on.
fn read_entry(
    store: &CredentialStore,
    service: &str,
    name: &str,
) -> Result<SecretString, ReferenceCause> {
    use keyring_core::Error;
    let entry = store.build(service, name, None);
    match entry.and_then(|entry| entry.get_password()) {
        Ok(text) => {
            let text = Zeroizing::new(text);
            Ok(SecretString::from(text.trim_end_matches(['\r', '\n'])))
        }
        Err(Error::NoEntry) => Err(ReferenceCause::Keyring("there is no such entry".into())),
        Err(Error::PlatformFailure(error) | Error::NoStorageAccess(error)) => {
            Err(ReferenceCause::Keyring(error))
        }
        Err(Error::BadEncoding(_) | Error::BadDataFormat(..)) => Err(ReferenceCause::NotText),
        Err(_) => Err(ReferenceCause::Keyring("the keyring refuses".into())),
    }
}
