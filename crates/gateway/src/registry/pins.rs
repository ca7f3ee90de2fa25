//! The pins in memory: an immutable copy of what the store decided.

use std::collections::HashMap;

use portcullis_store::{DefinitionKey, RegistryStore, State, StoreError};

use super::{Kind, Standing};

/// Every known version of every definition, with its state.
#[derive(Debug, Default)]
pub(super) struct Pins {
    generation: i64,
    versions: HashMap<DefinitionKey, Vec<(String, State)>>,
}

impl Pins {
    pub(super) async fn load(store: &dyn RegistryStore) -> Result<Self, StoreError> {
        // The generation is read first: a change in between is seen again, never missed.
        let generation = store.generation().await?;
        let mut versions: HashMap<DefinitionKey, Vec<(String, State)>> = HashMap::new();
        for record in store.load().await? {
            versions
                .entry(record.key)
                .or_default()
                .push((record.hash, record.state));
        }
        Ok(Self {
            generation,
            versions,
        })
    }

    pub(super) fn generation(&self) -> i64 {
        self.generation
    }

    pub(super) fn knows(&self, server: &str, kind: Kind, name: &str, hash: &str) -> bool {
        self.of(server, kind, name)
            .iter()
            .any(|(known, _)| known == hash)
    }

    pub(super) fn has_versions(&self, server: &str, kind: Kind, name: &str) -> bool {
        !self.of(server, kind, name).is_empty()
    }

    /// The standing of one version. What is not on record is not approved.
    pub(super) fn standing(&self, server: &str, kind: Kind, name: &str, hash: &str) -> Standing {
        let versions = self.of(server, kind, name);
        let approved_other = versions
            .iter()
            .any(|(known, state)| known != hash && *state == State::Approved);
        match versions
            .iter()
            .find(|(known, _)| known == hash)
            .map(|(_, state)| *state)
        {
            // Two approved versions of one name mean that the record is damaged: neither holds.
            Some(State::Approved) if !approved_other => Standing::Approved,
            Some(State::Rejected) => Standing::Rejected,
            Some(State::Withdrawn | State::Approved) => Standing::Changed,
            _ if approved_other => Standing::Changed,
            _ => Standing::Unreviewed,
        }
    }

    fn of(&self, server: &str, kind: Kind, name: &str) -> &[(String, State)] {
        let key = DefinitionKey {
            server: server.to_owned(),
            kind: kind.as_str().to_owned(),
            name: name.to_owned(),
        };
        self.versions.get(&key).map_or(&[], Vec::as_slice)
    }
}
