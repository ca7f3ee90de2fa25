//! One request and everything the server says about it.

use std::time::Instant;

use portcullis_mcp::{Kind, Message};

use crate::UpstreamError;
use crate::http::HttpExchange;
use crate::openapi::OpenApiExchange;
use crate::parcel::Parcel;
use crate::stdio::StdioExchange;

/// The server's side of one request, read message by message.
///
/// First come the notifications that belong to the request (progress under our token, log
/// messages) and what a legacy server asks meanwhile, at last the response or error with our id,
/// then nothing. Dropping it before the end cancels the request: a modern HTTP server sees its
/// stream close, every other server gets `notifications/cancelled`. What the server asked and
/// nobody read is answered with an error then.
#[derive(Debug)]
#[must_use = "dropping an exchange cancels the request"]
pub struct Exchange(Inner);

#[derive(Debug)]
enum Inner {
    Stdio(StdioExchange),
    Http(Box<HttpExchange>),
    OpenApi(Box<OpenApiExchange>),
}

impl Exchange {
    /// The next message. After an answer or an error it gives `None` for ever. Safe to cancel:
    /// a message is never lost by dropping this future.
    ///
    /// A [`Kind::Request`] is `sampling/createMessage`, `elicitation/create` or `roots/list` of a
    /// legacy server that was told of the capability. Whoever gets it has to answer it, with
    /// [`crate::Connection::respond`]. A `notifications/cancelled` names such a request, which
    /// needs no answer any more.
    pub async fn next(&mut self) -> Option<Result<Message, UpstreamError>> {
        Some(self.parcel().await?.map(Parcel::open))
    }

    /// Reads to the end and gives the response or error. Notifications on the way are dropped,
    /// and requests of the server are answered with an error.
    ///
    /// # Errors
    /// Whatever ended the exchange instead of an answer.
    pub async fn answer(mut self) -> Result<Message, UpstreamError> {
        while let Some(parcel) = self.parcel().await {
            let parcel = parcel?;
            if is_answer(parcel.message()) {
                return Ok(parcel.open());
            }
        }
        Err(UpstreamError::Unanswered)
    }

    /// The id that the request carries upstream; also its progress token.
    pub fn id(&self) -> u64 {
        match &self.0 {
            Inner::Stdio(exchange) => exchange.id(),
            Inner::Http(exchange) => exchange.id(),
            Inner::OpenApi(exchange) => exchange.id(),
        }
    }

    /// Moves the moment at which the exchange gives up; `None` takes the limit away, for a call
    /// that waits for a person.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        match &mut self.0 {
            Inner::Stdio(exchange) => exchange.set_deadline(deadline),
            Inner::Http(exchange) => exchange.set_deadline(deadline),
            Inner::OpenApi(exchange) => exchange.set_deadline(deadline),
        }
    }

    async fn parcel(&mut self) -> Option<Result<Parcel, UpstreamError>> {
        match &mut self.0 {
            Inner::Stdio(exchange) => exchange.next().await,
            Inner::Http(exchange) => exchange.next().await,
            Inner::OpenApi(exchange) => exchange.next().await,
        }
    }
}

/// Whether the message ends an exchange.
pub(crate) fn is_answer(message: &Message) -> bool {
    matches!(message.kind(), Kind::Response | Kind::Error)
}

impl From<StdioExchange> for Exchange {
    fn from(exchange: StdioExchange) -> Self {
        Self(Inner::Stdio(exchange))
    }
}

impl From<HttpExchange> for Exchange {
    fn from(exchange: HttpExchange) -> Self {
        Self(Inner::Http(Box::new(exchange)))
    }
}

impl From<OpenApiExchange> for Exchange {
    fn from(exchange: OpenApiExchange) -> Self {
        Self(Inner::OpenApi(Box::new(exchange)))
    }
}
