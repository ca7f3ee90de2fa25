//! Sign-ins that have begun, sealed under a key of the vault.
//!
//! The content that is sealed: the length of the first part (32 bits, big-endian), the first part
//! in JSON (for whom, where, in which browser), and what the OAuth client has to remember.

use portcullis_oauth::Pending;
use portcullis_vault::envelope::{self, Binding};
use portcullis_vault::keys::Key;
use portcullis_vault::{CredentialKey, Secret, VaultError};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::SignInError;
use crate::broker::Broker;

/// What the key is called in the vault.
const KEY: &str = "sign-in-key";

/// For whom a sign-in began, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Begin {
    pub(super) server: String,
    pub(super) tenant: String,
    pub(super) principal: String,
    /// When the caller's token was issued, unix seconds.
    pub(super) issued: Option<i64>,
    pub(super) return_to: Option<String>,
}

/// What was stored.
pub(super) struct Found {
    pub(super) begin: Begin,
    pub(super) pending: Pending,
}

#[derive(Serialize, Deserialize)]
struct Head {
    begin: Begin,
    /// SHA-256 of what marks the browser.
    browser: [u8; 32],
}

impl Broker {
    /// Stores a sign-in under the digest of its `state`.
    pub(super) async fn keep_pending(
        &self,
        begin: &Begin,
        browser: &SecretString,
        pending: &Pending,
        expires_us: i64,
    ) -> Result<(), SignInError> {
        let head = Head {
            begin: begin.clone(),
            browser: digest(browser.expose_secret()),
        };
        let place = place(pending.state());
        let content = encode(&head, &pending.to_bytes()).ok_or(SignInError::Unknown)?;
        let key = self.sign_in_key().await?;
        let sealed = envelope::seal(&key, &binding(&place, &nowhere()), &content);
        let sealed = sealed.map_err(VaultError::Sealing)?;
        let store = &self.context.one_time;
        let kept = store.put_once(&place, &sealed, expires_us).await;
        match kept.map_err(VaultError::from)? {
            true => Ok(()),
            false => Err(SignInError::Unknown),
        }
    }

    /// Takes a sign-in out, once, whatever comes of it.
    pub(super) async fn take_pending(
        &self,
        state: &str,
        browser: &SecretString,
    ) -> Result<Found, SignInError> {
        let place = place(state);
        let store = &self.context.one_time;
        let taken = store.take(&place, self.context.now_us()).await;
        let sealed = taken
            .map_err(VaultError::from)?
            .ok_or(SignInError::Unknown)?;
        let key = self.sign_in_key().await?;
        let content = envelope::open(&key, &binding(&place, &nowhere()), &sealed);
        let content = content.map_err(|_| SignInError::Unknown)?;
        let (head, pending) = decode(&content).ok_or(SignInError::Unknown)?;
        // Digests: comparing them tells nothing about the values.
        if head.browser != digest(browser.expose_secret()) {
            return Err(SignInError::Browser);
        }
        Ok(Found {
            begin: head.begin,
            pending,
        })
    }

    /// The key that all replicas seal sign-ins under. It is kept in the vault, like a credential,
    /// and made at the first sign-in.
    async fn sign_in_key(&self) -> Result<Key, SignInError> {
        let place = CredentialKey {
            kind: KEY.to_owned(),
            ..nowhere()
        };
        let vault = &self.context.vault;
        let _making = self.making_key.lock().await;
        if vault.get(&place).await?.is_none() {
            let mut bytes = Zeroizing::new(vec![0; portcullis_vault::keys::KEY_LEN]);
            getrandom::fill(&mut bytes).map_err(|_| VaultError::Randomness)?;
            vault.put(&place, &Secret::from(bytes), None).await?;
        }
        // Another replica may have been first, so what counts is what is there now.
        let opened = vault.get(&place).await?.ok_or(SignInError::Unknown)?;
        Key::from_slice(opened.secret.expose()).ok_or(SignInError::Unknown)
    }
}

fn nowhere() -> CredentialKey {
    CredentialKey {
        tenant: String::new(),
        principal: String::new(),
        server: String::new(),
        issuer: String::new(),
        kind: "sign-in".to_owned(),
    }
}

fn binding<'a>(place: &'a str, key: &'a CredentialKey) -> Binding<'a> {
    Binding {
        id: place,
        key,
        key_id: KEY,
    }
}

/// Where a sign-in is stored. Who reads the store does not learn the state.
fn place(state: &str) -> String {
    let digest: String = digest(state).iter().map(|b| format!("{b:02x}")).collect();
    format!("sign-in:{digest}")
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

fn encode(head: &Head, pending: &[u8]) -> Option<Secret> {
    let head = serde_json::to_vec(head).ok()?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(4 + head.len() + pending.len()));
    bytes.extend_from_slice(&u32::try_from(head.len()).ok()?.to_be_bytes());
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(pending);
    Some(Secret::from(bytes))
}

fn decode(content: &Secret) -> Option<(Head, Pending)> {
    let (length, rest) = content.expose().split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (head, pending) = rest.split_at_checked(length)?;
    let head = serde_json::from_slice(head).ok()?;
    Some((head, Pending::from_bytes(pending).ok()?))
}
