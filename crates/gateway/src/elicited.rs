//! Hosts that were sent to a page of ours, and are told when their user is done there (2025-11-25,
//! elicitation, URL mode).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::clients::Client;
use crate::feed::Event;

/// How many are remembered. Of those before them nobody is told; such a host finds out by itself.
const REMEMBERED: usize = 1024;

/// Who waits for which user at which server.
#[derive(Default)]
pub(crate) struct Elicited(Mutex<VecDeque<Waiting>>);

struct Waiting {
    server: Arc<str>,
    /// The name of the principal.
    principal: String,
    id: Arc<str>,
    host: Weak<Client>,
}

impl Elicited {
    /// Remembers that `host` was sent to a page under the elicitation `id`.
    pub(crate) fn sent(&self, server: &str, principal: &str, id: &str, host: &Arc<Client>) {
        let server: Arc<str> = server.into();
        host.elicited(&server, id);
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|one| one.host.strong_count() > 0);
        if waiting.len() >= REMEMBERED {
            waiting.pop_front();
        }
        waiting.push_back(Waiting {
            server,
            principal: principal.to_owned(),
            id: id.into(),
            host: Arc::downgrade(host),
        });
    }

    /// The user is done: tells all who wait for that.
    pub(crate) fn complete(&self, server: &str, principal: &str) {
        let done: Vec<Waiting> = {
            let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let all = std::mem::take(&mut *waiting);
            let is_done = |one: &Waiting| *one.server == *server && one.principal == principal;
            let (done, others) = all.into_iter().partition(is_done);
            *waiting = others;
            Vec::from(done)
        };
        for Waiting {
            server, id, host, ..
        } in done
        {
            if let Some(host) = host.upgrade() {
                host.mailbox()
                    .post(&server, &Event::ElicitationComplete { id });
            }
        }
    }
}
