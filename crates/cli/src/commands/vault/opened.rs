//! The store and the way to the vault's root key, as a configuration has them.

use std::sync::Arc;

use portcullis_egress::Client;
use portcullis_gateway::{Loaded, outbound};
use portcullis_store::{Store, VaultStore};
use portcullis_vault::configured::{self, ConfiguredError, Surroundings};
use portcullis_vault::{CacheLimits, References, Vault};

use crate::duration;
use crate::exit::Failure;
use crate::setup::Configuration;

/// A configuration with its store, and the vault before it is opened.
pub(super) struct Opened {
    pub(super) loaded: Loaded,
    pub(super) store: Arc<dyn Store>,
    pub(super) surroundings: Surroundings,
}

impl Opened {
    /// Of a store that is there.
    pub(super) async fn of(configuration: &Configuration) -> Result<Self, Failure> {
        let loaded = configuration.load()?;
        let store = configuration.store().await?;
        let surroundings = surroundings(&loaded)?;
        Ok(Self {
            loaded,
            store,
            surroundings,
        })
    }

    /// The configured vault. Makes its first key when it has none.
    pub(super) async fn vault(&self) -> Result<Vault, ConfiguredError> {
        let section = &self.loaded.config.vault;
        let limits = CacheLimits::default();
        configured::open(section, self.vault_store(), limits, &self.surroundings).await
    }

    pub(super) fn vault_store(&self) -> Arc<dyn VaultStore> {
        Arc::clone(&self.store) as _
    }
}

/// What resolves references and asks key services.
pub(crate) fn surroundings(loaded: &Loaded) -> Result<Surroundings, Failure> {
    let client = outbound(&loaded.config, &loaded.base)
        .map_err(Failure::new)
        .and_then(|settings| {
            Client::new(&settings)
                .map_err(|error| Failure::because("`[outbound]` cannot be used", &error))
        })?;
    let clock: portcullis_vault::Clock = Arc::new(duration::now);
    let references = References::new(
        &loaded.config.secrets,
        &loaded.base,
        &client,
        Arc::clone(&clock),
    )
    .map_err(|error| Failure::because("`[secrets]` cannot be used", &error))?;
    Ok(Surroundings {
        references,
        client,
        clock,
    })
}
