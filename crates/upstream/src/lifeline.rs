//! Whether a connection lives, and how and when it ended.

use std::time::Instant;

use tokio::sync::watch;

use crate::UpstreamError;

/// How a connection ended.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) at: Instant,
    pub(crate) cause: UpstreamError,
}

/// Set once, watched by many.
#[derive(Debug, Default)]
pub(crate) struct Lifeline(watch::Sender<Option<End>>);

impl Lifeline {
    /// Ends the connection; the first cause stays.
    pub(crate) fn end(&self, cause: UpstreamError) {
        self.0.send_if_modified(|end| {
            let first = end.is_none();
            if first {
                *end = Some(End {
                    at: Instant::now(),
                    cause,
                });
            }
            first
        });
    }

    pub(crate) fn ended(&self) -> Option<End> {
        self.0.borrow().clone()
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.0.borrow().is_none()
    }

    /// Completes when the connection ended.
    pub(crate) fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut watch = self.0.subscribe();
        async move {
            // An error means that the connection itself is gone, which is an end too.
            let _ = watch.wait_for(Option::is_some).await;
        }
    }
}
