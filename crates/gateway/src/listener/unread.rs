//! Bodies that an answer did not need.
//!
//! A connection on which a body was left unread cannot be used again, and closing it may lose the
//! answer on its way (RFC 9112 section 9.6). A client that sends head and body apart, as many do,
//! would lose the 401 that starts its sign-in, or the request after it. So a small body is let in
//! and forgotten before the answer goes out.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use http::header::EXPECT;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

/// The largest body that is let in for nothing.
const MOST: usize = 64 * 1024;
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// A request's body until somebody takes it.
#[derive(Clone)]
pub(super) struct Unread {
    body: Arc<Mutex<Option<Incoming>>>,
    /// The client sends it only when it is asked for.
    waits: bool,
}

impl Unread {
    pub(super) fn new(body: Incoming, headers: &HeaderMap) -> Self {
        Self {
            body: Arc::new(Mutex::new(Some(body))),
            waits: headers.contains_key(EXPECT),
        }
    }

    /// The body, for the first who asks.
    pub(super) fn take(&self) -> Option<Incoming> {
        self.body
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Lets in and forgets what nobody took, within bounds.
    pub(super) async fn forget(self) {
        if self.waits {
            return;
        }
        if let Some(body) = self.take() {
            let rest = Limited::new(body, MOST).collect();
            // Past the bounds, the connection closes behind the answer.
            let _incomplete = tokio::time::timeout(PATIENCE, rest).await;
        }
    }
}
