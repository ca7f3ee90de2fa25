//! The services that `vault:` and `azkv:` references lead to.

use crate::azure::AzureClient;
use crate::problem::{Mask, Problems};
use crate::secret::SecretRef;
use crate::section::Section;

/// The `[secrets]` section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secrets {
    /// HashiCorp Vault, for `vault:` references.
    pub vault: Option<HashicorpVault>,
    /// Azure Key Vault, for `azkv:` references.
    pub key_vault: Option<KeyVault>,
}

/// A HashiCorp Vault server and the token for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashicorpVault {
    /// The address, without a path: `https://vault.example.com:8200`.
    pub address: String,
    /// The token. Never itself a `vault:` or `azkv:` reference.
    pub token: SecretRef,
    /// The namespace, of Vault Enterprise.
    pub namespace: Option<String>,
}

/// A vault of Azure Key Vault and the sign-in there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyVault {
    /// The address: `https://NAME.vault.azure.net`.
    pub address: String,
    /// The gateway's registration. Its own secret is never an `azkv:` reference.
    pub client: AzureClient,
}

impl Secrets {
    pub(crate) fn read(problems: &mut Problems<'_>, root: &mut Section<'_, '_>) -> Self {
        let mut section = root.section(problems, "secrets");
        let already = problems.remote_references.len();
        let address = read_address(problems, &mut section, "vault-address");
        let token = section.secret(problems, "vault-token");
        let namespace = section.word(problems, "vault-namespace");
        let key_vault = read_address(problems, &mut section, "key-vault");
        let client = AzureClient::read(problems, &mut section, "azure-client");
        check_pair(problems, &mut section, "vault-address", "vault-token");
        check_pair(problems, &mut section, "key-vault", "azure-client");
        if section.value("vault-address").is_none() {
            section.only_for(problems, &["vault-namespace"], "`vault-address`");
        }
        refuse_circles(problems, already);
        section.finish(problems);
        Self {
            vault: address.zip(token).map(|(address, token)| HashicorpVault {
                address,
                token,
                namespace,
            }),
            key_vault: key_vault
                .zip(client)
                .map(|(address, client)| KeyVault { address, client }),
        }
    }

    /// Reports references that lead to a service that is not configured. To be called when the
    /// whole file was read.
    pub(crate) fn check_references(&self, problems: &mut Problems<'_>) {
        for (span, key, scheme) in std::mem::take(&mut problems.remote_references) {
            let (is_known, name) = match scheme {
                "vault" => (self.vault.is_some(), "`vault-address` and `vault-token`"),
                _ => (
                    self.key_vault.is_some(),
                    "`key-vault` and `[secrets.azure-client]`",
                ),
            };
            if !is_known {
                let message = format!("`{key}` leads to a service that is not configured");
                let hint = format!("add {name} to `[secrets]`");
                problems.push(span, &key, message, Some(hint), Mask::Everything);
            }
        }
    }
}

/// An address without path and query.
pub(crate) fn read_address(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
    name: &'static str,
) -> Option<String> {
    let text = section.url(problems, name)?;
    let bare = text.trim_end_matches('/');
    let has_path = bare
        .split_once("://")
        .is_none_or(|(_, rest)| rest.contains(['/', '?']));
    if has_path {
        let message = format!("`{}` has a path", section.key(name));
        section.refuse_hidden(problems, name, message, "write `https://HOST:PORT` alone");
        return None;
    }
    Some(bare.to_owned())
}

fn check_pair(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
    one: &'static str,
    two: &'static str,
) {
    let hint = format!("`{one}` and `{two}` need each other");
    match (section.value(one).is_some(), section.value(two).is_some()) {
        (true, false) => section.missing(problems, two, &hint),
        (false, true) => section.missing(problems, one, &hint),
        _ => {}
    }
}

/// A secret that opens a service cannot itself be there: reports the references to services since
/// the given one, and forgets them.
pub(crate) fn refuse_circles(problems: &mut Problems<'_>, since: usize) {
    let since = since.min(problems.remote_references.len());
    for (span, key, scheme) in problems.remote_references.split_off(since) {
        let message = format!("`{key}` opens a service, so it cannot lie behind `{scheme}:`");
        let hint = "use `env:`, `file:` or `keyring:` here".to_owned();
        problems.push(span, &key, message, Some(hint), Mask::Everything);
    }
}

#[cfg(test)]
mod tests;
