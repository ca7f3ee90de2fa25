//! Giving the tokens of sign-ins back to the authorization servers they are from.

use std::fmt;
use std::sync::Arc;

use portcullis_broker::{AtServer, GrantFilter};
use portcullis_store::{CredentialFilter, CredentialRecord, CredentialState, Store};
use serde::Serialize;

use super::{Kind, Revoke};
use crate::commands::vault::broker::broker;
use crate::exit::Failure;
use crate::terminal;

/// What users' sign-ins are called in the store.
const USER_GRANT: &str = "user-grant";

/// A sign-in whose tokens were erased.
#[derive(Debug, Serialize)]
pub(super) struct GivenBack {
    principal: String,
    server: String,
    issuer: String,
    /// [`AtServer::as_str`].
    at_authorization_server: &'static str,
    #[serde(skip)]
    outcome: AtServer,
}

impl GivenBack {
    fn new(record: &CredentialRecord, outcome: AtServer) -> Self {
        Self {
            principal: record.key.principal.clone(),
            server: record.key.server.clone(),
            issuer: record.key.issuer.clone(),
            at_authorization_server: outcome.as_str(),
            outcome,
        }
    }

    /// Of what was erased without asking anybody; `None` for what is no sign-in.
    pub(super) fn not_asked(record: &CredentialRecord) -> Option<Self> {
        (record.key.kind == USER_GRANT).then(|| Self::new(record, AtServer::NotAsked))
    }
}

impl fmt::Display for GivenBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            AtServer::Revoked => "revoked at the server",
            AtServer::NoEndpoint => {
                "the server has no revocation endpoint; its tokens end by themselves"
            }
            AtServer::Unreached => "the server could not be reached; its tokens end by themselves",
            AtServer::Refused => "the server refuses to revoke; its tokens end by themselves",
            _ => "the server was not asked; its tokens end by themselves",
        };
        write!(
            f,
            "{} at {}: {outcome}",
            terminal::on_one_line(&self.principal),
            terminal::on_one_line(&self.server)
        )
    }
}

/// Ends the sign-ins of what is revoked: erases their tokens, and tells the authorization servers. What
/// cannot be opened is left for those who erase without a key. Never fails, since it is the lesser part
/// of a revocation.
pub(super) async fn give_back(revoke: &Revoke, store: &Arc<dyn Store>) -> Vec<GivenBack> {
    let filter = match revoke.kind {
        Kind::User | Kind::Agent | Kind::Workload => GrantFilter {
            principal: Some(revoke.key.clone()),
            ..GrantFilter::default()
        },
        Kind::Server => GrantFilter {
            server: Some(revoke.key.clone()),
            ..GrantFilter::default()
        },
        Kind::Client | Kind::Token => return Vec::new(),
    };
    match try_to_give_back(revoke, store, &filter).await {
        Ok(given_back) => given_back,
        Err(failure) => {
            terminal::error_line(format!(
                "{} authorization servers cannot be told: {}",
                terminal::yellow("warning:"),
                failure.text()
            ));
            Vec::new()
        }
    }
}

async fn try_to_give_back(
    revoke: &Revoke,
    store: &Arc<dyn Store>,
    filter: &GrantFilter,
) -> Result<Vec<GivenBack>, Failure> {
    let kept = CredentialFilter {
        principal: filter.principal.clone(),
        server: filter.server.clone(),
        kind: Some(USER_GRANT.to_owned()),
        state: Some(CredentialState::Active),
        ..CredentialFilter::default()
    };
    let kept = store
        .credentials(&kept)
        .await
        .map_err(|error| Failure::because("the vault cannot be read", &error))?;
    if kept.is_empty() {
        return Ok(Vec::new());
    }
    let mut about: Vec<&str> = kept.iter().map(|record| &*record.key.server).collect();
    about.sort_unstable();
    about.dedup();
    let loaded = revoke.configuration.load()?;
    let broker = broker(&loaded, &about, Arc::clone(store), None).await?;
    let ended = broker
        .disconnect(filter)
        .await
        .map_err(|error| Failure::because("the sign-ins cannot be ended", &error))?;
    Ok(ended
        .iter()
        .map(|one| GivenBack::new(&one.record, one.at_server))
        .collect())
}
