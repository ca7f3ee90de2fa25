//! The secrets of servers that are the same for every caller: headers, variables, keys of certificates.
//!
//! A configuration whose secrets cannot all be read is refused. What is on this machine is read again
//! for each connection. What the keyring or a service has is kept here, since a connection cannot wait
//! for it, and read again every half minute; what is gone there is forgotten here.

use std::collections::BTreeMap;
use std::path::Path;

use arc_swap::ArcSwap;
use portcullis_config::{Config, SecretRef, Server, Transport};
use portcullis_vault::{ReferenceError, References};
use secrecy::SecretString;

/// Where each of them is, and what is there where that takes time to ask.
pub(crate) struct FixedSecrets {
    references: References,
    fetched: ArcSwap<BTreeMap<SecretRef, SecretString>>,
}

impl FixedSecrets {
    /// Reads every secret once.
    ///
    /// # Errors
    /// Each secret that cannot be had, in words for the operator.
    pub(crate) async fn read(
        config: &Config,
        references: &References,
    ) -> Result<Self, Vec<String>> {
        let mut fetched = BTreeMap::new();
        let mut problems = Vec::new();
        for (name, server) in &config.servers {
            for (key, reference) in references_of(server) {
                match references.read(reference).await {
                    Ok(_) if is_here(reference) => {}
                    Ok(secret) => {
                        fetched.insert(reference.clone(), secret);
                    }
                    Err(error) => {
                        let error = crate::facilities::chain(&error);
                        problems.push(format!("`servers.{name}.{key}`: {error}"));
                    }
                }
            }
        }
        match problems.is_empty() {
            true => Ok(Self {
                references: references.clone(),
                fetched: ArcSwap::from_pointee(fetched),
            }),
            false => Err(problems),
        }
    }

    /// Reads again what is not on this machine. What cannot be read is forgotten; the references
    /// themselves bridge an outage of a service for a while.
    pub(crate) async fn refresh(&self) {
        let known = self.fetched.load_full();
        if known.is_empty() {
            return;
        }
        let mut fetched = BTreeMap::new();
        for reference in known.keys() {
            match self.references.read(reference).await {
                Ok(secret) => {
                    fetched.insert(reference.clone(), secret);
                }
                Err(error) => {
                    let error = crate::facilities::chain(&error);
                    tracing::error!(error, "a server's secret cannot be read any more");
                }
            }
        }
        self.fetched.store(std::sync::Arc::new(fetched));
    }

    /// The secret at a reference of the configuration.
    ///
    /// # Errors
    /// When it is not there any more.
    pub(crate) fn secret(&self, reference: &SecretRef) -> Result<SecretString, ReferenceError> {
        match self.fetched.load().get(reference) {
            Some(secret) => Ok(secret.clone()),
            None => self.references.read_here(reference),
        }
    }

    /// The folder that relative files of the configuration are relative to.
    pub(crate) fn base(&self) -> &Path {
        self.references.base()
    }
}

/// Whether reading it takes no longer than reading a file.
fn is_here(reference: &SecretRef) -> bool {
    matches!(reference, SecretRef::Env(_) | SecretRef::File(_))
}

/// The secrets of a server, by their keys in its section.
fn references_of(server: &Server) -> Vec<(String, &SecretRef)> {
    let (section, named) = match &server.transport {
        Transport::Stdio { env, .. } => ("env", env),
        Transport::Http { headers, .. } | Transport::OpenApi { headers, .. } => {
            ("headers", headers)
        }
    };
    let named = named
        .iter()
        .map(|(name, reference)| (format!("{section}.{name}"), reference));
    let key = server.identity.client.as_ref();
    let key = key.map(|own| ("identity.client-key".to_owned(), &own.key));
    named.chain(key).collect()
}
