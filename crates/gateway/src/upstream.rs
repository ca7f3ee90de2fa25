//! The one place that sends a call to a server.
//!
//! `Recorded<Outbound> → Reply`. Nothing else in this crate can make a request on a caller's
//! behalf, because nothing else takes the proof apart.

use portcullis_mcp::headers;
use portcullis_mcp::meta;
use portcullis_upstream::{Exchange, Request, UpstreamError};

use crate::audit::Recorded;
use crate::refusal::{Reason, Refusal};
use crate::registry::Call;
use crate::shield::Screened;
use crate::vault::Outbound;

/// A call under way: the server's messages, and what they answer.
pub(crate) struct Reply {
    pub(crate) exchange: Exchange,
    pub(crate) screened: Screened<Call>,
}

/// Sends a recorded call.
pub(crate) async fn send(recorded: Recorded<Outbound>) -> Result<Reply, Refusal> {
    let screened = recorded.into_inner().into_screened();
    let call = screened.permitted().what();
    let method = call.target().method;
    let name = headers::name_of(method, Some(screened.params()))?;
    let request = Request {
        method,
        params: screened.params(),
        name: name.as_deref(),
        progress: meta::progress_token(call.admitted().message().params()).is_some(),
        log_level: call.admitted().protocol().log_level.as_deref(),
    };
    let exchange = call
        .connection()
        .request(request)
        .await
        .map_err(broken_off)?;
    Ok(Reply { exchange, screened })
}

/// What it looks like to a host when a server fails in the middle of a call.
pub(crate) fn broken_off(error: UpstreamError) -> Refusal {
    match error {
        // The request may have arrived; whether the call took effect is unknown.
        UpstreamError::Closed | UpstreamError::Unanswered => {
            Refusal::new(Reason::UpstreamDied).because(error)
        }
        UpstreamError::ContentType => Refusal::new(Reason::UpstreamProtocol).because(error),
        error => refused(error),
    }
}

/// What a server that cannot be reached or asked looks like to a host.
pub(crate) fn refused(error: UpstreamError) -> Refusal {
    let reason = match &error {
        UpstreamError::TimedOut => Reason::UpstreamTimeout,
        UpstreamError::Died { .. } => Reason::UpstreamDied,
        UpstreamError::Protocol(_) => Reason::UpstreamProtocol,
        UpstreamError::TooLarge => Reason::UpstreamTooLarge,
        _ => Reason::UpstreamUnavailable,
    };
    Refusal::new(reason).because(error)
}
