//! Answers of our own to requests of the server, POSTed beside everything else.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt};
use tokio::sync::mpsc;

use super::post::Endpoint;

/// Answers that may be under way at once.
const AT_ONCE: usize = 4;

/// Sends queued answers until the connection ends. A flood of requests is not answered faster
/// than the server takes the answers.
pub(crate) async fn send(endpoint: Arc<Endpoint>, mut replies: mpsc::Receiver<String>) {
    let closed = endpoint.peer.lifeline.closed();
    let endpoint = &endpoint;
    let queued = stream::poll_fn(|context| replies.poll_recv(context));
    let sending = queued.for_each_concurrent(AT_ONCE, |text| async move {
        if endpoint.tell(text).await.is_err() {
            endpoint.peer.warn("an answer to a request was not taken");
        }
    });
    tokio::select! {
        () = closed => {}
        () = sending => {}
    }
}
