//! The registry: which definitions are known, and which of them are approved now.
//!
//! A definition is everything a server says about one tool, prompt, resource, resource template or
//! about itself (its instructions). Its pin is the SHA-256 of its canonical JSON (RFC 8785). What
//! is not approved is neither shown nor callable; what changes after approval is held.

mod catalogue;
mod pins;
mod resolve;
mod template;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use portcullis_mcp::json::{self, Object, Span, Splice};
use portcullis_mcp::param_headers::{ParamHeaderFault, ParamHeaders};
use portcullis_mcp::result::ListKind;
use portcullis_shield::{Direction, Shield, Verdict};
use portcullis_store::{DefinitionKey, Observation, RegistryStore, State, StoreError};
use tokio::sync::Mutex;

use crate::clock;
use crate::digest::sha256;
use pins::Pins;

pub(crate) use catalogue::{Catalogue, Freshness, Listing, Source};
pub(crate) use resolve::{Call, Found, Round, aim, locate, policy_target, resolve};

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

/// A definition as a server gave it, with its standing.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) server: Arc<str>,
    pub(crate) kind: Kind,
    /// Tool or prompt name, URI, or URI template.
    pub(crate) name: String,
    /// The JSON object the server sent.
    pub(crate) text: String,
    pub(crate) hash: String,
    pub(crate) standing: Standing,
    /// The arguments that a call mirrors in headers; empty but for tools.
    pub(crate) mirrored: Arc<ParamHeaders>,
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
}

/// A definition before it was judged.
struct Seen {
    name: String,
    text: String,
    hash: String,
    mirrored: Arc<ParamHeaders>,
}

impl Registry {
    pub(crate) async fn open(store: Arc<dyn RegistryStore>) -> Result<Self, StoreError> {
        let pins = Pins::load(&*store).await?;
        Ok(Self {
            store,
            pins: ArcSwap::from_pointee(pins),
            observed: Mutex::new(HashMap::new()),
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

    /// Judges one complete list of a server. Unknown definitions are put on record first.
    pub(crate) async fn judge(
        &self,
        server: &Arc<str>,
        kind: Kind,
        items: Vec<(String, String)>,
        rules: &Rules<'_>,
    ) -> Result<Vec<Arc<Definition>>, StoreError> {
        let seen = distinct(server, kind, items);
        if rules.enforce {
            self.observe(server, kind, &seen, rules).await?;
        }
        let pins = self.pins.load();
        let judged = seen.into_iter().map(|seen| {
            let standing = if rules.enforce {
                pins.standing(server, kind, &seen.name, &seen.hash)
            } else {
                Standing::Approved
            };
            let Seen {
                name,
                text,
                hash,
                mirrored,
            } = seen;
            Arc::new(Definition {
                server: Arc::clone(server),
                kind,
                name,
                text,
                hash,
                standing,
                mirrored,
            })
        });
        Ok(judged.collect())
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
                pins.standing(&known.server, known.kind, &known.name, &known.hash)
            } else {
                Standing::Approved
            };
            if standing == known.standing {
                return Arc::clone(known);
            }
            Arc::new(Definition {
                server: Arc::clone(&known.server),
                kind: known.kind,
                name: known.name.clone(),
                text: known.text.clone(),
                hash: known.hash.clone(),
                standing,
                mirrored: Arc::clone(&known.mirrored),
            })
        });
        judged.collect()
    }

    async fn observe(
        &self,
        server: &Arc<str>,
        kind: Kind,
        seen: &[Seen],
        rules: &Rules<'_>,
    ) -> Result<(), StoreError> {
        let mut observed = self.observed.lock().await;
        let pins = self.pins.load_full();
        let unknown: Vec<&Seen> = seen
            .iter()
            .filter(|seen| !pins.knows(server, kind, &seen.name, &seen.hash))
            .collect();
        let slot = (Arc::clone(server), kind);
        let stale = observed
            .get(&slot)
            .is_none_or(|last| last.elapsed() > SEEN_INTERVAL);
        let due: Vec<&Seen> = if stale {
            seen.iter().collect()
        } else {
            unknown
        };
        if due.is_empty() {
            return Ok(());
        }
        let observations: Vec<Observation> = due
            .into_iter()
            .map(|seen| observation(server, kind, seen, &pins, rules))
            .collect();
        self.store
            .observe(&observations, clock::unix_micros())
            .await?;
        self.pins.store(Arc::new(Pins::load(&*self.store).await?));
        observed.insert(slot, Instant::now());
        for new in observations
            .iter()
            .filter(|new| new.state != State::Approved)
        {
            if !pins.knows(server, kind, &new.key.name, &new.hash) {
                tracing::warn!(server = %server, kind = kind.as_str(), name = new.key.name, state = new.state.as_str(), "a definition is held for review");
            }
        }
        Ok(())
    }
}

/// The state in which a definition goes on record for the first time.
fn observation(
    server: &str,
    kind: Kind,
    seen: &Seen,
    pins: &Pins,
    rules: &Rules<'_>,
) -> Observation {
    let screening = rules.shield.screen(Direction::Definition, &seen.text);
    let suspicious = matches!(screening.verdict, Verdict::Hold | Verdict::Block);
    let state = if suspicious || pins.has_versions(server, kind, &seen.name) {
        State::Quarantined
    } else if rules.trust_on_first_use {
        State::Approved
    } else {
        State::Seen
    };
    Observation {
        key: DefinitionKey {
            server: server.to_owned(),
            kind: kind.as_str().to_owned(),
            name: seen.name.clone(),
        },
        hash: seen.hash.clone(),
        text: seen.text.clone(),
        state,
        findings: serde_json::to_value(&screening.findings).unwrap_or_default(),
    }
}

/// Names of one list are unique. The second of two equal names is dropped: the first is what a
/// reviewer saw, and a call could not say which of them it means.
fn distinct(server: &str, kind: Kind, items: Vec<(String, String)>) -> Vec<Seen> {
    let mut names = HashSet::new();
    let mut seen = Vec::with_capacity(items.len());
    for (name, text) in items {
        if !names.insert(name.clone()) {
            tracing::warn!(
                server,
                kind = kind.as_str(),
                name,
                "the server lists this name twice; the second is dropped"
            );
            continue;
        }
        let mirrored = match mirrored(kind, &text) {
            Ok(mirrored) => mirrored,
            // A client must leave such a tool out (2026-07-28, custom headers).
            Err(error) => {
                tracing::warn!(server, name, %error, "the tool is dropped");
                continue;
            }
        };
        match json::canonical(&pinned_text(kind, &text)) {
            Ok(canonical) => seen.push(Seen {
                name,
                hash: sha256(canonical.as_bytes()),
                text,
                mirrored,
            }),
            Err(error) => {
                tracing::warn!(server, kind = kind.as_str(), name, %error, "a definition has no canonical form; it is dropped")
            }
        }
    }
    seen
}

/// The arguments that calls of this definition mirror in headers.
fn mirrored(kind: Kind, text: &str) -> Result<Arc<ParamHeaders>, ParamHeaderFault> {
    match kind {
        Kind::Tool => ParamHeaders::of_tool(text).map(Arc::new),
        _ => Ok(Arc::default()),
    }
}

/// The part of a definition that its pin covers: all of it, but for two members of a resource that
/// change with its content and say nothing to a model (`size`, `annotations.lastModified`). Only a
/// number and a date say nothing; anything else in their place is pinned.
fn pinned_text(kind: Kind, text: &str) -> std::borrow::Cow<'_, str> {
    if kind != Kind::Resource {
        return text.into();
    }
    let pinned = || -> Result<String, json::JsonError> {
        let object = Object::parse(text)?;
        let mut splice = Splice::new(text);
        if object.get("size").is_some_and(|size| is_size(size.value)) {
            splice.remove_member(
                Span {
                    start: 0,
                    end: text.len(),
                },
                "size",
            )?;
        }
        if let Some(annotations) = object.get("annotations")
            && Object::parse(annotations.value).is_ok_and(|inner| {
                inner
                    .get("lastModified")
                    .is_some_and(|date| is_date(date.value))
            })
        {
            splice.remove_member(annotations.value_span, "lastModified")?;
        }
        Ok(splice.finish().into_owned())
    };
    // What cannot be reduced is pinned whole: stricter, never looser.
    pinned().map_or(text.into(), Into::into)
}

fn is_size(raw: &str) -> bool {
    raw.len() <= 20 && raw.bytes().all(|byte| byte.is_ascii_digit())
}

/// A date and time by RFC 3339, told by its characters.
fn is_date(raw: &str) -> bool {
    raw.len() <= 40
        && json::as_string(raw).is_some_and(|date| {
            date.bytes()
                .all(|byte| byte.is_ascii_digit() || b"-:.+TZ ".contains(&byte))
        })
}

#[cfg(test)]
mod tests;
