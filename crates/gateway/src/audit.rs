//! The audit trail: one entry for every message, opened before anything happens and closed when
//! the answer ends.
//!
//! A call that can change something is on disk before it is sent ([`Entry::intend`]). Everything
//! else reaches the disk by group commit. An entry that is dropped half-way closes as `cancelled`,
//! so that a client which walks away leaves a complete record.

mod writer;

use std::time::Instant;

use portcullis_mcp::version::Era;
use portcullis_shield::{Finding, Verdict};
use portcullis_store::{AuditRecord, Closed, Opened};
use uuid::Uuid;

use crate::arrival::Facts;
use crate::authn::{Principal, kind_name};
use crate::clock;
use crate::digest::sha256;
use crate::profile::Routed;
use crate::refusal::{Origin, Reason, Refusal};

use writer::NotTaken;
pub(crate) use writer::Trail;

/// How a message ended, as the trail records it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The caller went away, or cancelled.
    Cancelled,
    /// The host is asked for input first; the answer comes with another call.
    InputRequired,
    /// Answered.
    Ok,
    /// Refused by the gateway.
    Refused,
    /// The server answered with a JSON-RPC error.
    RpcError,
    /// The tool ran and reported an error (`isError`).
    ToolError,
    /// The server failed.
    UpstreamFailed,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::InputRequired => "input-required",
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::RpcError => "rpc-error",
            Self::ToolError => "tool-error",
            Self::UpstreamFailed => "upstream-failed",
        }
    }
}

/// Proof that what it holds stands in the durable trail (or that the trail is switched off).
#[derive(Debug)]
pub(crate) struct Recorded<T>(T);

impl<T> Recorded<T> {
    pub(crate) fn into_inner(self) -> T {
        self.0
    }
}

/// The open entry of one message.
pub(crate) struct Entry {
    id: String,
    trail: Trail,
    opened: Option<Opened>,
    closed: Closed,
    last_step: Instant,
    timings: serde_json::Map<String, serde_json::Value>,
    findings: Vec<Finding>,
    finished: bool,
}

impl Entry {
    pub(crate) fn begin(trail: Trail, facts: &Facts) -> Self {
        let id = Uuid::now_v7().simple().to_string();
        let opened = Opened {
            entry: id.clone(),
            at_us: clock::unix_micros(),
            transport: facts.transport.as_str().to_owned(),
            direction: "client".to_owned(),
            method: "unread".to_owned(),
            remote: facts.remote.map(|peer| peer.ip().to_string()),
            ..Opened::default()
        };
        let closed = Closed {
            entry: id.clone(),
            decision: "none".to_owned(),
            ..Closed::default()
        };
        Self {
            id,
            trail,
            opened: Some(opened),
            closed,
            last_step: Instant::now(),
            timings: serde_json::Map::new(),
            findings: Vec::new(),
            finished: false,
        }
    }

    /// Opens the entry of a message that a server started, on its way to the host of `routed`.
    pub(crate) fn of_server(trail: &Trail, routed: &Routed, method: &str) -> Self {
        let mut entry = Self::begin(trail.clone(), routed.facts());
        entry.principal(routed.principal());
        entry.describe(|opened| {
            "server".clone_into(&mut opened.direction);
            method.clone_into(&mut opened.method);
            opened.profile = Some(routed.profile().name.clone());
        });
        entry
    }

    /// Where it is written.
    pub(crate) fn trail(&self) -> &Trail {
        &self.trail
    }

    /// The id a person can look up.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Notes facts that are known before the entry is written.
    pub(crate) fn describe(&mut self, note: impl FnOnce(&mut Opened)) {
        if let Some(opened) = &mut self.opened {
            note(opened);
        }
    }

    /// Notes who calls, and who acts for whom through what, as far as a token says it.
    pub(crate) fn principal(&mut self, principal: &Principal) {
        self.describe(|opened| {
            opened.principal = Some(principal.id().to_owned());
            opened.principal_kind = Some(kind_name(principal.kind()).to_owned());
            opened.authentication = Some(principal.authentication().to_owned());
            if let Some(token) = principal.signed_in() {
                opened.issuer = Some(token.issuer.clone());
                opened.application.clone_from(&token.client);
                opened.actors.clone_from(&token.actors);
                opened.token.clone_from(&token.token);
            }
        });
    }

    pub(crate) fn protocol(&mut self, version: &str, era: Era, client: Option<&str>) {
        self.describe(|opened| {
            opened.protocol_version = Some(version.to_owned());
            opened.era = Some(crate::era::name(era).to_owned());
            opened.client = client.map(str::to_owned);
        });
    }

    /// Notes what the policies said.
    pub(crate) fn decision(&mut self, permitted: bool, policies: &[String], version: &str) {
        self.closed.decision = if permitted { "permit" } else { "deny" }.to_owned();
        self.closed.policies = policies.to_vec();
        self.closed.policy_version = Some(version.to_owned());
    }

    /// Takes an earlier decision back: what comes now is another question.
    pub(crate) fn undecided(&mut self) {
        "none".clone_into(&mut self.closed.decision);
        self.closed.policies.clear();
    }

    /// Notes why an answer is less than it could be.
    pub(crate) fn note(&mut self, reason: Reason) {
        self.closed.reason = Some(reason.face().id.to_owned());
    }

    /// Notes what the shield saw and did.
    pub(crate) fn screened(&mut self, verdict: Verdict, findings: &[Finding]) {
        // The strictest verdict of the two directions is the one a reader needs first.
        let stricter = self
            .closed
            .verdict
            .as_deref()
            .is_none_or(|known| rank(known) < rank(verdict.as_str()));
        if stricter {
            self.closed.verdict = Some(verdict.as_str().to_owned());
        }
        self.findings.extend_from_slice(findings);
    }

    /// Ends a step and notes how long it took.
    pub(crate) fn step(&mut self, name: &'static str) {
        let now = Instant::now();
        let micros =
            u64::try_from(now.duration_since(self.last_step).as_micros()).unwrap_or(u64::MAX);
        self.last_step = now;
        self.timings.insert(name.to_owned(), micros.into());
    }

    /// Puts the intent on disk and hands over the proof.
    ///
    /// `changes` says that the call may change the world: then this waits for the disk. Otherwise
    /// the record goes with the next group commit, unless the store is known to fail.
    pub(crate) async fn intend<T>(
        &mut self,
        what: T,
        changes: bool,
    ) -> Result<Recorded<T>, Refusal> {
        if let Some(opened) = self.opened.take() {
            let record = vec![AuditRecord::Opened(opened)];
            let taken = if changes {
                self.trail.durable(record).await
            } else {
                self.trail.accept(record)
            };
            if let Err(NotTaken { cause, records }) = taken {
                // A beginning that the writer does not have goes to it together with the end.
                self.opened = records.into_iter().find_map(|record| match record {
                    AuditRecord::Opened(opened) => Some(opened),
                    AuditRecord::Closed(_) => None,
                });
                return Err(Refusal::new(Reason::AuditUnavailable).because(cause));
            }
        }
        self.step("audit");
        Ok(Recorded(what))
    }

    /// Closes the entry with the answer that went out.
    pub(crate) fn finish(&mut self, outcome: Outcome, answer: &str) {
        self.closed.result_digest = Some(sha256(answer.as_bytes()));
        self.closed.bytes_out = answer.len() as u64;
        self.close(outcome);
    }

    /// Closes the entry with a refusal.
    pub(crate) fn refuse(&mut self, refusal: &Refusal) {
        let face = refusal.reason().face();
        self.closed.reason = Some(refusal.id().to_owned());
        // A pin that does not hold is a "no" like that of a policy.
        if face.origin == Origin::Policy && self.closed.decision == "none" {
            "deny".clone_into(&mut self.closed.decision);
        }
        let outcome = match face.origin {
            Origin::Upstream => Outcome::UpstreamFailed,
            _ => Outcome::Refused,
        };
        self.close(outcome);
    }

    pub(crate) fn received(&mut self, bytes: usize) {
        self.closed.bytes_in = bytes as u64;
    }

    fn close(&mut self, outcome: Outcome) {
        if self.finished {
            return;
        }
        self.finished = true;
        self.step("close");
        let mut closed = std::mem::take(&mut self.closed);
        closed.at_us = clock::unix_micros();
        closed.outcome = outcome.as_str().to_owned();
        closed.findings = serde_json::to_value(&self.findings).unwrap_or_default();
        closed.timings_us = serde_json::Value::Object(std::mem::take(&mut self.timings));
        let mut records = Vec::with_capacity(2);
        records.extend(self.opened.take().map(AuditRecord::Opened));
        records.push(AuditRecord::Closed(closed));
        if let Err(error) = self.trail.soon(records) {
            tracing::error!(%error, "an audit entry could not be handed to its writer");
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.close(Outcome::Cancelled);
    }
}

fn rank(verdict: &str) -> u8 {
    match verdict {
        "mark" => 1,
        "redact" => 2,
        "hold" => 3,
        "block" => 4,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
