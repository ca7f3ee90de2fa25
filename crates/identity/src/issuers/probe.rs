//! Asking every issuer whether it could be asked.

use std::sync::Arc;

use portcullis_config::{self as config};
use portcullis_oauth::{GraphError, IntrospectionError, KeyCache};
use portcullis_token::{IssuerKind, KeySet};
use secrecy::SecretString;
use tokio::task::JoinSet;

use super::{Entry, Issuers};
use crate::problem::Problem;
use crate::source::Word;

/// A user that no directory has.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// What came of asking one issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// Its name in the configuration.
    pub issuer: String,
    /// What was found: lower-case fragments.
    pub found: Vec<String>,
    /// Everything that would keep callers out.
    pub problems: Vec<Problem>,
}

impl Issuers {
    /// Asks every issuer for what a token would make it be asked for: metadata, keys, its word
    /// about a token that does not exist, the groups of nobody. Sorted by name.
    pub async fn probe(&self) -> Vec<Probed> {
        let mut tasks = JoinSet::new();
        for entry in self.entries.values() {
            let entry = Arc::clone(entry);
            tasks.spawn(async move { entry.probe().await });
        }
        let mut probed = tasks.join_all().await;
        probed.sort_by(|one, other| one.issuer.cmp(&other.issuer));
        probed
    }
}

impl Entry {
    async fn probe(&self) -> Probed {
        let mut report = Report {
            place: format!("authn.issuers.{}", self.profile.name),
            found: Vec::new(),
            problems: Vec::new(),
        };
        let is_found = self.probe_metadata(&mut report).await;
        match &self.source.word {
            // Without metadata neither keys nor endpoint can be found: one problem is enough.
            _ if !is_found => {}
            Word::Keys(keys) => self.probe_keys(keys, &mut report).await,
            Word::Introspection(introspection) => {
                let token = SecretString::from("portcullis-check");
                match introspection.ask(&token).await {
                    Ok(_) => report.problem("it calls a token good that it never gave"),
                    Err(IntrospectionError::Inactive) => {
                        report.found("introspection answers the gateway".to_owned());
                    }
                    Err(error) => report.failure(&error),
                }
            }
        }
        self.probe_groups(&mut report).await;
        Probed {
            issuer: self.profile.name.clone(),
            found: report.found,
            problems: report.problems,
        }
    }

    /// Whether what follows can be found.
    async fn probe_metadata(&self, report: &mut Report) -> bool {
        let Some(metadata) = &self.source.metadata else {
            return true;
        };
        if self.config.jwks_url.is_some() {
            return true;
        }
        let server = metadata
            .discovery
            .authorization_server(&metadata.query)
            .await;
        match server {
            Ok(server) => {
                report.found(format!("metadata of {}", server.issuer));
                true
            }
            Err(error) => {
                report.failure(&error);
                false
            }
        }
    }

    async fn probe_keys(&self, keys: &KeyCache, report: &mut Report) {
        match keys.load().await {
            Ok(keys) => self.judge_keys(&keys, report),
            Err(error) => report.failure(&error),
        }
    }

    fn judge_keys(&self, keys: &KeySet, report: &mut Report) {
        let algorithms = &self.profile.algorithms;
        let fitting = keys.keys().iter().filter(|key| {
            let fits = |algorithm: &portcullis_token::Algorithm| algorithm.key_kind() == key.kind();
            algorithms.iter().any(fits)
        });
        let usable = fitting.clone().count();
        report.found(format!("{usable} keys"));
        if usable == 0 {
            report.problem("none of its keys fits the accepted algorithms");
        }
        for skipped in keys.skipped() {
            let id = skipped.id.as_deref().unwrap_or("without an id");
            report.found(format!(
                "a key is left out ({}): {}",
                printable(id),
                skipped.fault
            ));
        }
        if let IssuerKind::Entra(rules) = &self.profile.kind
            && rules.tenants.len() > 1
            && fitting.clone().any(|key| key.issuer().is_none())
        {
            report.problem("its keys do not say for which tenant they are");
        }
    }

    async fn probe_groups(&self, report: &mut Report) {
        let (Some(graph), config::IssuerKind::Entra(entra)) =
            (&self.source.graph, &self.config.kind)
        else {
            return;
        };
        for tenant in &entra.tenants {
            match graph.groups(tenant, NOBODY).await {
                Ok(_) | Err(GraphError::UserUnknown) => {
                    report.found(format!("Graph answers for tenant {tenant}"));
                }
                Err(error) => report.failure(&error),
            }
        }
    }
}

struct Report {
    place: String,
    found: Vec<String>,
    problems: Vec<Problem>,
}

impl Report {
    fn found(&mut self, text: String) {
        self.found.push(text);
    }

    fn problem(&mut self, text: &str) {
        self.problems.push(Problem::new(self.place.as_str(), text));
    }

    fn failure(&mut self, error: &dyn std::error::Error) {
        self.problems.push(Problem::of(self.place.as_str(), error));
    }
}

/// An id that somebody else chose, for a terminal.
fn printable(id: &str) -> String {
    id.chars().filter(char::is_ascii_graphic).collect()
}
