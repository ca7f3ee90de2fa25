//! The one place that sends a call to a server.
//!
//! `Recorded<Outbound> → Reply`. Nothing else in this crate can make a request on a caller's
//! behalf, because nothing else takes the proof apart.

use std::borrow::Cow;

use portcullis_mcp::error::WireError;
use portcullis_mcp::headers;
use portcullis_mcp::json::{Object, Span, Splice, quote};
use portcullis_mcp::meta;
use portcullis_mcp::version::Era;
use portcullis_upstream::{Credentials, Exchange, Loose, Request, UpstreamError};

use crate::audit::Recorded;
use crate::credentials;
use crate::refusal::{Reason, Refusal};
use crate::registry::{Call, Round};
use crate::servers::UnderWay;
use crate::shield::Screened;
use crate::suspended::Suspended;
use crate::tickets::Continuation;
use crate::vault::Outbound;

/// A call under way: the server's messages, and what they answer.
pub(crate) struct Reply {
    pub(crate) exchange: Exchange,
    pub(crate) screened: Screened<Call>,
    /// What a legacy server says outside of its calls, when it may ask there: listened to from before
    /// the call is sent.
    pub(crate) loose: Option<Loose>,
    /// That the call waits for its server: counted from before it is sent.
    pub(crate) under_way: UnderWay,
}

/// Sends a recorded call, or goes on with one that waited for the answers it brings.
pub(crate) async fn send(
    recorded: Recorded<Outbound>,
    suspended: &Suspended,
) -> Result<Reply, Refusal> {
    let screened = recorded.into_inner().into_screened();
    let call = screened.permitted().what();
    let askable = call.admitted().protocol().capabilities;
    let asks = call.connection().era() == Era::Legacy && askable.intersects_questions();
    let loose = asks.then(|| call.connection().loose());
    let under_way = call.lease().under_way();
    let exchange = match call.round() {
        Round::First | Round::Next(Continuation::Anew) => ask(&screened, screened.params()).await?,
        Round::Next(Continuation::Repeat(state)) => {
            let state = [("requestState", Some(quote(state)))];
            let params = with_members(screened.params(), state).map_err(internal)?;
            ask(&screened, &params).await?
        }
        Round::Next(Continuation::Waiting(number)) => go_on(&screened, *number, suspended).await?,
    };
    Ok(Reply {
        exchange,
        screened,
        loose,
        under_way,
    })
}

/// Makes a call again with the answers that a host gave in the middle of it. What was recorded and
/// judged of the call still stands; the answers were judged and recorded one by one.
pub(crate) async fn send_again(
    screened: &Screened<Call>,
    answers: &[(String, String)],
    state: Option<&str>,
) -> Result<Exchange, Refusal> {
    let answers: Vec<String> = answers
        .iter()
        .map(|(key, answer)| format!("{}:{answer}", quote(key)))
        .collect();
    let members = [
        ("inputResponses", Some(format!("{{{}}}", answers.join(",")))),
        ("requestState", state.map(quote)),
    ];
    let params = with_members(screened.params(), members).map_err(internal)?;
    ask(screened, &params).await
}

async fn ask(screened: &Screened<Call>, params: &str) -> Result<Exchange, Refusal> {
    let call = screened.permitted().what();
    let method = call.target().method;
    let name = headers::name_of(method, Some(params))?;
    // Arguments may have been altered on the way; the headers say what is sent.
    let mirrored = &call.definition().mirrored;
    let headers = if mirrored.is_empty() {
        Vec::new()
    } else {
        mirrored.write(arguments(params))
    };
    let caller = call.lease().caller(call.admitted().routed());
    let request = Request {
        method,
        params,
        name: name.as_deref(),
        headers: &headers,
        progress: meta::progress_token(call.admitted().message().params()).is_some(),
        log_level: call.admitted().protocol().log_level.as_deref(),
        credentials: caller.as_ref().map(|caller| caller as &dyn Credentials),
    };
    match call.connection().request(request).await {
        Ok(exchange) => Ok(exchange),
        Err(error) => Err(call.lease().binding().refused(error, broken_off).await),
    }
}

/// Answers the question that a call waits with.
async fn go_on(
    screened: &Screened<Call>,
    number: u64,
    suspended: &Suspended,
) -> Result<Exchange, Refusal> {
    let (Some(mut waiting), Some(answer)) = (suspended.take(number), screened.answer()) else {
        return Err(Refusal::new(Reason::RequestStateInvalid));
    };
    let connection = screened.permitted().what().connection();
    waiting.exchange.set_deadline(Some(connection.deadline()));
    waiting.question.answer(answer).await;
    Ok(waiting.exchange)
}

fn arguments(params: &str) -> Option<&str> {
    let object = Object::parse(params).ok()?;
    object.get("arguments").map(|member| member.value)
}

fn with_members<'a, const N: usize>(
    params: &'a str,
    members: [(&str, Option<String>); N],
) -> Result<Cow<'a, str>, WireError> {
    let mut splice = Splice::new(params);
    let whole = Span {
        start: 0,
        end: params.len(),
    };
    for (key, value) in members {
        if let Some(value) = value {
            splice.set_member(whole, key, value)?;
        }
    }
    Ok(splice.finish())
}

fn internal(cause: WireError) -> Refusal {
    Refusal::new(Reason::Internal).because(cause)
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
    if let Some(refusal) = credentials::refused(&error) {
        return refusal;
    }
    let reason = match &error {
        UpstreamError::TimedOut => Reason::UpstreamTimeout,
        UpstreamError::Died { .. } => Reason::UpstreamDied,
        UpstreamError::Protocol(_) => Reason::UpstreamProtocol,
        UpstreamError::TooLarge => Reason::UpstreamTooLarge,
        _ => Reason::UpstreamUnavailable,
    };
    Refusal::new(reason).because(error)
}
