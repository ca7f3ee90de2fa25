//! A response body as server-sent events, one by one, never buffered whole.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes};
use portcullis_mcp::WireError;
use portcullis_mcp::framing::{FrameError, SseDecoder, SseEvent};
use portcullis_mcp::json::JsonError;
use tokio::time::timeout;

use crate::UpstreamError;

/// What may follow an answer on its stream: comments, and the end.
const MOST_LEFT: usize = 16 * 1024;
const SOON: Duration = Duration::from_millis(500);

/// Reads events from a body as they arrive. Reading slowly slows the server down.
#[derive(Debug)]
pub(crate) struct Events<B> {
    body: B,
    decoder: SseDecoder,
}

impl<B: Body<Data = Bytes> + Unpin> Events<B> {
    /// Accepts events of at most `max_event` bytes.
    pub(crate) fn new(body: B, max_event: usize) -> Self {
        Self {
            body,
            decoder: SseDecoder::new(max_event),
        }
    }

    /// The next event; `None` at the end of the body. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Option<Result<SseEvent, UpstreamError>> {
        loop {
            if let Some(event) = self.decoder.next_event() {
                return Some(event.map_err(refused));
            }
            match self.body.frame().await? {
                Ok(frame) => {
                    if let Some(bytes) = frame.data_ref() {
                        self.decoder.feed(bytes);
                    }
                }
                Err(_) => return Some(Err(UpstreamError::Closed)),
            }
        }
    }

    /// Reads what is left to its end, when that is little and comes soon: a body that was read to its
    /// end leaves its connection to the next request.
    pub(crate) async fn run_out(mut self) {
        let reading = async {
            let mut left = MOST_LEFT;
            while let Some(Ok(frame)) = self.body.frame().await {
                let read = frame.data_ref().map_or(0, Bytes::len);
                match left.checked_sub(read) {
                    Some(rest) => left = rest,
                    None => return,
                }
            }
        };
        // Dropping a body that goes on closes its connection.
        let _ended = timeout(SOON, reading).await;
    }
}

fn refused(error: FrameError) -> UpstreamError {
    match error {
        FrameError::TooLong { .. } => UpstreamError::TooLarge,
        FrameError::NotUtf8 => WireError::Json(JsonError::NotUtf8 { offset: 0 }).into(),
    }
}

#[cfg(test)]
mod tests;
