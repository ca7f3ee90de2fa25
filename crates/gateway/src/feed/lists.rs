//! Changed lists: read again, judged again, and announced.

use std::sync::{Arc, Weak};
use std::time::Duration;

use portcullis_mcp::method::Method;
use portcullis_mcp::result::ListKind;
use portcullis_upstream::{Connection, ListCounts};
use tokio::time::Instant;

use super::Event;
use crate::gateway::Gateway;
use crate::registry::{Freshness, Listing, Standing};
use crate::servers::Lease;

/// A server may announce changes without end; its lists are read again no more often than this.
const PAUSE: Duration = Duration::from_millis(250);

/// Some of the three kinds of list whose changes are announced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Kinds {
    pub(crate) tools: bool,
    pub(crate) prompts: bool,
    pub(crate) resources: bool,
}

impl Kinds {
    pub(crate) const ALL: Self = Self {
        tools: true,
        prompts: true,
        resources: true,
    };

    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            tools: self.tools && other.tools,
            prompts: self.prompts && other.prompts,
            resources: self.resources && other.resources,
        }
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            tools: self.tools || other.tools,
            prompts: self.prompts || other.prompts,
            resources: self.resources || other.resources,
        }
    }

    /// The notifications that announce these kinds.
    pub(crate) fn methods(self) -> impl Iterator<Item = Method> {
        [
            (self.tools, Method::ToolsListChanged),
            (self.prompts, Method::PromptsListChanged),
            (self.resources, Method::ResourcesListChanged),
        ]
        .into_iter()
        .filter_map(|(chosen, method)| chosen.then_some(method))
    }

    /// The lists that these kinds are about.
    fn lists(self) -> impl Iterator<Item = ListKind> {
        LISTS
            .into_iter()
            .filter(move |list| !self.and(Self::of(*list)).is_empty())
    }

    fn of(list: ListKind) -> Self {
        let none = Self::default();
        match list {
            ListKind::Tools => Self {
                tools: true,
                ..none
            },
            ListKind::Prompts => Self {
                prompts: true,
                ..none
            },
            ListKind::Resources | ListKind::ResourceTemplates => Self {
                resources: true,
                ..none
            },
        }
    }

    fn between(before: ListCounts, after: ListCounts) -> Self {
        Self {
            tools: before.tools != after.tools,
            prompts: before.prompts != after.prompts,
            resources: before.resources != after.resources,
        }
    }
}

const LISTS: [ListKind; 4] = [
    ListKind::Tools,
    ListKind::Prompts,
    ListKind::Resources,
    ListKind::ResourceTemplates,
];

/// Watches the lists of one connection for as long as it is polled.
///
/// `missed` says that announcements may have been missed before: then everything counts as changed.
pub(super) async fn watch(
    lease: &Arc<Lease>,
    gateway: &Weak<Gateway>,
    connection: &Arc<Connection>,
    missed: bool,
) {
    let Some(mut news) = gateway.upgrade().map(|gateway| gateway.news()) else {
        return std::future::pending().await;
    };
    let mut changes = connection.list_changes();
    let mut counts = changes.counts();
    let mut changed = if missed { Kinds::ALL } else { Kinds::default() };
    // What was announced before anybody listened reached nobody.
    for list in LISTS {
        if lease.catalogue().is_outdated(list, connection) {
            changed = changed.or(Kinds::of(list));
        }
    }
    let mut known: Vec<(ListKind, Option<Arc<Listing>>)> = LISTS
        .into_iter()
        .map(|list| (list, lease.catalogue().peek(list)))
        .collect();
    let mut decisions = news.borrow_and_update().decisions;
    let mut ready = Instant::now();
    loop {
        tokio::select! {
            now = changes.changed() => match now {
                Some(now) => {
                    changed = changed.or(Kinds::between(counts, now));
                    counts = now;
                }
                // The connection is gone; whoever polls this notices by itself.
                None => std::future::pending().await,
            },
            () = tokio::time::sleep_until(ready), if !changed.is_empty() => {
                let announced = std::mem::take(&mut changed);
                read_again(announced, lease, gateway, connection, &mut known).await;
                lease.feed().publish(lease.server(), &Event::ListChanged(announced));
                ready = Instant::now() + PAUSE;
            }
            told = news.changed() => {
                if told.is_err() {
                    return std::future::pending().await;
                }
                let latest = news.borrow_and_update().decisions;
                if latest != decisions {
                    decisions = latest;
                    let moved = judged_anew(lease, gateway, connection, &mut known);
                    if !moved.is_empty() {
                        lease.feed().publish(lease.server(), &Event::ListChanged(moved));
                    }
                }
            }
        }
    }
}

/// Reads lists again, so that whoever asks next gets them judged. A list that cannot be read is
/// announced all the same: the host that asks for it is told why.
async fn read_again(
    kinds: Kinds,
    lease: &Arc<Lease>,
    gateway: &Weak<Gateway>,
    connection: &Arc<Connection>,
    known: &mut [(ListKind, Option<Arc<Listing>>)],
) {
    let Some(gateway) = gateway.upgrade() else {
        return;
    };
    let snapshot = gateway.snapshot();
    let source = lease.source(connection, gateway.registry(), &snapshot);
    for list in kinds.lists() {
        match lease
            .catalogue()
            .listing(list, Freshness::Recent, &source)
            .await
        {
            Ok(listing) => remember(known, list, listing),
            Err(refusal) => {
                tracing::debug!(server = %lease.server(), reason = refusal.reason().face().id, "a changed list could not be read");
            }
        }
    }
}

/// The kinds in which a decision of an operator changed what is in force.
fn judged_anew(
    lease: &Arc<Lease>,
    gateway: &Weak<Gateway>,
    connection: &Arc<Connection>,
    known: &mut [(ListKind, Option<Arc<Listing>>)],
) -> Kinds {
    let Some(gateway) = gateway.upgrade() else {
        return Kinds::default();
    };
    let snapshot = gateway.snapshot();
    let source = lease.source(connection, gateway.registry(), &snapshot);
    let mut moved = Kinds::default();
    for (list, before) in known {
        let Some(now) = lease.catalogue().judge_again(*list, &source) else {
            continue;
        };
        // What was not known before may have been listed and judged since: better said twice.
        if before
            .as_ref()
            .is_none_or(|before| in_force(before) != in_force(&now))
        {
            moved = moved.or(Kinds::of(*list));
        }
        *before = Some(now);
    }
    moved
}

fn remember(known: &mut [(ListKind, Option<Arc<Listing>>)], list: ListKind, listing: Arc<Listing>) {
    if let Some((_, slot)) = known.iter_mut().find(|(known, _)| *known == list) {
        *slot = Some(listing);
    }
}

/// Names and versions of what is approved.
fn in_force(listing: &Listing) -> Vec<(&str, &str)> {
    let approved = listing
        .definitions()
        .iter()
        .filter(|definition| definition.standing == Standing::Approved);
    approved
        .map(|definition| (definition.name.as_str(), definition.hash.as_str()))
        .collect()
}
