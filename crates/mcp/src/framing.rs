//! Cutting byte streams into messages: newline-delimited (stdio) and server-sent events (HTTP).
//!
//! Both decoders are fed whatever arrived and then asked until they have nothing left; where the
//! stream was cut makes no difference.

mod newline;
mod sse;

pub use newline::LineDecoder;
pub use sse::{SseDecoder, SseEvent, write_event};

/// Why a part of a stream was skipped. The decoder goes on after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A line or event is longer than allowed.
    #[error("longer than {limit} bytes")]
    TooLong {
        /// The bytes allowed.
        limit: usize,
    },
    /// An event's text is not UTF-8.
    #[error("not utf-8")]
    NotUtf8,
}
