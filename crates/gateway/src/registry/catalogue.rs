//! What one connection offers: its lists, fetched whole, judged, and kept until they may be stale.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use portcullis_mcp::json::{Object, quote};
use portcullis_mcp::message::Kind as MessageKind;
use portcullis_mcp::result::{self, ListKind};
use portcullis_upstream::{Connection, Credentials, Request};
use tokio::sync::Mutex;

use super::{Definition, Item, Kind, Registry, Rules};
use crate::credentials::Caller;
use crate::refusal::{Reason, Refusal};
use crate::server_identity::Binding;
use crate::upstream::refused;

/// How long a list serves calls before it is fetched again. A server that announces its changes is
/// asked at once; this bounds what a silent one can do.
const FRESH: Duration = Duration::from_secs(60);
const MAX_PAGES: usize = 1_000;

/// One judged list of one connection.
#[derive(Debug)]
pub(crate) struct Listing {
    contents: Arc<Contents>,
    stamp: Stamp,
    fetched: Instant,
}

#[derive(Debug)]
struct Contents {
    definitions: Vec<Arc<Definition>>,
    index: HashMap<String, usize>,
}

impl Listing {
    /// In the server's order.
    pub(crate) fn definitions(&self) -> &[Arc<Definition>] {
        &self.contents.definitions
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Definition>> {
        let at = self.contents.index.get(name)?;
        self.contents.definitions.get(*at)
    }

    /// Takes over the contents of the list before where nothing changed.
    fn new(
        definitions: Vec<Arc<Definition>>,
        before: Option<&Self>,
        stamp: Stamp,
        fetched: Instant,
    ) -> Self {
        let same = before.filter(|before| before.holds(&definitions));
        let contents = match same {
            Some(before) => Arc::clone(&before.contents),
            None => Arc::new(Contents {
                index: definitions
                    .iter()
                    .enumerate()
                    .map(|(at, definition)| (definition.name.clone(), at))
                    .collect(),
                definitions,
            }),
        };
        Self {
            contents,
            stamp,
            fetched,
        }
    }

    fn holds(&self, definitions: &[Arc<Definition>]) -> bool {
        let own = self.definitions();
        own.len() == definitions.len()
            && own
                .iter()
                .zip(definitions)
                .all(|(own, other)| own.is_same(other))
    }
}

/// What a list depends on.
#[derive(Debug, Clone)]
struct Stamp {
    connection: Weak<Connection>,
    change: u64,
    generation: i64,
    enforced: bool,
}

/// The lists of one server as one lease sees them.
#[derive(Default)]
pub(crate) struct Catalogue {
    slots: [Slot; 4],
    instructions: Slot,
}

#[derive(Default)]
struct Slot {
    listing: ArcSwapOption<Listing>,
    /// One fetch at a time; the others wait for its result.
    fetching: Mutex<()>,
}

/// Whether a cached list will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// For a call: a recent list will do, unless the server announced a change.
    Recent,
    /// For a list: ask the server.
    Now,
}

impl Catalogue {
    /// The judged list of `kind`, fetched if need be.
    pub(crate) async fn listing(
        &self,
        kind: ListKind,
        freshness: Freshness,
        source: &Source<'_>,
    ) -> Result<Arc<Listing>, Refusal> {
        let Some(slot) = self.slots.get(position(kind)) else {
            return Err(Refusal::new(Reason::Internal));
        };
        if freshness == Freshness::Recent
            && let Some(listing) = source.current(slot, Some(kind))
        {
            return Ok(listing);
        }
        let asked = Instant::now();
        let _turn = slot.fetching.lock().await;
        // Somebody else may have fetched it while this task waited.
        if let Some(listing) = source
            .current(slot, Some(kind))
            .filter(|listing| freshness == Freshness::Recent || listing.fetched >= asked)
        {
            return Ok(listing);
        }
        let stamp = source.stamp(Some(kind));
        let fetched = Instant::now();
        // Another connection's will do as well: an entry is told by its text.
        let before = slot.listing.load_full();
        let items = source.fetch(kind, before.as_deref()).await?;
        let definitions = source.judge(Kind::of(kind), items).await?;
        let listing = Arc::new(Listing::new(
            definitions,
            before.as_deref(),
            Stamp {
                generation: source.registry.generation(),
                ..stamp
            },
            fetched,
        ));
        slot.listing.store(Some(Arc::clone(&listing)));
        Ok(listing)
    }

    /// The list as it was last read, however old.
    pub(crate) fn peek(&self, kind: ListKind) -> Option<Arc<Listing>> {
        self.slots.get(position(kind))?.listing.load_full()
    }

    /// Whether the list was read on another connection, or before a change was announced on this one.
    pub(crate) fn is_outdated(&self, kind: ListKind, connection: &Arc<Connection>) -> bool {
        self.peek(kind).is_some_and(|listing| {
            !listing.stamp.connection.ptr_eq(&Arc::downgrade(connection))
                || listing.stamp.change != announced(connection, kind)
        })
    }

    /// The list as it was last read, judged by the present pins.
    pub(crate) fn judge_again(&self, kind: ListKind, source: &Source<'_>) -> Option<Arc<Listing>> {
        let listing = self.peek(kind)?;
        let stamp = Stamp {
            connection: Weak::clone(&listing.stamp.connection),
            change: listing.stamp.change,
            ..source.stamp(Some(kind))
        };
        let enforce = source.rules.enforce;
        let judged = source.registry.judge_again(listing.definitions(), enforce);
        let listing = Listing::new(judged, Some(&listing), stamp, listing.fetched);
        Some(Arc::new(listing))
    }

    /// The server's instructions, if there are any and they are approved.
    pub(crate) async fn instructions(
        &self,
        source: &Source<'_>,
    ) -> Result<Option<Arc<Definition>>, Refusal> {
        let Some(text) = source.connection.instructions() else {
            return Ok(None);
        };
        let listing = match source.current(&self.instructions, None) {
            Some(listing) => listing,
            None => {
                let _turn = self.instructions.fetching.lock().await;
                let item = Item::New {
                    name: "instructions".to_owned(),
                    text: format!("{{\"instructions\":{}}}", quote(text)),
                };
                let definitions = source.judge(Kind::Instructions, vec![item]).await?;
                let stamp = Stamp {
                    generation: source.registry.generation(),
                    ..source.stamp(None)
                };
                let listing = Arc::new(Listing::new(definitions, None, stamp, Instant::now()));
                self.instructions.listing.store(Some(Arc::clone(&listing)));
                listing
            }
        };
        Ok(listing
            .definitions()
            .first()
            .filter(|definition| definition.standing == super::Standing::Approved)
            .cloned())
    }
}

/// Where lists come from and who judges them.
pub(crate) struct Source<'a> {
    pub(crate) server: &'a Arc<str>,
    pub(crate) connection: &'a Arc<Connection>,
    pub(crate) binding: &'a Binding,
    /// Whose token goes with what is asked; `None`: that of whoever used the connection last.
    pub(crate) caller: Option<Caller>,
    pub(crate) registry: &'a Registry,
    pub(crate) rules: Rules<'a>,
    pub(crate) max_items: usize,
}

impl Source<'_> {
    fn stamp(&self, kind: Option<ListKind>) -> Stamp {
        Stamp {
            connection: Arc::downgrade(self.connection),
            change: kind.map_or(0, |kind| announced(self.connection, kind)),
            generation: self.registry.generation(),
            enforced: self.rules.enforce,
        }
    }

    /// The cached list, judged by the present pins, if it may still be used.
    fn current(&self, slot: &Slot, kind: Option<ListKind>) -> Option<Arc<Listing>> {
        let listing = slot.listing.load_full()?;
        let stamp = self.stamp(kind);
        if !listing.stamp.connection.ptr_eq(&stamp.connection)
            || listing.stamp.change != stamp.change
            || listing.fetched.elapsed() > FRESH
        {
            return None;
        }
        if listing.stamp.generation == stamp.generation && listing.stamp.enforced == stamp.enforced
        {
            return Some(listing);
        }
        let definitions = self
            .registry
            .judge_again(listing.definitions(), self.rules.enforce);
        let judged = Listing::new(definitions, Some(&listing), stamp, listing.fetched);
        let judged = Arc::new(judged);
        slot.listing.store(Some(Arc::clone(&judged)));
        Some(judged)
    }

    async fn judge(&self, kind: Kind, items: Vec<Item>) -> Result<Vec<Arc<Definition>>, Refusal> {
        self.registry
            .judge(self.server, kind, items, &self.rules)
            .await
            .map_err(|cause| Refusal::new(Reason::Internal).because(cause))
    }

    /// Every page of a list. A server that does not offer the feature has an empty one.
    /// What stands word for word in the list before is taken from there.
    async fn fetch(&self, kind: ListKind, before: Option<&Listing>) -> Result<Vec<Item>, Refusal> {
        let mut items = Vec::new();
        if !offers(self.connection.capabilities(), kind) {
            return Ok(items);
        }
        let mut params = "{}".to_owned();
        for _ in 0..MAX_PAGES {
            let message = self.ask(kind, &params).await?;
            let Some(text) = message.result() else {
                // Some servers announce a feature and lack one of its lists (templates, above all).
                if message.kind() == MessageKind::Error && items.is_empty() {
                    return Ok(items);
                }
                return Err(Refusal::new(Reason::UpstreamProtocol));
            };
            let page = result::page(kind, text)
                .map_err(|cause| Refusal::new(Reason::UpstreamProtocol).because(cause))?;
            items.extend(page.items.into_iter().map(|item| {
                let known = before
                    .and_then(|before| before.find(&item.identity))
                    .filter(|known| known.text == item.text && known.server == *self.server);
                match known {
                    Some(known) => Item::Known(Arc::clone(known)),
                    None => Item::New {
                        name: item.identity.into_owned(),
                        text: item.text.to_owned(),
                    },
                }
            }));
            if items.len() > self.max_items {
                return Err(Refusal::new(Reason::UpstreamTooLarge)
                    .detail(format!("more than {} items in a list", self.max_items)));
            }
            let Some(cursor) = page.next_cursor else {
                return Ok(items);
            };
            let next = format!("{{\"cursor\":{}}}", quote(&cursor));
            if next == params {
                return Err(
                    Refusal::new(Reason::UpstreamProtocol).detail("the server repeats a cursor")
                );
            }
            params = next;
        }
        Err(Refusal::new(Reason::UpstreamTooLarge).detail("the list has too many pages"))
    }

    async fn ask(
        &self,
        kind: ListKind,
        params: &str,
    ) -> Result<portcullis_mcp::message::Message, Refusal> {
        let request = Request {
            method: kind.method(),
            params,
            name: None,
            headers: &[],
            progress: false,
            log_level: None,
            credentials: self
                .caller
                .as_ref()
                .map(|caller| caller as &dyn Credentials),
        };
        let answer = match self.connection.request(request).await {
            Ok(exchange) => exchange.answer().await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(message) => Ok(message),
            Err(error) => Err(self.binding.refused(error, refused).await),
        }
    }
}

/// Whether the server's capabilities announce the feature behind a list.
pub(crate) fn offers(capabilities: &str, kind: ListKind) -> bool {
    let member = match kind {
        ListKind::Tools => "tools",
        ListKind::Prompts => "prompts",
        ListKind::Resources | ListKind::ResourceTemplates => "resources",
    };
    Object::parse(capabilities).is_ok_and(|object| object.get(member).is_some())
}

/// How often the server announced that this list changed.
fn announced(connection: &Connection, kind: ListKind) -> u64 {
    let counts = connection.list_changes().counts();
    match kind {
        ListKind::Tools => counts.tools,
        ListKind::Prompts => counts.prompts,
        ListKind::Resources | ListKind::ResourceTemplates => counts.resources,
    }
}

fn position(kind: ListKind) -> usize {
    match kind {
        ListKind::Tools => 0,
        ListKind::Prompts => 1,
        ListKind::Resources => 2,
        ListKind::ResourceTemplates => 3,
    }
}
