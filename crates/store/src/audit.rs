//! The audit trail: one entry per message, opened before anything happens and closed when
//! its stream ends.

use std::path::Path;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::StoreError;

/// The append-only audit trail.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Appends `records` in order, in one transaction: all of them or none. They are durable
    /// when this returns.
    ///
    /// A caller that does not know whether an append succeeded may repeat it: an [`Opened`]
    /// that is stored already, word for word, is passed over, and a [`Closed`] that is stored
    /// twice reads as one.
    ///
    /// # Errors
    /// [`StoreError::DuplicateEntry`] for a different [`Opened`] of a known entry and
    /// [`StoreError::UnknownEntry`] for a [`Closed`] whose entry was never opened: these will
    /// not pass if repeated, and name the entry, so that a caller that groups records of
    /// several messages can leave it out. Else the database's own failures.
    async fn append(&self, records: &[AuditRecord]) -> Result<(), StoreError>;

    /// The entries that `filter` selects, at most [`AuditFilter::limit`].
    ///
    /// An entry that was closed more than once (a sweeper and the message's own end may race)
    /// shows the first closing whose outcome is not `unknown`; every row stays stored.
    async fn entries(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreError>;

    /// Ids of entries opened before `opened_before` (unix microseconds) and not closed, in
    /// the order of their ids.
    async fn unfinished(&self, opened_before: i64) -> Result<Vec<String>, StoreError>;

    /// The file beside which a [journal](crate::journal) for this store belongs; `None` where
    /// records go straight to the store.
    fn journal_beside(&self) -> Option<&Path> {
        None
    }
}

/// One row of the trail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditRecord {
    /// A message arrived.
    Opened(Opened),
    /// A message was dealt with.
    Closed(Closed),
}

impl AuditRecord {
    /// The id of the entry that the record belongs to.
    pub fn entry(&self) -> &str {
        match self {
            Self::Opened(opened) => &opened.entry,
            Self::Closed(closed) => &closed.entry,
        }
    }
}

/// What is known when a message arrives.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// The entry's id: unique, time-ordered, made by the caller.
    pub entry: String,
    /// When it arrived, unix microseconds.
    pub at_us: i64,
    /// Who calls.
    pub principal: Option<String>,
    /// `user`, `agent`, `workload` and the like.
    pub principal_kind: Option<String>,
    /// How the principal was established.
    pub authentication: Option<String>,
    /// The configured name of the issuer whose token the caller showed. Like the next three it
    /// comes from a verified token, and is absent without one.
    #[serde(default)]
    pub issuer: Option<String>,
    /// The client application that the token was given to.
    #[serde(default)]
    pub application: Option<String>,
    /// Who acts for the principal, the outermost first (RFC 8693, section 4.1: the `act` claim and
    /// those nested in it). Empty where nobody does.
    #[serde(default)]
    pub actors: Vec<String>,
    /// The token's id (`jti`, or Entra's `uti`), never the token.
    #[serde(default)]
    pub token: Option<String>,
    /// The client's name and version as it reports them: a hint, not an identity.
    pub client: Option<String>,
    /// The profile through which the message came.
    pub profile: Option<String>,
    /// The downstream transport.
    pub transport: String,
    /// `legacy` or `modern`.
    pub era: Option<String>,
    /// The MCP revision spoken.
    pub protocol_version: Option<String>,
    /// Who started the message: `client` or `server`.
    pub direction: String,
    /// The JSON-RPC method.
    pub method: String,
    /// The JSON-RPC id as it was written on the wire.
    pub rpc_id: Option<String>,
    /// The upstream server.
    pub server: Option<String>,
    /// Tool name, resource URI or prompt name.
    pub target: Option<String>,
    /// The definition's hash, `sha256:…`.
    pub definition: Option<String>,
    /// A digest of the arguments.
    pub arguments_digest: Option<String>,
    /// The trace id.
    pub trace: Option<String>,
    /// The peer's address.
    pub remote: Option<String>,
}

/// What is known when a message has been dealt with.
///
/// The fields from `principal` to `definition` are for what was learned after opening; a
/// value given here replaces the one in [`Opened`] when the entry is read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Closed {
    /// The entry's id.
    pub entry: String,
    /// When it ended, unix microseconds.
    pub at_us: i64,
    /// `permit`, `deny` or `none`.
    pub decision: String,
    /// Ids of the policies that determined the decision.
    pub policies: Vec<String>,
    /// The version of the policy set.
    pub policy_version: Option<String>,
    /// The refusal's reason id.
    pub reason: Option<String>,
    /// `ok`, `tool-error`, `rpc-error`, `refused`, `upstream-failed`, `cancelled` or
    /// `unknown`.
    pub outcome: String,
    /// What was done about findings.
    pub verdict: Option<String>,
    /// What the detectors saw.
    pub findings: serde_json::Value,
    /// A digest of the result.
    pub result_digest: Option<String>,
    /// Bytes received from the side that started the message; more than `i64::MAX` is stored
    /// as `i64::MAX`.
    pub bytes_in: u64,
    /// Bytes sent back; limited as `bytes_in` is.
    pub bytes_out: u64,
    /// Microseconds spent in each step, by the step's name.
    pub timings_us: serde_json::Value,
    /// See [`Opened::principal`].
    pub principal: Option<String>,
    /// See [`Opened::principal_kind`].
    pub principal_kind: Option<String>,
    /// See [`Opened::authentication`].
    pub authentication: Option<String>,
    /// See [`Opened::issuer`].
    #[serde(default)]
    pub issuer: Option<String>,
    /// See [`Opened::application`].
    #[serde(default)]
    pub application: Option<String>,
    /// See [`Opened::actors`]; empty leaves those in place.
    #[serde(default)]
    pub actors: Vec<String>,
    /// See [`Opened::token`].
    #[serde(default)]
    pub token: Option<String>,
    /// See [`Opened::profile`].
    pub profile: Option<String>,
    /// See [`Opened::server`].
    pub server: Option<String>,
    /// See [`Opened::target`].
    pub target: Option<String>,
    /// See [`Opened::definition`].
    pub definition: Option<String>,
}

/// A message as it is read back: its beginning and, if it has come, its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// The position of the opening row in the trail; grows, never reused.
    pub seq: i64,
    /// The beginning, completed by what [`Closed`] knew later.
    pub opened: Opened,
    /// The end; `None` while the message is under way.
    pub closed: Option<Closed>,
}

/// Which entries to read. Every field that is set must match.
///
/// Text fields compare exactly and case-sensitively; a `*` at the end makes the rest a
/// prefix. No other character is special.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditFilter {
    /// Opened at or after, unix microseconds.
    pub since_us: Option<i64>,
    /// Opened before, unix microseconds.
    pub until_us: Option<i64>,
    /// See [`Opened::principal`].
    pub principal: Option<String>,
    /// See [`Opened::issuer`].
    pub issuer: Option<String>,
    /// See [`Opened::application`].
    pub application: Option<String>,
    /// Any of [`Opened::actors`].
    pub actor: Option<String>,
    /// See [`Opened::token`].
    pub token: Option<String>,
    /// See [`Opened::profile`].
    pub profile: Option<String>,
    /// See [`Opened::server`].
    pub server: Option<String>,
    /// See [`Opened::method`].
    pub method: Option<String>,
    /// See [`Opened::target`].
    pub target: Option<String>,
    /// See [`Closed::decision`].
    pub decision: Option<String>,
    /// See [`Closed::outcome`].
    pub outcome: Option<String>,
    /// See [`Closed::reason`].
    pub reason: Option<String>,
    /// See [`Opened::entry`].
    pub entry: Option<String>,
    /// Entries with a greater [`AuditEntry::seq`]: to follow the trail.
    pub after_seq: Option<i64>,
    /// Entries with a smaller [`AuditEntry::seq`]: to page back from the newest.
    pub before_seq: Option<i64>,
    /// The most entries to return.
    pub limit: usize,
    /// Order by [`AuditEntry::seq`], newest first if set.
    pub newest_first: bool,
}

impl Default for AuditFilter {
    /// The oldest 100 entries.
    fn default() -> Self {
        Self {
            since_us: None,
            until_us: None,
            principal: None,
            issuer: None,
            application: None,
            actor: None,
            token: None,
            profile: None,
            server: None,
            method: None,
            target: None,
            decision: None,
            outcome: None,
            reason: None,
            entry: None,
            after_seq: None,
            before_seq: None,
            limit: 100,
            newest_first: false,
        }
    }
}
