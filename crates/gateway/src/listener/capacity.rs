//! How many connections there may be at a time.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Never more than this, whatever the system allows.
const MOST: usize = 16 * 1024;
/// Connections that may wait to be accepted; the system may allow fewer.
#[cfg(unix)]
const QUEUE: i32 = 1_024;
/// What is assumed where the system does not say how many files may be open.
const USUAL: usize = 768;

/// A place for each connection. The rest of the system's open files is for the servers' pipes and
/// sockets and for the store: a crowd of clients cannot take those away.
#[derive(Clone, Debug)]
pub(super) struct Capacity(Arc<Semaphore>);

impl Capacity {
    pub(super) fn of_this_process() -> Self {
        Self(Arc::new(Semaphore::new(places(open_files()))))
    }

    /// Waits for a place. Meanwhile clients wait in the system's queue.
    pub(super) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.0).try_acquire_owned() {
            return Some(place);
        }
        tracing::warn!("as many connections as there may be are open; new ones wait");
        // It is never closed.
        Arc::clone(&self.0).acquire_owned().await.ok()
    }
}

/// Lets more clients wait to be accepted. tokio asks for 128; past that a client waits a second and
/// more to try again, which a burst after a restart is enough for.
#[cfg(unix)]
pub(super) fn lengthen_queue(listener: &TcpListener) {
    if let Err(error) = rustix::net::listen(listener, QUEUE) {
        tracing::debug!(%error, "the queue of connections keeps its length");
    }
}

/// Lets more clients wait to be accepted.
#[cfg(not(unix))]
pub(super) fn lengthen_queue(_listener: &TcpListener) {}

fn places(open_files: Option<u64>) -> usize {
    open_files
        .and_then(|files| usize::try_from(files / 4 * 3).ok())
        .map_or(USUAL, |places| places.clamp(1, MOST))
}

#[cfg(unix)]
fn open_files() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

#[cfg(not(unix))]
fn open_files() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::{MOST, USUAL, places};

    #[test]
    fn a_quarter_of_the_open_files_is_kept() {
        assert_eq!(places(Some(1_024)), 768);
        assert_eq!(places(Some(u64::MAX)), MOST);
        assert_eq!(places(Some(2)), 1);
        assert_eq!(places(None), USUAL);
    }
}
