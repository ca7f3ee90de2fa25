//! A server's answer on its way to the host, message by message.
//!
//! Everything a server sends is text that may reach a model: results, errors, progress and log
//! messages are screened alike. The audit entry closes with the last message, or when the stream
//! is dropped.

mod ask;
mod event;
mod questions;
mod task;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use portcullis_mcp::capabilities::ClientCapabilities;
use portcullis_mcp::codes;
use portcullis_mcp::error::WireError;
use portcullis_mcp::json::{Object, Span, Splice, quote};
use portcullis_mcp::message::{self, Kind, Message};
use portcullis_mcp::meta;
use portcullis_mcp::method::Method;
use portcullis_mcp::result::{self as results, ResultType};
use portcullis_mcp::version::{Era, ProtocolVersion};
use portcullis_shield::{Finding, Verdict};
use portcullis_upstream::{Exchange, Loose};
use tokio::sync::{Semaphore, watch};

use crate::audit::{Entry, Outcome};
use crate::clients::{Client, Running};
use crate::gateway::Gateway;
use crate::receipt::Receipt;
use crate::refusal::{Reason, Refusal};
use crate::registry::Call;
use crate::result;
use crate::servers::UnderWay;
use crate::shield::{self, Judged, Screened};
use crate::snapshot::Snapshot;
use crate::upstream::{self, Reply};
use event::{Event, next_event};
use questions::Questions;

/// The messages that answer one call, ready to be written. The last one is the answer itself.
pub(crate) struct ReplyStream {
    /// `None` once the call waits elsewhere for its host.
    exchange: Option<Exchange>,
    screened: Screened<Call>,
    entry: Entry,
    snapshot: Arc<Snapshot>,
    gateway: Arc<Gateway>,
    /// Messages that are due before anything else is read.
    ready: VecDeque<Outgoing>,
    questions: Questions,
    /// What a legacy server says outside of its calls: some ask there in the middle of one.
    loose: Option<Loose>,
    under_way: UnderWay,
    /// Set for a host that can end the call by its id.
    running: Option<Running>,
    in_session: bool,
    /// That something was revoked while the call was under way.
    revoked: watch::Receiver<u64>,
    /// Whether the host reads a stream, on which it can be asked.
    streams: bool,
    done: bool,
}

/// One message for the host.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// A notification, or a question of a server, that goes before the answer.
    Message(String),
    /// The answer. Nothing follows.
    Answer {
        /// The JSON-RPC response or error.
        text: String,
        /// The HTTP status that says the same.
        status: u16,
    },
}

impl Outgoing {
    /// What is written.
    pub(crate) fn into_text(self) -> String {
        match self {
            Self::Message(text) | Self::Answer { text, .. } => text,
        }
    }
}

impl ReplyStream {
    pub(crate) fn new(
        reply: Reply,
        entry: Entry,
        snapshot: Arc<Snapshot>,
        gateway: Arc<Gateway>,
    ) -> Self {
        let Reply {
            exchange,
            screened,
            loose,
            under_way,
        } = reply;
        let revoked = gateway.revocations().changes();
        Self {
            exchange: Some(exchange),
            screened,
            entry,
            snapshot,
            gateway,
            ready: VecDeque::new(),
            questions: Questions::default(),
            loose,
            under_way,
            running: None,
            in_session: false,
            revoked,
            streams: true,
            done: false,
        }
    }

    /// Lets the host end the call by its id (2025-11-25, cancellation).
    pub(crate) fn endable(&mut self, running: Running) {
        self.running = Some(running);
        self.in_session = true;
    }

    /// Whether the call goes on when its connection is lost: in the legacy era, until its end.
    pub(crate) fn outlives_connection(&self) -> bool {
        !self.done && self.in_session
    }

    /// The host, if it can take the stream up again: in a session of a revision whose streams begin
    /// with an id (2025-11-25).
    pub(crate) fn host(&self) -> Option<Arc<Client>> {
        let version = self.call().admitted().protocol().version;
        let running = self.running.as_ref()?;
        (version >= ProtocolVersion::V2025_11_25).then(|| Arc::clone(running.client()))
    }

    /// Where calls go on without their connection.
    pub(crate) fn places(&self) -> &Arc<Semaphore> {
        self.gateway.detached()
    }

    /// For a host that takes nothing but the answer, so that it cannot be asked on the way.
    pub(crate) fn answer_only(&mut self) {
        self.streams = false;
    }

    /// The next message, or `None` after the answer.
    ///
    /// Dropping the stream before its end cancels the call at the server and closes the audit
    /// entry as `cancelled`.
    pub(crate) async fn next(&mut self) -> Option<Outgoing> {
        loop {
            if let Some(outgoing) = self.ready.pop_front() {
                return Some(outgoing);
            }
            if self.done {
                return None;
            }
            if let Err(refusal) = self.advance().await {
                let refused = self.refuse(refusal);
                self.ready.push_back(refused);
            }
        }
    }

    async fn advance(&mut self) -> Result<(), Refusal> {
        let Some(event) = self.event().await else {
            // Dropping the exchange tells the server; the entry closes as cancelled.
            self.exchange = None;
            self.done = true;
            return Ok(());
        };
        match event {
            Event::Received(None) => Err(Refusal::new(Reason::UpstreamDied)),
            Event::Received(Some(Err(error))) => Err(upstream::broken_off(error)),
            Event::Received(Some(Ok(message))) => self.receive(message).await,
            Event::Answered(answered) => self.take_answer(*answered).await,
            Event::Aside(message) => self.aside(&message).await,
            Event::Revoked => self.still_stands(),
        }
    }

    /// What happens next; `None` when the host ended the call. Safe to cancel.
    async fn event(&mut self) -> Option<Event> {
        let Self {
            exchange,
            questions,
            loose,
            running,
            revoked,
            ..
        } = self;
        let ended = async {
            match running {
                Some(running) => running.ended().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = ended => None,
            Ok(()) = revoked.changed() => Some(Event::Revoked),
            event = next_event(exchange, questions, loose) => Some(event),
        }
    }

    /// A call does not outlive the revocation of who made it, or of the server that works on it.
    fn still_stands(&self) -> Result<(), Refusal> {
        if !self.snapshot.config().controls.revocation {
            return Ok(());
        }
        let revocations = self.gateway.revocations();
        if revocations.stops(self.call().admitted().routed().principal()) {
            return Err(Refusal::new(Reason::CredentialRevoked));
        }
        if revocations.stops_server(&self.call().definition().server) {
            return Err(Refusal::new(Reason::ServerRevoked));
        }
        Ok(())
    }

    fn call(&self) -> &Call {
        self.screened.permitted().what()
    }

    fn era(&self) -> Era {
        self.call().admitted().protocol().era()
    }

    async fn receive(&mut self, message: Message) -> Result<(), Refusal> {
        match message.kind() {
            Kind::Notification => {
                let passed = self.notification(&message)?;
                self.ready.extend(passed.map(Outgoing::Message));
                Ok(())
            }
            Kind::Response => self.result(message.result().unwrap_or("{}")).await,
            Kind::Error => self.error(&message),
            Kind::Request => self.asked(&message).await,
        }
    }

    /// A legacy server may ask outside of its call, on its own stream. While one call waits for it, the
    /// question can only be about that one; with more of them it could reach the wrong host.
    async fn aside(&mut self, message: &Message) -> Result<(), Refusal> {
        match message.kind() {
            Kind::Request if self.under_way.is_only() => self.asked(message).await,
            Kind::Request => {
                self.turn_away(message).await;
                Ok(())
            }
            _ => Ok(()),
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
            Method::Cancelled => return Ok(self.withdraw(params)),
            _ => return Ok(None),
        };
        let judged = self.judge(&params)?;
        Ok(Some(message::notification(
            method.as_str(),
            Some(&judged.text),
        )))
    }

    async fn result(&mut self, result: &str) -> Result<(), Refusal> {
        self.entry.step("upstream");
        let judged = self.judge(result)?;
        let object = read(&judged)?;
        let kind = results::result_type(&object).map_err(broken)?;
        match kind {
            ResultType::Complete => {}
            ResultType::InputRequired => return self.input_required(judged).await,
            ResultType::Task if self.carries(ClientCapabilities::TASKS) => {}
            ResultType::Task | ResultType::Other => return Err(Refusal::new(Reason::NotBridged)),
        }
        if self.is_about_task(kind) {
            return self.task(kind, judged);
        }
        self.finish(&object, &judged)
    }

    /// The last message: what the call was for, or the tool's own word that it failed.
    fn finish(&mut self, object: &Object<'_>, judged: &Judged) -> Result<(), Refusal> {
        let failed = object
            .get("isError")
            .is_some_and(|member| member.value == "true");
        let outcome = if failed {
            Outcome::ToolError
        } else {
            Outcome::Ok
        };
        self.complete(object, judged, outcome)
    }

    /// The last message: a result in the form of the client's era, with its receipt.
    fn complete(
        &mut self,
        object: &Object<'_>,
        judged: &Judged,
        outcome: Outcome,
    ) -> Result<(), Refusal> {
        let text = self.fit(object, judged)?;
        let answer = message::response(self.id(), &text);
        self.entry.step("reply");
        self.entry.finish(outcome, &text);
        self.answer(answer, 200);
        Ok(())
    }

    /// The last message: a result that asks its host.
    fn complete_asking(&mut self, asks: &Judged) -> Result<(), Refusal> {
        self.complete(&read(asks)?, asks, Outcome::InputRequired)
    }

    fn answer(&mut self, text: String, status: u16) {
        self.done = true;
        self.ready.push_back(Outgoing::Answer { text, status });
    }

    fn error(&mut self, message: &Message) -> Result<(), Refusal> {
        self.entry.step("upstream");
        let Some(error) = message.error() else {
            return Err(Refusal::new(Reason::UpstreamProtocol));
        };
        if error.code == codes::URL_ELICITATION_REQUIRED {
            return self.pages_required(error.data);
        }
        let era = self.era();
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
        self.answer(answer, status_of(code, era));
        Ok(())
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

    fn fit<'a>(&self, result: &Object<'a>, judged: &Judged) -> Result<Cow<'a, str>, Refusal> {
        let (method, era) = (self.call().target().method, self.era());
        let screened = &self.screened;
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

    fn carries(&self, feature: ClientCapabilities) -> bool {
        let protocol = self.call().admitted().protocol();
        protocol.capabilities.contains(feature)
    }

    fn refuse(&mut self, refusal: Refusal) -> Outgoing {
        self.done = true;
        self.ready.clear();
        log(&refusal, self.entry.id());
        self.entry.refuse(&refusal);
        let era = self.era();
        Outgoing::Answer {
            text: refusal.to_message(Some(self.id()), era, self.entry.id()),
            status: refusal.status(era),
        }
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

/// A judged result as an object.
fn read(judged: &Judged) -> Result<Object<'_>, Refusal> {
    Object::parse(&judged.text).map_err(|cause| broken(cause.into()))
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

/// What HTTP says beside an error of a server (2026-07-28, streamable HTTP). A legacy client would
/// take such a status for something else.
fn status_of(code: i64, era: Era) -> u16 {
    match (era, code) {
        (Era::Modern, codes::METHOD_NOT_FOUND) => 404,
        (
            Era::Modern,
            codes::HEADER_MISMATCH | codes::MISSING_CAPABILITY | codes::UNSUPPORTED_VERSION,
        ) => 400,
        _ => 200,
    }
}
