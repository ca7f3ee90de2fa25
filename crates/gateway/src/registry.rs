//! The registry: which definitions are known, and which of them are approved now.
//!
//! A definition is everything a server says about one tool, prompt, resource, resource template or
//! about itself (its instructions). Its pin is the SHA-256 of its canonical JSON (RFC 8785). What
//! is not approved is neither shown nor callable; what changes after approval is held.

mod catalogue;
mod definition;
mod identity;
mod on_record;
mod pins;
mod resolve;
mod shown;
mod template;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use portcullis_mcp::result::ListKind;
use portcullis_shield::{Direction, Shield, Verdict};
use portcullis_store::{DefinitionKey, Observation, RegistryStore, State, StoreError};
use tokio::sync::Mutex;

use crate::clock;
use definition::{Read, Stated, read};
use pins::{OfKind, Pins};

pub(crate) use catalogue::{Catalogue, Freshness, Listing, Source};
pub(crate) use definition::{Definition, Item};
pub(crate) use identity::{Property, Recognition, Seen};
pub(crate) use resolve::{Call, Found, Round, aim, locate, policy_target, resolve};
pub(crate) use shown::{Rendered, Text};

/// How often an unchanged definition's "last seen" date is written.
const SEEN_INTERVAL: Duration = Duration::from_secs(600);

/// What a definition describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The server's instructions to the model.
    Instructions,
    /// A prompt.
    Prompt,
    /// A resource.
    Resource,
    /// A resource template.
    Template,
    /// A tool.
    Tool,
}

impl Kind {
    /// The name in the store and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Instructions => "instructions",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
            Self::Template => "template",
            Self::Tool => "tool",
        }
    }

    pub(crate) fn of(list: ListKind) -> Self {
        match list {
            ListKind::Tools => Self::Tool,
            ListKind::Prompts => Self::Prompt,
            ListKind::Resources => Self::Resource,
            ListKind::ResourceTemplates => Self::Template,
        }
    }
}

/// Why a definition is, or is not, in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Approved,
    /// Seen for the first time, or found suspicious, and not reviewed.
    Unreviewed,
    /// Another version of it was approved.
    Changed,
    Rejected,
}

/// The part of the configuration that decides about definitions.
pub(crate) struct Rules<'a> {
    /// The control `definition-pins`.
    pub(crate) enforce: bool,
    /// Approve what is seen for the first time and raises no finding.
    pub(crate) trust_on_first_use: bool,
    pub(crate) shield: &'a Shield,
}

/// Judges definitions against the pins in the store.
pub(crate) struct Registry {
    store: Arc<dyn RegistryStore>,
    pins: ArcSwap<Pins>,
    /// Serialises what is observed, so that two connections cannot both be first.
    observed: Mutex<HashMap<(Arc<str>, Kind), Instant>>,
    /// What servers offered when they were last read.
    on_record: Mutex<on_record::Lists>,
}

impl Registry {
    pub(crate) async fn open(store: Arc<dyn RegistryStore>) -> Result<Self, StoreError> {
        let pins = Pins::load(&*store).await?;
        Ok(Self {
            store,
            pins: ArcSwap::from_pointee(pins),
            observed: Mutex::new(HashMap::new()),
            on_record: Mutex::default(),
        })
    }

    /// The store's generation that the current pins reflect.
    pub(crate) fn generation(&self) -> i64 {
        self.pins.load().generation()
    }

    /// Takes over what another process decided. Cheap when nothing changed.
    pub(crate) async fn refresh(&self) -> Result<bool, StoreError> {
        if self.store.generation().await? == self.generation() {
            return Ok(false);
        }
        self.pins.store(Arc::new(Pins::load(&*self.store).await?));
        Ok(true)
    }

    /// Judges one complete list of a server. Unknown definitions are put on record first. What was
    /// read before is not read again, and what stands as it stood is the very same definition.
    pub(crate) async fn judge(
        &self,
        server: &Arc<str>,
        kind: Kind,
        items: Vec<Item>,
        rules: &Rules<'_>,
    ) -> Result<Vec<Arc<Definition>>, StoreError> {
        let read = read(server, kind, items);
        if rules.enforce {
            self.observe(server, kind, &read, rules).await?;
        }
        let pins = self.pins.load();
        let pins = rules.enforce.then(|| pins.of(server, kind));
        Ok(read
            .into_iter()
            .map(|read| {
                let standing = match &pins {
                    Some(pins) => pins.standing(&read.name, &read.hash),
                    None => Standing::Approved,
                };
                read.standing(standing)
            })
            .collect())
    }

    /// Judges definitions again after the pins changed, without asking the server.
    pub(crate) fn judge_again(
        &self,
        definitions: &[Arc<Definition>],
        enforce: bool,
    ) -> Vec<Arc<Definition>> {
        let pins = self.pins.load();
        let judged = definitions.iter().map(|known| {
            let standing = if enforce {
                pins.of(&known.server, known.kind)
                    .standing(&known.name, &known.hash)
            } else {
                Standing::Approved
            };
            Arc::clone(known).with(standing)
        });
        judged.collect()
    }

    async fn observe(
        &self,
        server: &Arc<str>,
        kind: Kind,
        seen: &[Read],
        rules: &Rules<'_>,
    ) -> Result<(), StoreError> {
        let mut observed = self.observed.lock().await;
        let pins = self.pins.load_full();
        let pins = pins.of(server, kind);
        let unknown: Vec<&Stated> = seen
            .iter()
            .map(|seen| &**seen)
            .filter(|seen| !pins.knows(&seen.name, &seen.hash))
            .collect();
        let slot = (Arc::clone(server), kind);
        let stale = observed
            .get(&slot)
            .is_none_or(|last| last.elapsed() > SEEN_INTERVAL);
        let due: Vec<&Stated> = if stale {
            seen.iter().map(|seen| &**seen).collect()
        } else {
            unknown
        };
        if due.is_empty() {
            return Ok(());
        }
        let observations: Vec<Observation> = due
            .into_iter()
            .map(|seen| observation(seen, &pins, rules))
            .collect();
        self.store
            .observe(&observations, clock::unix_micros())
            .await?;
        self.pins.store(Arc::new(Pins::load(&*self.store).await?));
        // What is new is dated by itself; the dates of the rest are due when they were.
        if stale {
            observed.insert(slot, Instant::now());
        }
        for new in observations
            .iter()
            .filter(|new| new.state != State::Approved)
        {
            if !pins.knows(&new.key.name, &new.hash) {
                tracing::warn!(server = %server, kind = kind.as_str(), name = new.key.name, state = new.state.as_str(), "a definition is held for review");
            }
        }
        Ok(())
    }
}

/// The state in which a definition goes on record for the first time.
fn observation(seen: &Stated, pins: &OfKind<'_>, rules: &Rules<'_>) -> Observation {
    let screening = rules.shield.screen(Direction::Definition, &seen.text);
    let suspicious = matches!(screening.verdict, Verdict::Hold | Verdict::Block);
    let state = if suspicious || pins.has_versions(&seen.name) {
        State::Quarantined
    } else if rules.trust_on_first_use {
        State::Approved
    } else {
        State::Seen
    };
    Observation {
        key: DefinitionKey {
            server: seen.server.to_string(),
            kind: seen.kind.as_str().to_owned(),
            name: seen.name.clone(),
        },
        hash: seen.hash.clone(),
        text: seen.text.clone(),
        state,
        findings: serde_json::to_value(&screening.findings).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
