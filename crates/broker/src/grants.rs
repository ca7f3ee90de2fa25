//! Users' grants: which there are, and their end.

use std::collections::HashSet;

use portcullis_vault::{CredentialFilter, CredentialRecord, CredentialState, VaultError};

use crate::broker::Broker;
use crate::event::Event;
use crate::server::{AtServer, Given, USER_GRANT};

/// Which grants are meant. What is set must match exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantFilter {
    /// The tenant.
    pub tenant: Option<String>,
    /// Whose grants.
    pub principal: Option<String>,
    /// At which server.
    pub server: Option<String>,
}

/// A grant that was ended: its tokens are erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disconnected {
    /// What was known about it.
    pub record: CredentialRecord,
    /// Whether the authorization server knows (RFC 7009).
    pub at_server: AtServer,
}

/// Some grants are not ended.
#[derive(Debug, thiserror::Error)]
#[error("the grants cannot be ended")]
pub struct DisconnectError(#[from] VaultError);

impl GrantFilter {
    fn records(&self) -> CredentialFilter {
        CredentialFilter {
            tenant: self.tenant.clone(),
            principal: self.principal.clone(),
            server: self.server.clone(),
            kind: Some(USER_GRANT.to_owned()),
            state: Some(CredentialState::Active),
            ..CredentialFilter::default()
        }
    }
}

impl Broker {
    /// The users' grants that are in force. Opens none.
    ///
    /// # Errors
    /// The store fails.
    pub async fn grants(&self, filter: &GrantFilter) -> Result<Vec<CredentialRecord>, VaultError> {
        self.context.vault.list(&filter.records()).await
    }

    /// Ends users' grants: erases their tokens, and tells the authorization server as far as it
    /// can be told. One that cannot be reached is not tried again for the other grants.
    ///
    /// # Errors
    /// [`DisconnectError`]; what was ended until then stays so.
    pub async fn disconnect(
        &self,
        filter: &GrantFilter,
    ) -> Result<Vec<Disconnected>, DisconnectError> {
        let vault = &self.context.vault;
        let mut ended = Vec::new();
        let mut unreached = HashSet::new();
        for record in vault.list(&filter.records()).await? {
            let server = self.server(&record.key.server).ok().flatten();
            let read = match server {
                Some(server) => server.renewing.disconnect(&record.key).await,
                None => Ok(None),
            };
            let at_server = match (server, read) {
                (Some(server), Ok(Some(grant))) => {
                    let issuer = &record.key.issuer;
                    match unreached.contains(issuer) {
                        true => AtServer::Unreached,
                        false => {
                            let given = Given {
                                refresh: grant.refresh.as_ref(),
                                access: &grant.access,
                                registration: grant.registration.as_deref(),
                            };
                            server.parts.give_back(issuer, &given).await
                        }
                    }
                }
                // Somebody else ended it meanwhile.
                (Some(_), Ok(None)) => continue,
                // What cannot be opened, or is not configured any more, can still be erased.
                (_, read) => {
                    if let Err(error) = read {
                        tracing::warn!(server = record.key.server, error = %crate::revocations::Chain(&error), "a grant cannot be opened");
                    }
                    if !vault.revoke(&record.id).await? {
                        continue;
                    }
                    AtServer::NotAsked
                }
            };
            if at_server == AtServer::Unreached {
                unreached.insert(record.key.issuer.clone());
            }
            self.context.tell(Event::Disconnected {
                key: record.key.clone(),
                at_server: at_server == AtServer::Revoked,
            });
            ended.push(Disconnected { record, at_server });
        }
        Ok(ended)
    }
}
