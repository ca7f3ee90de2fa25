//! One request and everything the server says about it.

use portcullis_mcp::{Kind, Message};

use crate::UpstreamError;
use crate::http::HttpExchange;
use crate::stdio::StdioExchange;

/// The server's side of one request, read message by message.
///
/// First come the notifications that belong to the request (progress under our token, log
/// messages), at last the response or error with our id, then nothing. Dropping it before the
/// end cancels the request: a modern HTTP server sees its stream close, every other server gets
/// `notifications/cancelled`.
#[derive(Debug)]
#[must_use = "dropping an exchange cancels the request"]
pub struct Exchange(Inner);

#[derive(Debug)]
enum Inner {
    Stdio(StdioExchange),
    Http(Box<HttpExchange>),
}

impl Exchange {
    /// The next message. After an answer or an error it gives `None` for ever. Safe to cancel:
    /// a message is never lost by dropping this future.
    pub async fn next(&mut self) -> Option<Result<Message, UpstreamError>> {
        match &mut self.0 {
            Inner::Stdio(exchange) => exchange.next().await,
            Inner::Http(exchange) => exchange.next().await,
        }
    }

    /// Reads to the end and gives the response or error; notifications on the way are dropped.
    ///
    /// # Errors
    /// Whatever ended the exchange instead of an answer.
    pub async fn answer(mut self) -> Result<Message, UpstreamError> {
        while let Some(message) = self.next().await {
            let message = message?;
            if matches!(message.kind(), Kind::Response | Kind::Error) {
                return Ok(message);
            }
        }
        Err(UpstreamError::Unanswered)
    }

    /// The id that the request carries upstream; also its progress token.
    pub fn id(&self) -> u64 {
        match &self.0 {
            Inner::Stdio(exchange) => exchange.id(),
            Inner::Http(exchange) => exchange.id(),
        }
    }
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
