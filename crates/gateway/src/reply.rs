//! A server's answer on its way to the host, message by message.
//!
//! Everything a server sends is text that may reach a model: results, errors, progress and log
//! messages are screened alike. The audit entry closes with the last message, or when the stream
//! is dropped.

use std::borrow::Cow;
use std::sync::Arc;

use portcullis_mcp::codes;
use portcullis_mcp::error::WireError;
use portcullis_mcp::json::{Object, Span, Splice, quote};
use portcullis_mcp::message::{self, Kind, Message};
use portcullis_mcp::meta;
use portcullis_mcp::method::Method;
use portcullis_mcp::version::Era;
use portcullis_shield::{Finding, Verdict};

use crate::audit::{Entry, Outcome};
use crate::era;
use crate::receipt::Receipt;
use crate::refusal::{Reason, Refusal};
use crate::registry::Call;
use crate::result;
use crate::shield::{self, Judged};
use crate::snapshot::Snapshot;
use crate::upstream::{self, Reply};

/// The messages that answer one call, ready to be written. The last one is the answer itself.
pub(crate) struct ReplyStream {
    reply: Reply,
    entry: Entry,
    snapshot: Arc<Snapshot>,
    done: bool,
}

/// One message for the host.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// A notification that goes before the answer.
    Notification(String),
    /// The answer. Nothing follows.
    Answer(String),
}

impl ReplyStream {
    pub(crate) fn new(reply: Reply, entry: Entry, snapshot: Arc<Snapshot>) -> Self {
        Self {
            reply,
            entry,
            snapshot,
            done: false,
        }
    }

    /// The next message, or `None` after the answer.
    ///
    /// Dropping the stream before its end cancels the call at the server and closes the audit
    /// entry as `cancelled`.
    pub(crate) async fn next(&mut self) -> Option<Outgoing> {
        while !self.done {
            let Some(received) = self.reply.exchange.next().await else {
                return Some(self.refuse(Refusal::new(Reason::UpstreamDied)));
            };
            let outgoing = match received {
                Ok(message) => self.pass(&message),
                Err(error) => Err(upstream::broken_off(error)),
            };
            match outgoing {
                Ok(Some(outgoing)) => return Some(outgoing),
                Ok(None) => {}
                Err(refusal) => return Some(self.refuse(refusal)),
            }
        }
        None
    }

    fn call(&self) -> &Call {
        self.reply.screened.permitted().what()
    }

    fn pass(&mut self, message: &Message) -> Result<Option<Outgoing>, Refusal> {
        match message.kind() {
            Kind::Notification => Ok(self.notification(message)?.map(Outgoing::Notification)),
            Kind::Response => self.result(message.result().unwrap_or("{}")).map(Some),
            Kind::Error => self.error(message).map(Some),
            // Requests of the server end at the connection.
            Kind::Request => Ok(None),
        }
    }

    fn notification(&mut self, message: &Message) -> Result<Option<String>, Refusal> {
        let Some(method) = message.method() else {
            return Ok(None);
        };
        let params = message.params().unwrap_or("{}");
        let admitted = self.call().admitted();
        let params = match method {
            Method::Progress => match meta::progress_token(admitted.message().params()) {
                Some(token) => with_token(params, token).map_err(broken)?,
                None => return Ok(None),
            },
            Method::LogMessage
                if wants_log(
                    admitted.protocol().era(),
                    admitted.protocol().log_level.as_deref(),
                ) =>
            {
                params.to_owned()
            }
            _ => return Ok(None),
        };
        let judged = self.judge(&params)?;
        Ok(Some(message::notification(
            method.as_str(),
            Some(&judged.text),
        )))
    }

    fn result(&mut self, result: &str) -> Result<Outgoing, Refusal> {
        self.entry.step("upstream");
        let judged = self.judge(result)?;
        let object = Object::parse(&judged.text).map_err(|cause| broken(cause.into()))?;
        // No client capability was declared to the server, so that it may not ask for any input.
        if era::asks_for_input(&object).map_err(broken)? {
            return Err(Refusal::new(Reason::NotBridged));
        }
        let failed = object
            .get("isError")
            .is_some_and(|member| member.value == "true");
        let text = self.fit(&object, &judged)?;
        let answer = message::response(self.id(), &text);
        self.entry.step("reply");
        let outcome = if failed {
            Outcome::ToolError
        } else {
            Outcome::Ok
        };
        self.entry.finish(outcome, &text);
        self.done = true;
        Ok(Outgoing::Answer(answer))
    }

    fn error(&mut self, message: &Message) -> Result<Outgoing, Refusal> {
        self.entry.step("upstream");
        let Some(error) = message.error() else {
            return Err(Refusal::new(Reason::UpstreamProtocol));
        };
        let era = self.call().admitted().protocol().era();
        let from = self.call().connection().era();
        let code = fit_code(error.code, self.call().target().method, from, era);
        let text = self.judge(&quote(&error.message))?.text;
        let text = portcullis_mcp::json::as_string(&text)
            .unwrap_or_default()
            .into_owned();
        let data = match error.data {
            Some(data) => Some(self.judge(data)?.text),
            None => None,
        };
        let answer = message::error_response(Some(self.id()), code, &text, data.as_deref());
        self.entry.step("reply");
        self.entry.finish(Outcome::RpcError, &answer);
        self.done = true;
        Ok(Outgoing::Answer(answer))
    }

    fn judge(&mut self, text: &str) -> Result<Judged, Refusal> {
        match shield::screen_reply(self.snapshot.shield(), text) {
            Ok(judged) => {
                self.entry.screened(judged.verdict, &judged.findings);
                Ok(judged)
            }
            Err((refusal, findings)) => {
                self.entry.screened(Verdict::Block, &findings);
                Err(refusal)
            }
        }
    }

    /// The result in the form of the client's era, with its receipt.
    fn fit<'a>(&self, result: &Object<'a>, judged: &Judged) -> Result<Cow<'a, str>, Refusal> {
        let (method, era) = (
            self.call().target().method,
            self.call().admitted().protocol().era(),
        );
        let screened = &self.reply.screened;
        let definition = self.call().definition();
        let findings: Vec<Finding> = screened
            .findings()
            .iter()
            .chain(&judged.findings)
            .cloned()
            .collect();
        let receipt = Receipt {
            entry: self.entry.id(),
            server: Some(&definition.server),
            definition: Some(&definition.hash),
            policies: screened.permitted().policies(),
            verdict: screened.verdict().max(judged.verdict),
            findings: &findings,
        };
        let shown = self.snapshot.config().controls.receipts;
        result::fit(result, method, era, shown.then_some(&receipt)).map_err(broken)
    }

    fn refuse(&mut self, refusal: Refusal) -> Outgoing {
        self.done = true;
        log(&refusal, self.entry.id());
        self.entry.refuse(&refusal);
        let era = self.call().admitted().protocol().era();
        Outgoing::Answer(refusal.to_message(Some(self.id()), era, self.entry.id()))
    }

    fn id(&self) -> &str {
        self.call().admitted().message().id().unwrap_or("null")
    }
}

/// Logs a refusal once, here at the boundary where it becomes an answer.
pub(crate) fn log(refusal: &Refusal, entry: &str) {
    let reason = refusal.reason().face().id;
    match refusal.cause() {
        Some(cause) => {
            let mut chain = cause.to_string();
            let mut source = cause.source();
            while let Some(inner) = source {
                chain.push_str(": ");
                chain.push_str(&inner.to_string());
                source = inner.source();
            }
            tracing::warn!(entry, reason, cause = chain, "refused");
        }
        None => tracing::info!(entry, reason, "refused"),
    }
}

fn broken(cause: WireError) -> Refusal {
    Refusal::new(Reason::UpstreamProtocol).because(cause)
}

/// Puts the host's own progress token (a raw JSON token) where ours was.
fn with_token(params: &str, token: &str) -> Result<String, WireError> {
    let mut splice = Splice::new(params);
    splice.set_member(
        Span {
            start: 0,
            end: params.len(),
        },
        "progressToken",
        token,
    )?;
    Ok(splice.finish().into_owned())
}

/// Legacy servers log as they were told by `logging/setLevel`; modern ones only on request.
fn wants_log(era: Era, level: Option<&str>) -> bool {
    era == Era::Legacy || level.is_some()
}

/// "Resource not found" has a code of its own in the legacy era only.
fn fit_code(code: i64, method: Method, from: Era, to: Era) -> i64 {
    match (code, method, from, to) {
        (codes::RESOURCE_NOT_FOUND, _, _, Era::Modern) => codes::INVALID_PARAMS,
        (codes::INVALID_PARAMS, Method::ResourcesRead, Era::Modern, Era::Legacy) => {
            codes::RESOURCE_NOT_FOUND
        }
        _ => code,
    }
}
