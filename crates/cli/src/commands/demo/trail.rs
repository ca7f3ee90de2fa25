//! What the audit trail shows about a scenario.

use portcullis_mcp::names;
use portcullis_store::{
    AuditEntry, AuditFilter, AuditStore, DefinitionRecord, RegistryStore, Sqlite, State,
};
use serde::Serialize;
use serde_json::Value;

use crate::exit::Failure;

/// How far a scenario's entries can reach: more than any of them makes.
const ENTRIES: usize = 10_000;

/// One audit entry that shows why an attack failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Evidence {
    pub(super) kind: Kind,
    /// The entry's id, for `portcullis audit query --entry`.
    pub(super) entry: String,
    pub(super) method: String,
    /// The server, where the message got as far as one.
    pub(super) server: Option<String>,
    /// The tool: by the server's own name for it if the server is known, else as the caller wrote it.
    pub(super) target: Option<String>,
    /// Who called; `None` for somebody without a credential.
    pub(super) principal: Option<String>,
    /// The reason of the refusal.
    pub(super) reason: Option<String>,
    /// The policies that decided.
    pub(super) policies: Vec<String>,
    /// What the shield did.
    pub(super) verdict: Option<String>,
    /// The rules of the shield that found something, each once.
    pub(super) rules: Vec<String>,
    /// For a definition that is held: whether an earlier version of it is approved.
    pub(super) changed: bool,
}

/// What an entry shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// A message was refused.
    Refusal,
    /// A message went on, but not all that stood in it.
    Shield,
    /// A call went to the server as the gateway's own request.
    Isolation,
}

impl Evidence {
    fn of(kind: Kind, entry: &AuditEntry) -> Self {
        let opened = &entry.opened;
        let closed = entry.closed.as_ref();
        let mut rules: Vec<String> = Vec::new();
        for finding in closed
            .and_then(|closed| closed.findings.as_array())
            .into_iter()
            .flatten()
        {
            if let Some(rule) = finding.get("rule").and_then(Value::as_str)
                && !rules.iter().any(|known| known == rule)
            {
                rules.push(rule.to_owned());
            }
        }
        Self {
            kind,
            entry: opened.entry.clone(),
            method: opened.method.clone(),
            server: opened.server.clone(),
            target: opened.target.clone(),
            principal: opened.principal.clone(),
            reason: closed.and_then(|closed| closed.reason.clone()),
            policies: closed
                .map(|closed| closed.policies.clone())
                .unwrap_or_default(),
            verdict: closed.and_then(|closed| closed.verdict.clone()),
            rules,
            changed: false,
        }
    }

    /// In a word: the reason, or the rules.
    pub(super) fn word(&self) -> String {
        match (self.kind, &self.reason) {
            (Kind::Refusal, Some(reason)) => reason.clone(),
            (Kind::Refusal, None) => "refused".to_owned(),
            (Kind::Shield, _) => self.rules.join(", "),
            (Kind::Isolation, _) => "token-isolation".to_owned(),
        }
    }

    #[cfg(test)]
    pub(super) fn refusal_for_tests(reason: &str) -> Self {
        Self {
            kind: Kind::Refusal,
            entry: "0199".to_owned(),
            method: "tools/call".to_owned(),
            server: None,
            target: Some("quotes__today".to_owned()),
            principal: Some("assistant".to_owned()),
            reason: Some(reason.to_owned()),
            policies: Vec::new(),
            verdict: None,
            rules: Vec::new(),
            changed: false,
        }
    }
}

/// The last position of the trail so far.
pub(super) async fn position(store: &Sqlite) -> Result<i64, Failure> {
    let newest = AuditFilter {
        limit: 1,
        newest_first: true,
        ..AuditFilter::default()
    };
    let entries = read(store, &newest).await?;
    Ok(entries.first().map_or(0, |entry| entry.seq))
}

/// What stopped something after `position`: refusals, and what the shield took out. `isolated` says
/// that the scenario is about what a permitted call carries, so that the call itself is evidence.
pub(super) async fn evidence(
    store: &Sqlite,
    position: i64,
    isolated: bool,
) -> Result<Vec<Evidence>, Failure> {
    let filter = AuditFilter {
        after_seq: Some(position),
        limit: ENTRIES,
        ..AuditFilter::default()
    };
    let mut found = pick(&read(store, &filter).await?, isolated);
    let records = store
        .load()
        .await
        .map_err(|error| Failure::because("the registry cannot be read", &error))?;
    for evidence in &mut found {
        let held = evidence.reason.as_deref() == Some("definition-held");
        evidence.changed = held && records.iter().any(|record| is_approved(record, evidence));
    }
    Ok(found)
}

/// Whether a record is the approved version of what an entry names.
fn is_approved(record: &DefinitionRecord, evidence: &Evidence) -> bool {
    let key = &record.key;
    record.state == State::Approved
        && key.kind == "tool"
        && evidence.target.as_deref().is_some_and(|target| {
            target == names::expose(&key.server, &key.name) || target == key.name
        })
}

fn pick(entries: &[AuditEntry], isolated: bool) -> Vec<Evidence> {
    let mut found: Vec<Evidence> = Vec::new();
    for entry in entries {
        let Some(closed) = &entry.closed else {
            continue;
        };
        let altered = closed
            .verdict
            .as_deref()
            .is_some_and(|verdict| matches!(verdict, "redact" | "hold" | "block"));
        let evidence = if closed.outcome == "refused" {
            Evidence::of(Kind::Refusal, entry)
        } else if altered {
            Evidence::of(Kind::Shield, entry)
        } else if isolated && closed.decision == "permit" && entry.opened.method == "tools/call" {
            Evidence::of(Kind::Isolation, entry)
        } else {
            continue;
        };
        // Who tries the same thing again is answered the same again; once is enough to know.
        let is_known = found
            .iter()
            .any(|known| known.word() == evidence.word() && known.target == evidence.target);
        if !is_known {
            found.push(evidence);
        }
    }
    found
}

async fn read(store: &Sqlite, filter: &AuditFilter) -> Result<Vec<AuditEntry>, Failure> {
    store
        .entries(filter)
        .await
        .map_err(|error| Failure::because("the audit trail cannot be read", &error))
}

#[cfg(test)]
mod tests;
