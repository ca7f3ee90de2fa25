//! The body of an answer: some bytes, and what comes after them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};

/// How many bytes of filling one frame carries.
const CHUNK: u64 = 16 * 1024;

/// What follows the bytes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The end, as it should be.
    End,
    /// Nothing, and the connection stays open.
    Stall,
    /// The connection breaks.
    Break,
    /// That many spaces, and the end.
    Fill(u64),
}

/// A body being sent.
pub(crate) struct Sending {
    bytes: Option<Bytes>,
    ending: Ending,
}

impl Sending {
    pub(crate) fn new(bytes: Bytes, ending: Ending) -> Self {
        Self {
            bytes: Some(bytes).filter(|bytes| !bytes.is_empty()),
            ending,
        }
    }
}

impl Body for Sending {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(bytes) = self.bytes.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match self.ending {
            Ending::End | Ending::Fill(0) => Poll::Ready(None),
            // Nobody wakes this up: that is the point. The task ends with the connection.
            Ending::Stall => Poll::Pending,
            Ending::Break => Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into()))),
            Ending::Fill(left) => {
                let now = left.min(CHUNK);
                self.ending = Ending::Fill(left - now);
                let spaces = vec![b' '; usize::try_from(now).unwrap_or_default()];
                Poll::Ready(Some(Ok(Frame::data(spaces.into()))))
            }
        }
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match (&self.bytes, self.ending) {
            (bytes, Ending::End) => {
                let length = bytes.as_ref().map_or(0, Bytes::len);
                hyper::body::SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
            _ => hyper::body::SizeHint::default(),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && self.ending == Ending::End
    }
}
