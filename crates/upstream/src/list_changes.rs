//! Counters of list changes that a server announced.

use portcullis_mcp::Method;
use tokio::sync::watch;

/// How often each list was announced as changed since the connection opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListCounts {
    /// `notifications/tools/list_changed`.
    pub tools: u64,
    /// `notifications/prompts/list_changed`.
    pub prompts: u64,
    /// `notifications/resources/list_changed`; covers resource templates too.
    pub resources: u64,
}

/// A view of the counters. Announcements may be merged but are never lost: whoever compares
/// counts sees that something changed, however late it looks.
#[derive(Clone, Debug)]
pub struct ListChanges(watch::Receiver<ListCounts>);

impl ListChanges {
    /// The counts now.
    pub fn counts(&mut self) -> ListCounts {
        *self.0.borrow_and_update()
    }

    /// Waits until the counts differ from the ones last seen through this view. `None` when the
    /// connection is gone.
    pub async fn changed(&mut self) -> Option<ListCounts> {
        self.0.changed().await.ok()?;
        Some(self.counts())
    }
}

/// The writing end.
#[derive(Debug, Default)]
pub(crate) struct Announcements(watch::Sender<ListCounts>);

impl Announcements {
    /// Counts an announcement; `false` when the method is not one.
    pub(crate) fn count(&self, method: Method) -> bool {
        let member: fn(&mut ListCounts) -> &mut u64 = match method {
            Method::ToolsListChanged => |counts| &mut counts.tools,
            Method::PromptsListChanged => |counts| &mut counts.prompts,
            Method::ResourcesListChanged => |counts| &mut counts.resources,
            _ => return false,
        };
        self.0.send_modify(|counts| {
            let count = member(counts);
            *count = count.wrapping_add(1);
        });
        true
    }

    /// Counts one change of everything: announcements may have been missed while no stream was
    /// open.
    pub(crate) fn count_all(&self) {
        for method in [
            Method::ToolsListChanged,
            Method::PromptsListChanged,
            Method::ResourcesListChanged,
        ] {
            self.count(method);
        }
    }

    pub(crate) fn subscribe(&self) -> ListChanges {
        ListChanges(self.0.subscribe())
    }
}
