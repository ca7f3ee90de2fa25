//! The pins in memory: an immutable copy of what the store decided.

use std::collections::{HashMap, HashSet};

use portcullis_store::{DefinitionKey, RegistryStore, State, StoreError};

use super::{Kind, Standing, identity};

/// Every known version of every definition, with its state.
#[derive(Debug, Default)]
pub(super) struct Pins {
    generation: i64,
    /// By server, kind and name: a list asks for thousands of names of one server and kind.
    versions: HashMap<String, HashMap<String, Names>>,
    /// Servers of whose identity a version waits for a decision.
    held: HashSet<String>,
}

type Names = HashMap<String, Vec<(String, State)>>;

/// What is known of one server's definitions of one kind.
pub(super) struct OfKind<'a>(Option<&'a Names>);

impl Pins {
    pub(super) async fn load(store: &dyn RegistryStore) -> Result<Self, StoreError> {
        // The generation is read first: a change in between is seen again, never missed.
        let generation = store.generation().await?;
        let mut versions: HashMap<String, HashMap<String, Names>> = HashMap::new();
        let mut held = HashSet::new();
        for record in store.load().await? {
            if record.key.kind == identity::KIND && record.state == State::Quarantined {
                held.insert(record.key.server.clone());
            }
            let DefinitionKey { server, kind, name } = record.key;
            versions
                .entry(server)
                .or_default()
                .entry(kind)
                .or_default()
                .entry(name)
                .or_default()
                .push((record.hash, record.state));
        }
        Ok(Self {
            generation,
            versions,
            held,
        })
    }

    pub(super) fn generation(&self) -> i64 {
        self.generation
    }

    pub(super) fn of(&self, server: &str, kind: Kind) -> OfKind<'_> {
        self.of_kind(server, kind.as_str())
    }

    /// Who the server is, property by property.
    pub(super) fn of_identity(&self, server: &str) -> OfKind<'_> {
        self.of_kind(server, identity::KIND)
    }

    pub(super) fn is_held(&self, server: &str) -> bool {
        self.held.contains(server)
    }

    pub(super) fn holds_any(&self) -> bool {
        !self.held.is_empty()
    }

    fn of_kind(&self, server: &str, kind: &str) -> OfKind<'_> {
        let kinds = self.versions.get(server);
        OfKind(kinds.and_then(|kinds| kinds.get(kind)))
    }
}

impl OfKind<'_> {
    pub(super) fn knows(&self, name: &str, hash: &str) -> bool {
        self.versions(name).iter().any(|(known, _)| known == hash)
    }

    pub(super) fn has_versions(&self, name: &str) -> bool {
        !self.versions(name).is_empty()
    }

    /// What is decided about one version; `None` when it is not on record.
    pub(super) fn state(&self, name: &str, hash: &str) -> Option<State> {
        let mut versions = self.versions(name).iter();
        versions
            .find(|(known, _)| known == hash)
            .map(|(_, state)| *state)
    }

    /// Whether another version than this one is approved.
    pub(super) fn is_approved_other(&self, name: &str, hash: &str) -> bool {
        self.versions(name)
            .iter()
            .any(|(known, state)| known != hash && *state == State::Approved)
    }

    /// The standing of one version. What is not on record is not approved.
    pub(super) fn standing(&self, name: &str, hash: &str) -> Standing {
        let approved_other = self.is_approved_other(name, hash);
        match self.state(name, hash) {
            // Two approved versions of one name mean that the record is damaged: neither holds.
            Some(State::Approved) if !approved_other => Standing::Approved,
            Some(State::Rejected) => Standing::Rejected,
            Some(State::Withdrawn | State::Approved) => Standing::Changed,
            _ if approved_other => Standing::Changed,
            _ => Standing::Unreviewed,
        }
    }

    fn versions(&self, name: &str) -> &[(String, State)] {
        self.0
            .and_then(|names| names.get(name))
            .map_or(&[], Vec::as_slice)
    }
}
