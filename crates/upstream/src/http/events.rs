//! A response body as server-sent events, one by one, never buffered whole.

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes};
use portcullis_mcp::WireError;
use portcullis_mcp::framing::{FrameError, SseDecoder, SseEvent};
use portcullis_mcp::json::JsonError;

use crate::UpstreamError;

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
}

fn refused(error: FrameError) -> UpstreamError {
    match error {
        FrameError::TooLong { .. } => UpstreamError::TooLarge,
        FrameError::NotUtf8 => WireError::Json(JsonError::NotUtf8 { offset: 0 }).into(),
    }
}

#[cfg(test)]
mod tests;
