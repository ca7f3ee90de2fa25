//! What a server offered when it was last read.
//!
//! Users without an account at a server cannot have its lists read for them. What other users' lists
//! had, and somebody approved, says what an account there is good for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis_store::{DefinitionRecord, State, StoreError};

use super::definition::read;
use super::{Definition, Item, Kind, Registry, SEEN_INTERVAL, Standing};

/// How long what was read of the store is good. What the store decides counts at once.
const FRESH: Duration = Duration::from_secs(60);
/// How far the dates of one list lie apart: one that is new is dated at once, the rest with the next
/// turn, and dates are exact to a minute.
const APART: Duration = SEEN_INTERVAL.saturating_add(Duration::from_secs(120));

/// One list of one server, as it was last read for anybody.
pub(super) struct OnRecord {
    generation: i64,
    read: Instant,
    definitions: Arc<[Arc<Definition>]>,
}

pub(super) type Lists = HashMap<(Arc<str>, Kind), OnRecord>;

impl Registry {
    /// The approved definitions that a server offered when its list was last read, by name. None
    /// without pins: nothing is on record then.
    pub(crate) async fn approved(
        &self,
        server: &Arc<str>,
        kind: Kind,
        enforce: bool,
    ) -> Result<Arc<[Arc<Definition>]>, StoreError> {
        if !enforce {
            return Ok(Arc::default());
        }
        let mut lists = self.on_record.lock().await;
        let slot = (Arc::clone(server), kind);
        let generation = self.generation();
        let before = lists.get(&slot);
        if let Some(known) = before
            && known.generation == generation
            && known.read.elapsed() <= FRESH
        {
            return Ok(Arc::clone(&known.definitions));
        }
        let records = self.store.load().await?;
        let before = before.map_or(&[][..], |before| &before.definitions);
        let items = items(last_seen(records, server, kind), before);
        let pins = self.pins.load();
        let pins = pins.of(server, kind);
        let definitions: Arc<[_]> = read(server, kind, items)
            .into_iter()
            .filter(|read| pins.standing(&read.name, &read.hash) == Standing::Approved)
            .map(|read| read.standing(Standing::Approved))
            .collect();
        let known = OnRecord {
            generation,
            read: Instant::now(),
            definitions: Arc::clone(&definitions),
        };
        lists.insert(slot, known);
        Ok(definitions)
    }
}

/// What is approved of one list and was in it when it was last read, by name.
fn last_seen(records: Vec<DefinitionRecord>, server: &str, kind: Kind) -> Vec<DefinitionRecord> {
    let mut of_list = records;
    of_list.retain(|record| record.key.server == server && record.key.kind == kind.as_str());
    let latest = of_list.iter().map(|record| record.last_seen_us).max();
    let apart = i64::try_from(APART.as_micros()).unwrap_or(i64::MAX);
    let since = latest.unwrap_or_default().saturating_sub(apart);
    // What a server says otherwise by now is not what it offers.
    let mut latest: HashMap<String, i64> = HashMap::new();
    for record in &of_list {
        let seen = latest.entry(record.key.name.clone()).or_default();
        *seen = record.last_seen_us.max(*seen);
    }
    of_list.retain(|record| {
        let is_latest = latest.get(&record.key.name) == Some(&record.last_seen_us);
        record.state == State::Approved && is_latest && record.last_seen_us >= since
    });
    of_list.sort_by(|one, other| one.key.name.cmp(&other.key.name));
    of_list
}

/// What stands word for word as it stood need not be read again.
fn items(records: Vec<DefinitionRecord>, before: &[Arc<Definition>]) -> Vec<Item> {
    let before: HashMap<&str, &Arc<Definition>> = before
        .iter()
        .map(|known| (known.text.as_str(), known))
        .collect();
    let item = |record: DefinitionRecord| match before.get(record.text.as_str()) {
        Some(known) if known.name == record.key.name => Item::Known(Arc::clone(known)),
        _ => Item::New {
            name: record.key.name,
            text: record.text,
        },
    };
    records.into_iter().map(item).collect()
}
