//! One call of an API and the answer to it.

use std::time::Instant;

use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::Incoming;
use portcullis_mcp::Message;
use portcullis_mcp::json::Limits;

use super::answer::{Head, MAX_ERROR_BODY};
use super::result;
use crate::UpstreamError;
use crate::parcel::Parcel;
use crate::stdio::before;

/// One request. Dropping it before the end closes the way to the API.
#[derive(Debug)]
pub(crate) struct OpenApiExchange {
    id: u64,
    deadline: Option<Instant>,
    state: State,
}

#[derive(Debug)]
enum State {
    Answered(Message),
    Reading(Box<Reading>),
    Done,
}

/// What has come of an answer.
#[derive(Debug)]
struct Reading {
    head: Head,
    body: Incoming,
    bytes: Vec<u8>,
    limits: Limits,
}

impl OpenApiExchange {
    /// A request that needed no API.
    pub(crate) fn answered(id: u64, message: Message) -> Self {
        Self {
            id,
            deadline: None,
            state: State::Answered(message),
        }
    }

    /// A call whose answer begins to come.
    pub(crate) fn reading(
        id: u64,
        response: Response<Incoming>,
        returns_object: bool,
        limits: Limits,
        deadline: Option<Instant>,
    ) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            id,
            deadline,
            state: State::Reading(Box::new(Reading {
                head: Head::new(parts.status, &parts.headers, returns_object),
                body,
                bytes: Vec::new(),
                limits,
            })),
        }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// The answer, then nothing; see [`crate::Exchange::next`]. What was read stays here when the
    /// future is dropped.
    pub(crate) async fn next(&mut self) -> Option<Result<Parcel, UpstreamError>> {
        if let State::Reading(reading) = &mut self.state {
            let read = before(self.deadline, reading.finish()).await;
            let outcome = match read.unwrap_or(Err(UpstreamError::TimedOut)) {
                Ok(()) => reading.message(self.id),
                Err(error) => Err(error),
            };
            self.state = State::Done;
            return Some(outcome.map(Parcel::from));
        }
        match std::mem::replace(&mut self.state, State::Done) {
            State::Answered(message) => Some(Ok(message.into())),
            State::Reading(_) | State::Done => None,
        }
    }
}

impl Reading {
    /// Reads the body to its end, or as much as is shown of an error.
    async fn finish(&mut self) -> Result<(), UpstreamError> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|_| UpstreamError::Closed)?;
            let Some(data) = frame.data_ref() else {
                continue;
            };
            if self.bytes.len() + data.len() > self.limits.max_bytes {
                return Err(UpstreamError::TooLarge);
            }
            self.bytes.extend_from_slice(data);
            if !self.head.status.is_success() && self.bytes.len() >= MAX_ERROR_BODY {
                break;
            }
        }
        Ok(())
    }

    fn message(&self, id: u64) -> Result<Message, UpstreamError> {
        let text = result(id, &self.head.result(&self.bytes, &self.limits));
        Ok(Message::parse(text.into_bytes(), &self.limits)?)
    }
}
