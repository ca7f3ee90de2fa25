//! The definition registry: which versions of which definitions were seen, and what was
//! decided about them.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::StoreError;

/// Versions of definitions and the decisions about them.
#[async_trait]
pub trait RegistryStore: Send + Sync {
    /// Every version of every definition, ordered by key and then by first sight.
    async fn load(&self) -> Result<Vec<DefinitionRecord>, StoreError>;

    /// Notes that these versions were seen at `at_us`, in one transaction.
    ///
    /// An unknown version is stored in [`Observation::state`], with one exception: seeing a
    /// version never puts it beside or in place of an approved one, so a version observed as
    /// approved while another version of its key is approved is stored as quarantined. A
    /// known version keeps its state; the time of its last sight is written at most once a
    /// minute.
    async fn observe(&self, seen: &[Observation], at_us: i64) -> Result<(), StoreError>;

    /// Gives one version a state. Approving a version withdraws the version of the same key
    /// that was approved before.
    ///
    /// # Errors
    /// [`StoreError::UnknownDefinition`] if that version was never observed.
    async fn decide(
        &self,
        key: &DefinitionKey,
        hash: &str,
        state: State,
        by: &str,
        at_us: i64,
        note: Option<&str>,
    ) -> Result<Decided, StoreError>;

    /// What happened to the versions of one definition, oldest first: first sights,
    /// decisions, and withdrawals that followed from them. Append-only.
    async fn history(&self, key: &DefinitionKey) -> Result<Vec<Decision>, StoreError>;

    /// A number that grows with every change of versions or states, by whichever process.
    async fn generation(&self) -> Result<i64, StoreError>;
}

/// What a definition is called: one server's tool, prompt, resource, template or
/// instructions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DefinitionKey {
    /// The server's configured name.
    pub server: String,
    /// `tool`, `prompt`, `resource`, `template` or `instructions`.
    pub kind: String,
    /// The definition's name or URI.
    pub name: String,
}

/// One version of a definition as a server sent it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Which definition.
    pub key: DefinitionKey,
    /// The version: the hash of its canonical form.
    pub hash: String,
    /// The definition's JSON as the server sent it.
    pub text: String,
    /// The state of a version that is new to the registry.
    pub state: State,
    /// What the detectors saw in it.
    pub findings: serde_json::Value,
}

/// What is decided about a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Seen, nothing decided.
    Seen,
    /// Held until someone decides.
    Quarantined,
    /// The pinned version.
    Approved,
    /// Refused.
    Rejected,
    /// Approved once, replaced by another version since.
    Withdrawn,
}

impl State {
    /// Every state.
    pub const ALL: [State; 5] = [
        State::Seen,
        State::Quarantined,
        State::Approved,
        State::Rejected,
        State::Withdrawn,
    ];

    /// The state's stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            State::Seen => "seen",
            State::Quarantined => "quarantined",
            State::Approved => "approved",
            State::Rejected => "rejected",
            State::Withdrawn => "withdrawn",
        }
    }

    /// The state of that name, exactly as [`State::as_str`] writes it.
    #[must_use]
    pub fn parse(name: &str) -> Option<State> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::parse(name).ok_or(UnknownState)
    }
}

/// A name that is no [`State`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown definition state")]
pub struct UnknownState;

/// One stored version of a definition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DefinitionRecord {
    /// Which definition.
    pub key: DefinitionKey,
    /// The version: the hash of its canonical form.
    pub hash: String,
    /// The definition's JSON as the server sent it.
    pub text: String,
    /// What is decided about this version.
    pub state: State,
    /// Unix microseconds.
    pub first_seen_us: i64,
    /// Unix microseconds, exact to a minute.
    pub last_seen_us: i64,
    /// Who decided; `None` while the state is the initial one.
    pub decided_by: Option<String>,
    /// When, unix microseconds.
    pub decided_at_us: Option<i64>,
    /// What the detectors saw when the version was first seen.
    pub findings: serde_json::Value,
    /// The note given with the last decision.
    pub note: Option<String>,
}

/// What a decision did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The version's state before.
    pub previous: State,
    /// The hash of the version that lost its approval to this one.
    pub withdrawn: Option<String>,
    /// The registry's generation after the decision.
    pub generation: i64,
}

/// One line of a definition's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The position in the history of the whole registry.
    pub seq: i64,
    /// Which definition.
    pub key: DefinitionKey,
    /// Which version.
    pub hash: String,
    /// The state before; `None` at first sight.
    pub from: Option<State>,
    /// The state after.
    pub to: State,
    /// Who decided; `None` at first sight.
    pub by: Option<String>,
    /// Unix microseconds.
    pub at_us: i64,
    /// What the one who decided wrote.
    pub note: Option<String>,
}

#[cfg(test)]
mod tests;
