//! Sealed values: what the gateway hands out and believes again when it comes back.
//!
//! AES-256-GCM over what only the gateway should read or write: session ids, the state of a call
//! that waits for input, task ids. Each purpose has its own key and is bound into the box, so that a
//! value sealed for one is nothing for another. Any replica that shares the store can open it.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_store::{SessionStore, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::refusal::{Reason, Refusal};

const NONCE: usize = 12;

/// Why nothing can be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The sealing key in the store is not a key.
    #[error("the stored sealing key is not 32 bytes long")]
    Key,
    /// The system gave no randomness.
    #[error("the system gives no randomness")]
    Randomness,
    /// The store refused.
    #[error("the store of sealing keys cannot be used")]
    Store(#[from] StoreError),
}

/// What a sealed value is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Purpose {
    /// The name of the key in the store.
    pub(crate) key: &'static str,
    /// What is bound into every box.
    pub(crate) label: &'static [u8],
}

/// Seals and opens values of one purpose.
pub(crate) struct Seal {
    cipher: Aes256Gcm,
    purpose: Purpose,
}

impl Seal {
    /// Reads the key from the store, or makes it on first use.
    pub(crate) async fn open(
        store: &dyn SessionStore,
        purpose: Purpose,
    ) -> Result<Self, SealError> {
        let fresh = random_key()?;
        let key = store.secret(purpose.key, &|| fresh.clone()).await?;
        let cipher = Aes256Gcm::new_from_slice(&key).map_err(|_| SealError::Key)?;
        Ok(Self { cipher, purpose })
    }

    /// `value` in a box, as visible ASCII that needs no escaping anywhere.
    pub(crate) fn seal(&self, value: &impl Serialize) -> Result<String, Refusal> {
        let internal = |detail: &'static str| {
            Refusal::new(Reason::Internal).because(std::io::Error::other(detail))
        };
        let plain =
            serde_json::to_vec(value).map_err(|_| internal("a value could not be written"))?;
        let mut nonce = [0u8; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| internal("the system gives no randomness"))?;
        let payload = Payload {
            msg: &plain,
            aad: self.purpose.label,
        };
        let boxed = self
            .cipher
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| internal("sealing failed"))?;
        let mut bytes = Vec::with_capacity(NONCE + boxed.len());
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&boxed);
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What `text` holds, if it was sealed by us for this purpose.
    pub(crate) fn unseal<T: DeserializeOwned>(&self, text: &str) -> Option<T> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, boxed) = bytes.split_first_chunk::<NONCE>()?;
        let payload = Payload {
            msg: boxed,
            aad: self.purpose.label,
        };
        let plain = self.cipher.decrypt(&Nonce::from(*nonce), payload).ok()?;
        serde_json::from_slice(&plain).ok()
    }
}

/// A system without randomness must not run: a key that can be guessed is a key everybody has.
pub(crate) fn random_key() -> Result<Vec<u8>, SealError> {
    let mut key = vec![0u8; 32];
    getrandom::fill(&mut key).map_err(|_| SealError::Randomness)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use portcullis_store::Sqlite;

    use super::*;

    const STATE: Purpose = Purpose {
        key: "state",
        label: b"state v1",
    };

    #[tokio::test]
    async fn a_value_opens_where_it_was_sealed_for() {
        let store = Sqlite::open_in_memory().await.unwrap();
        let seal = Seal::open(&store, STATE).await.unwrap();
        let text = seal.seal(&("ana", 7)).unwrap();
        assert!(
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        );
        assert_eq!(seal.unseal(&text), Some(("ana".to_owned(), 7)));

        let replica = Seal::open(&store, STATE).await.unwrap();
        assert_eq!(replica.unseal(&text), Some(("ana".to_owned(), 7)));

        let same_key = Purpose {
            label: b"task v1",
            ..STATE
        };
        let other = Seal::open(&store, same_key).await.unwrap();
        assert_eq!(other.unseal::<(String, i32)>(&text), None);
    }

    #[tokio::test]
    async fn a_changed_value_opens_nowhere() {
        let store = Sqlite::open_in_memory().await.unwrap();
        let seal = Seal::open(&store, STATE).await.unwrap();
        let text = seal.seal(&"hello").unwrap();
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            // The last character holds two bits that no byte needs; a strict decoder refuses them.
            assert_eq!(seal.unseal::<String>(&changed), None, "{at}");
        }
        for other in ["", "x", "-TAMPERED", &format!("{text}-TAMPERED")] {
            assert_eq!(seal.unseal::<String>(other), None);
        }
    }
}
