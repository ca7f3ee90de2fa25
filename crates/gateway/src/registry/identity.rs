//! What is on record about who servers are.
//!
//! It stands beside the definitions, as a kind of its own, and is decided in the same way. One
//! version of a property that waits for a decision holds the whole server back.

use std::sync::Arc;

use portcullis_store::{DefinitionKey, Observation, State, StoreError};
use serde_json::json;

use super::Registry;
use super::pins::Pins;
use crate::clock;

/// The kind under which the store has it.
pub(super) const KIND: &str = "identity";
/// Who holds a version back that was known before.
const GATEWAY: &str = "portcullis";

/// What a server is known by. The names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Property {
    /// The certificate that proves a name: its authority and its key.
    Certificate,
    /// The authorization server whose tokens it takes.
    Issuer,
    /// Scheme, host and port of its address.
    Origin,
    /// The file that is started.
    Program,
}

impl Property {
    fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Issuer => "issuer",
            Self::Origin => "origin",
            Self::Program => "program",
        }
    }
}

/// One version of a property, as it was seen.
pub(crate) struct Seen<'a> {
    pub(crate) server: &'a Arc<str>,
    pub(crate) property: Property,
    /// `sha256:` and 64 digits.
    pub(crate) hash: String,
    /// What a reviewer looks at: a JSON object.
    pub(crate) text: String,
}

/// Whether a server is the one that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recognition {
    /// It is.
    Known,
    /// It is not.
    Another,
}

impl Registry {
    /// Whether something about a server waits for a decision that nobody may use it before.
    pub(crate) fn is_held(&self, server: &str) -> bool {
        self.pins.load().is_held(server)
    }

    /// Whether any server is held back.
    pub(crate) fn holds_any(&self) -> bool {
        self.pins.load().holds_any()
    }

    /// Compares a property with the version that is pinned; the first one is pinned now.
    ///
    /// Where everything is reviewed, the first one waits to be looked at like the definitions of the
    /// server, none of which can be used before. It does not hold the server back: what a server
    /// offers could not be read for the review otherwise.
    pub(crate) async fn pin(
        &self,
        seen: &Seen<'_>,
        trust_on_first_use: bool,
    ) -> Result<Recognition, StoreError> {
        let _turn = self.observed.lock().await;
        if self.state_of(seen).is_none() {
            let pins = self.pins.load_full();
            let is_first = !pins
                .of_identity(seen.server)
                .has_versions(seen.property.as_str());
            let (state, note) = match (is_first, trust_on_first_use) {
                (false, _) => (State::Quarantined, Some("it is another one than before")),
                (true, true) => (State::Approved, None),
                (true, false) => (State::Seen, None),
            };
            let observation = observation(seen, state, note);
            self.put_on_record(observation).await?;
            if !is_first {
                warn(seen, "it is another one than before");
            }
        }
        let is_approved_other = self
            .pins
            .load()
            .of_identity(seen.server)
            .is_approved_other(seen.property.as_str(), &seen.hash);
        match self.state_of(seen) {
            Some(State::Approved | State::Seen) if !is_approved_other => Ok(Recognition::Known),
            Some(State::Quarantined | State::Rejected) | None => Ok(Recognition::Another),
            // What was good once came back in place of what is good now.
            Some(State::Approved | State::Seen | State::Withdrawn) => {
                self.hold_known(seen, "an earlier one is back").await?;
                Ok(Recognition::Another)
            }
        }
    }

    /// Holds a server back, whatever was decided about this version before.
    pub(crate) async fn hold(&self, seen: &Seen<'_>, note: &str) -> Result<(), StoreError> {
        let _turn = self.observed.lock().await;
        match self.state_of(seen) {
            Some(State::Quarantined) => Ok(()),
            Some(_) => self.hold_known(seen, note).await,
            None => {
                warn(seen, note);
                let observation = observation(seen, State::Quarantined, Some(note));
                self.put_on_record(observation).await
            }
        }
    }

    async fn hold_known(&self, seen: &Seen<'_>, note: &str) -> Result<(), StoreError> {
        warn(seen, note);
        let at = clock::unix_micros();
        let state = State::Quarantined;
        self.store
            .decide(&key(seen), &seen.hash, state, GATEWAY, at, Some(note))
            .await?;
        self.pins.store(Arc::new(Pins::load(&*self.store).await?));
        Ok(())
    }

    async fn put_on_record(&self, observation: Observation) -> Result<(), StoreError> {
        self.store
            .observe(&[observation], clock::unix_micros())
            .await?;
        self.pins.store(Arc::new(Pins::load(&*self.store).await?));
        Ok(())
    }

    fn state_of(&self, seen: &Seen<'_>) -> Option<State> {
        let pins = self.pins.load();
        pins.of_identity(seen.server)
            .state(seen.property.as_str(), &seen.hash)
    }
}

fn key(seen: &Seen<'_>) -> DefinitionKey {
    DefinitionKey {
        server: seen.server.to_string(),
        kind: KIND.to_owned(),
        name: seen.property.as_str().to_owned(),
    }
}

/// With a note it has a finding, so that it is not approved in passing along with everything else.
fn observation(seen: &Seen<'_>, state: State, note: Option<&str>) -> Observation {
    let finding = |note: &str| {
        json!({
            "rule": "server-identity-changed",
            "severity": "high",
            "confidence": "high",
            "note": note,
        })
    };
    Observation {
        key: key(seen),
        hash: seen.hash.clone(),
        text: seen.text.clone(),
        state,
        findings: note.into_iter().map(finding).collect(),
    }
}

fn warn(seen: &Seen<'_>, note: &str) {
    tracing::warn!(server = %seen.server, property = seen.property.as_str(), hash = seen.hash, note, "a server is held back: it is not the one that is known");
}
