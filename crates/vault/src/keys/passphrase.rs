//! The root key from a passphrase.
//!
//! Argon2id (RFC 9106). Salt and parameters stand in front of every wrapped key, and thereby in
//! the `vault_keys` table:
//!
//! ```text
//! offset  bytes
//!      0      1  format, 1
//!      1      4  memory in KiB, big-endian
//!      5      4  passes, big-endian
//!      9      4  lanes, big-endian
//!     13     16  salt
//!     29     69  the key as `local` wraps it
//! ```

use std::sync::{Mutex, PoisonError};

use argon2::{Algorithm, Argon2, Params, Version};
use async_trait::async_trait;
use zeroize::Zeroizing;

use super::{KEY_LEN, Key, KeyError, KeyId, KeyProvider, local};
use crate::secret::Secret;

const FORMAT: u8 = 1;
const SALT: usize = 16;

/// What a guess at the passphrase costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for Cost {
    /// RFC 9106 section 4, the second recommended choice: 64 MiB, 3 passes, 4 lanes.
    fn default() -> Self {
        Self {
            memory: 64 * 1024,
            passes: 3,
            lanes: 4,
        }
    }
}

impl Cost {
    /// What a stored key may ask of us, so that a changed database cannot exhaust the machine.
    const MOST: Self = Self {
        memory: 1024 * 1024,
        passes: 16,
        lanes: 16,
    };

    fn is_bearable(self) -> bool {
        self.memory <= Self::MOST.memory
            && self.passes <= Self::MOST.passes
            && self.lanes <= Self::MOST.lanes
    }
}

/// Derives the root key from what a person knows.
pub struct Passphrase {
    id: KeyId,
    phrase: Secret,
    cost: Cost,
    // Deriving takes a good part of a second, and stored keys mostly share one salt.
    derived: Mutex<Option<(Header, Key)>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Header {
    cost: Cost,
    salt: [u8; SALT],
}

impl Passphrase {
    /// A provider for `phrase`. New keys are wrapped at `cost`; stored ones say their own.
    #[must_use]
    pub fn new(phrase: Secret, cost: Cost) -> Self {
        Self {
            id: KeyId::new("passphrase"),
            phrase,
            cost,
            derived: Mutex::new(None),
        }
    }

    async fn root(&self, header: Header) -> Result<Key, KeyError> {
        if !header.cost.is_bearable() {
            return Err(KeyError::Cost);
        }
        let known = self
            .derived
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some((_, key)) = known.filter(|(of, _)| *of == header) {
            return Ok(key);
        }
        let phrase = self.phrase.clone();
        let key = tokio::task::spawn_blocking(move || derive(&phrase, header))
            .await
            .map_err(|error| KeyError::Unavailable(Some(error.into())))??;
        *self.derived.lock().unwrap_or_else(PoisonError::into_inner) = Some((header, key.clone()));
        Ok(key)
    }
}

fn derive(phrase: &Secret, header: Header) -> Result<Key, KeyError> {
    let Header { cost, salt } = header;
    let params = Params::new(cost.memory, cost.passes, cost.lanes, Some(KEY_LEN))
        .map_err(|_| KeyError::Cost)?;
    let mut bytes = Zeroizing::new([0; KEY_LEN]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(phrase.expose(), &salt, bytes.as_mut_slice())
        .map_err(|_| KeyError::Cost)?;
    Key::from_slice(bytes.as_slice()).ok_or(KeyError::Length)
}

#[async_trait]
impl KeyProvider for Passphrase {
    fn id(&self) -> &KeyId {
        &self.id
    }

    async fn wrap(&self, key: &Key, aad: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut salt = [0; SALT];
        getrandom::fill(&mut salt).map_err(|_| KeyError::Randomness)?;
        let header = Header {
            cost: self.cost,
            salt,
        };
        let root = self.root(header).await?;
        let mut wrapped = header.encode();
        wrapped.extend_from_slice(&local::wrap(&root, key, aad)?);
        Ok(wrapped)
    }

    async fn unwrap(&self, wrapped: &[u8], aad: &[u8]) -> Result<Key, KeyError> {
        let (header, sealed) = Header::decode(wrapped).ok_or(KeyError::Damaged)?;
        let root = self.root(header).await?;
        local::unwrap(&root, sealed, aad)
    }
}

impl Header {
    fn encode(self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        for number in [self.cost.memory, self.cost.passes, self.cost.lanes] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&self.salt);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&FORMAT, rest) = bytes.split_first()? else {
            return None;
        };
        let (memory, rest) = rest.split_first_chunk()?;
        let (passes, rest) = rest.split_first_chunk()?;
        let (lanes, rest) = rest.split_first_chunk()?;
        let (salt, rest) = rest.split_first_chunk()?;
        let cost = Cost {
            memory: u32::from_be_bytes(*memory),
            passes: u32::from_be_bytes(*passes),
            lanes: u32::from_be_bytes(*lanes),
        };
        Some((Self { cost, salt: *salt }, rest))
    }
}
