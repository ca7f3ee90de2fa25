//! The root key in a file of its own.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::{KEY_LEN, Key, KeyError, KeyId, KeyProvider, local};

/// 32 random bytes in a file that only its owner may touch.
pub struct FileKey {
    id: KeyId,
    root: Key,
}

impl FileKey {
    /// Reads the key, or makes it when there is no such file: 32 random bytes, mode 0600, never
    /// over a file that exists. Blocks on the file system.
    ///
    /// # Errors
    /// [`KeyError::LooseMode`] when others may read or write it, [`KeyError::Length`] when it
    /// holds something else, [`KeyError::File`] when it cannot be read or made.
    pub fn open_or_create(path: &Path) -> Result<Self, KeyError> {
        match Self::open(path) {
            Err(KeyError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                create(path)?;
                Self::open(path)
            }
            other => other,
        }
    }

    /// Reads the key of an existing file.
    ///
    /// # Errors
    /// As [`open_or_create`](Self::open_or_create).
    pub fn open(path: &Path) -> Result<Self, KeyError> {
        let broken = |source| KeyError::File {
            path: path.to_owned(),
            source,
        };
        let mut file = File::open(path).map_err(broken)?;
        refuse_loose(path, &file)?;
        // One byte more than a key, to notice a longer file.
        let mut bytes = Zeroizing::new([0; KEY_LEN + 1]);
        let mut read = 0;
        while let Some(rest) = bytes.get_mut(read..).filter(|rest| !rest.is_empty()) {
            match file.read(rest) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(broken(error)),
            }
        }
        let root = bytes
            .get(..read)
            .and_then(Key::from_slice)
            .ok_or(KeyError::Length)?;
        Ok(Self {
            id: KeyId::new(format!("file:{}", hex(&root.fingerprint()))),
            root,
        })
    }
}

#[async_trait]
impl KeyProvider for FileKey {
    fn id(&self) -> &KeyId {
        &self.id
    }

    async fn wrap(&self, key: &Key, aad: &[u8]) -> Result<Vec<u8>, KeyError> {
        local::wrap(&self.root, key, aad)
    }

    async fn unwrap(&self, wrapped: &[u8], aad: &[u8]) -> Result<Key, KeyError> {
        local::unwrap(&self.root, wrapped, aad)
    }
}

/// The key is written beside its place and linked into it, so that no process ever reads half of
/// it, and of two that make it at once both use the one that came first.
fn create(path: &Path) -> Result<(), KeyError> {
    let broken = |source| KeyError::File {
        path: path.to_owned(),
        source,
    };
    let key = Key::random()?;
    let mut suffix = [0; 8];
    getrandom::fill(&mut suffix).map_err(|_| KeyError::Randomness)?;
    let beside = Beside(path.with_added_extension(format!("{}.new", hex(&suffix))));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside.0).map_err(broken)?;
    file.write_all(key.bytes()).map_err(broken)?;
    file.sync_all().map_err(broken)?;
    match std::fs::hard_link(&beside.0, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(broken(error)),
        _ => Ok(()),
    }?;
    // The name must last as long as what is sealed with the key.
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(broken)?;
    }
    Ok(())
}

/// A file that is removed whatever happens.
struct Beside(PathBuf);

impl Drop for Beside {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "a new key's first file could not be removed");
        }
    }
}

#[cfg(unix)]
fn refuse_loose(path: &Path, file: &File) -> Result<(), KeyError> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = file.metadata().map_err(|source| KeyError::File {
        path: path.to_owned(),
        source,
    })?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyError::LooseMode {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

// Elsewhere the folder's access list decides; there are no bits to judge.
#[cfg(not(unix))]
fn refuse_loose(_: &Path, _: &File) -> Result<(), KeyError> {
    Ok(())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
