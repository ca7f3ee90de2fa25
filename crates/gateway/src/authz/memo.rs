//! Decisions that were made before.
//!
//! A decision follows from the policies and from what the query says, and from nothing else: no
//! clock, no counter, nothing of the message itself. It holds for as long as the policies do, and the
//! memo lives and dies with them.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use portcullis_policy::{Decision, Query, Target};

/// Decisions are kept in parts, so that callers seldom wait for each other.
const SHARDS: usize = 16;
/// How many decisions a part keeps, and again as many of those that were asked for before them.
const KEPT: usize = 1_024;
/// What is longer is decided anew every time, so that names that callers make up cannot fill the
/// memory.
const MAX_KEY: usize = 1_024;

/// The decisions of one set of policies.
#[derive(Debug)]
pub(super) struct Memo {
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    recent: HashMap<Vec<u8>, Arc<Decision>>,
    older: HashMap<Vec<u8>, Arc<Decision>>,
}

impl Memo {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// The decision about `query`, made now by `decide` where it is not known.
    pub(super) fn decision(
        &self,
        query: &Query<'_>,
        decide: impl FnOnce() -> Decision,
    ) -> Arc<Decision> {
        let key = key(query);
        let at = usize::try_from(self.hasher.hash_one(&key)).unwrap_or_default() % SHARDS;
        let shard = self.shards.get(at).filter(|_| key.len() <= MAX_KEY);
        let Some(shard) = shard else {
            return Arc::new(decide());
        };
        // A map is whole between any two of its operations, so that one that a panic left is as good.
        let known = shard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .find(&key);
        known.unwrap_or_else(|| {
            let made = Arc::new(decide());
            shard
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .keep(key, Arc::clone(&made));
            made
        })
    }
}

impl Shard {
    fn find(&mut self, key: &[u8]) -> Option<Arc<Decision>> {
        if let Some(decision) = self.recent.get(key) {
            return Some(Arc::clone(decision));
        }
        let (key, decision) = self.older.remove_entry(key)?;
        self.keep(key, Arc::clone(&decision));
        Some(decision)
    }

    fn keep(&mut self, key: Vec<u8>, decision: Arc<Decision>) {
        if self.recent.len() >= KEPT {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(key, decision);
    }
}

/// Everything a query says, in a form that no other query has: each text has its length before it,
/// and each list its number.
fn key(query: &Query<'_>) -> Vec<u8> {
    let principal = &query.principal;
    let (kind, server, name) = match query.resource {
        Target::Profile(name) => ("profile", "", name),
        Target::Tool { server, name } => ("tool", server, name),
        Target::Resource { server, uri } => ("resource", server, uri),
        Target::Prompt { server, name } => ("prompt", server, name),
    };
    let context = &query.context;
    let sign_in = &context.sign_in;
    let texts = [
        principal.kind.as_str(),
        principal.id,
        principal.authentication,
        query.action.as_str(),
        kind,
        server,
        name,
        context.profile,
        context.era,
        context.transport,
    ];
    let mut key = Vec::with_capacity(192);
    for text in texts {
        add(&mut key, text);
    }
    // What is absent must differ from what is empty.
    for text in [
        principal.issuer,
        principal.tenant,
        sign_in.client,
        sign_in.actor,
        sign_in.acr,
    ] {
        key.push(u8::from(text.is_some()));
        add(&mut key, text.unwrap_or_default());
    }
    key.push(u8::from(sign_in.bound));
    key.push(u8::from(sign_in.minutes.is_some()));
    key.extend_from_slice(&sign_in.minutes.unwrap_or_default().to_le_bytes());
    for list in [
        principal.groups,
        principal.roles,
        sign_in.scopes,
        sign_in.contexts,
    ] {
        number(&mut key, list.len());
        for text in list {
            add(&mut key, text);
        }
    }
    key
}

fn add(key: &mut Vec<u8>, text: &str) {
    number(key, text.len());
    key.extend_from_slice(text.as_bytes());
}

/// What does not fit makes a key that is too long to be kept.
fn number(key: &mut Vec<u8>, number: usize) {
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    key.extend_from_slice(&number.to_le_bytes());
}

#[cfg(test)]
mod tests;
