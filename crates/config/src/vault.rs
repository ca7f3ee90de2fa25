//! How credentials at rest are sealed.

use std::time::Duration;

use crate::azure::AzureClient;
use crate::problem::Problems;
use crate::secret::{SecretRef, is_key_vault_name};
use crate::secrets::refuse_circles;
use crate::section::Section;
use crate::url;

/// The `[vault]` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vault {
    /// The key that seals the keys of the records.
    pub key: VaultKey,
    /// How long before its end a token is renewed.
    pub renew_before: Duration,
}

/// Where the key-encryption key of the vault is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultKey {
    /// `file:PATH`: a file with 32 bytes, made at first use; relative to the configuration file.
    File(String),
    /// `keyring:SERVICE/NAME`: an entry of the operating system's keyring, made at first use.
    Keyring {
        /// The service, or "target", of the entry.
        service: String,
        /// The user name of the entry; `vault-key` where the configuration names none.
        name: String,
    },
    /// `passphrase:REFERENCE`: made from a passphrase.
    Passphrase(SecretRef),
    /// `transit:URL`: a key in HashiCorp Vault's transit engine. It never leaves there.
    Transit {
        /// The URL without its `transit:`: `https://vault.example.com:8200/transit/portcullis`,
        /// with the mount and then the name of the key as its path.
        url: String,
        /// The token for Vault.
        token: SecretRef,
        /// The namespace, of Vault Enterprise.
        namespace: Option<String>,
    },
    /// `azkv:URL`: a key in Azure Key Vault. It never leaves there.
    AzureKey {
        /// The key's identifier: `https://NAME.vault.azure.net/keys/KEY`, perhaps with a version
        /// behind it.
        url: String,
        /// The gateway's registration, to sign in there.
        client: AzureClient,
    },
}

const RENEW_BEFORE: Duration = Duration::from_secs(5 * 60);
const TRANSIT_KEYS: &[&str] = &["transit-token", "transit-namespace"];

impl Default for Vault {
    fn default() -> Self {
        Self {
            key: VaultKey::File("vault.key".to_owned()),
            renew_before: RENEW_BEFORE,
        }
    }
}

impl Vault {
    pub(crate) fn read(problems: &mut Problems<'_>, root: &mut Section<'_, '_>) -> Self {
        let mut section = root.section(problems, "vault");
        let already = problems.remote_references.len();
        let renew_before = section.duration(problems, "renew-before");
        let token = section.secret(problems, "transit-token");
        let namespace = section.word(problems, "transit-namespace");
        let client = AzureClient::read(problems, &mut section, "azure-client");
        let place = section
            .string(problems, "key")
            .and_then(|(text, _)| read_place(problems, &section, text));
        if !matches!(place, Some(Place::Transit(_))) {
            section.only_for(problems, TRANSIT_KEYS, "a `transit:` key");
        } else if section.value("transit-token").is_none() {
            let hint = "write `transit-token = \"env:VAULT_TOKEN\"`";
            section.missing(problems, "transit-token", hint);
        }
        if !matches!(place, Some(Place::AzureKey(_))) {
            section.only_for(problems, &["azure-client"], "an `azkv:` key");
        } else if section.value("azure-client").is_none() {
            let hint = "add `[vault.azure-client]` with `tenant`, `id` and a way to prove it";
            section.missing(problems, "azure-client", hint);
        }
        refuse_circles(problems, already);
        section.finish(problems);
        let key = place.and_then(|place| {
            Some(match place {
                Place::File(path) => VaultKey::File(path),
                Place::Keyring { service, name } => VaultKey::Keyring { service, name },
                Place::Passphrase(reference) => VaultKey::Passphrase(reference),
                Place::Transit(url) => VaultKey::Transit {
                    url,
                    token: token?,
                    namespace,
                },
                Place::AzureKey(url) => VaultKey::AzureKey {
                    url,
                    client: client?,
                },
            })
        });
        Self {
            key: key.unwrap_or_else(|| Self::default().key),
            renew_before: renew_before.unwrap_or(RENEW_BEFORE),
        }
    }
}

enum Place {
    File(String),
    Keyring { service: String, name: String },
    Passphrase(SecretRef),
    Transit(String),
    AzureKey(String),
}

/// The name of the keyring's entry where only the service is named.
const KEYRING_NAME: &str = "vault-key";

const HINT: &str = "write `file:PATH`, `keyring:SERVICE/NAME`, `passphrase:env:NAME`, `transit:https://HOST:PORT/MOUNT/KEY` or `azkv:https://NAME.vault.azure.net/keys/KEY`";

fn read_place(problems: &mut Problems<'_>, section: &Section<'_, '_>, text: &str) -> Option<Place> {
    let key = section.key("key");
    let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
    let is_plain = !rest.is_empty() && rest.trim() == rest && !rest.contains(char::is_control);
    let place = match scheme {
        "file" if is_plain && !rest.ends_with('/') => Some(Place::File(rest.to_owned())),
        "keyring" if is_plain => read_keyring(rest),
        "passphrase" => SecretRef::parse_nearby(rest).map(Place::Passphrase),
        "transit" => return read_transit(problems, section, rest),
        "azkv" => return read_azure_key(problems, section, rest),
        _ => None,
    };
    if place.is_none() {
        let message = format!("`{key}` names no place for a key");
        section.refuse_hidden(problems, "key", message, HINT);
    }
    place
}

fn read_keyring(text: &str) -> Option<Place> {
    let (service, name) = text.split_once('/').unwrap_or((text, KEYRING_NAME));
    let is_whole = !service.is_empty() && !name.is_empty() && !name.contains('/');
    is_whole.then(|| Place::Keyring {
        service: service.to_owned(),
        name: name.to_owned(),
    })
}

fn read_transit(
    problems: &mut Problems<'_>,
    section: &Section<'_, '_>,
    url: &str,
) -> Option<Place> {
    let segments = segments(problems, section, url)?;
    if segments.len() < 2 {
        let message = format!("`{}` has no mount and key", section.key("key"));
        section.refuse_hidden(problems, "key", message, HINT);
        return None;
    }
    Some(Place::Transit(url.to_owned()))
}

fn read_azure_key(
    problems: &mut Problems<'_>,
    section: &Section<'_, '_>,
    url: &str,
) -> Option<Place> {
    let segments = segments(problems, section, url)?;
    let is_key = match segments.as_slice() {
        ["keys", name] => is_key_vault_name(name),
        ["keys", name, version] => is_key_vault_name(name) && is_key_vault_name(version),
        _ => false,
    };
    if !is_key {
        let message = format!("`{}` names no key in a vault", section.key("key"));
        section.refuse_hidden(problems, "key", message, HINT);
        return None;
    }
    Some(Place::AzureKey(url.to_owned()))
}

/// The segments of a URL's path: plain ones only.
fn segments<'t>(
    problems: &mut Problems<'_>,
    section: &Section<'_, '_>,
    text: &'t str,
) -> Option<Vec<&'t str>> {
    if let Err(fault) = url::check_url(text) {
        let message = format!("`{}` {}", section.key("key"), fault.message());
        section.refuse_hidden(problems, "key", message, HINT);
        return None;
    }
    let (_, rest) = text.split_once("://")?;
    let (_, path) = rest.split_once('/').unwrap_or((rest, ""));
    let segments: Vec<_> = path.split('/').collect();
    let is_plain = |segment: &&str| {
        !segment.is_empty()
            && !segment.starts_with('.')
            && segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    };
    if !segments.iter().all(is_plain) {
        let message = format!("`{}` has a path that names no key", section.key("key"));
        section.refuse_hidden(problems, "key", message, HINT);
        return None;
    }
    Some(segments)
}

#[cfg(test)]
mod tests;
