//! Users' grants: which there are, and their end.

use portcullis_oauth::TokenHint;
use portcullis_vault::{CredentialFilter, CredentialRecord, CredentialState, VaultError};

use crate::broker::Broker;
use crate::event::Event;
use crate::server::USER_GRANT;

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

/// Grants that were ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disconnected {
    /// What was known about them.
    pub records: Vec<CredentialRecord>,
    /// Of how many the authorization server knows that they ended (RFC 7009). The tokens of the
    /// others are erased here and end by themselves there.
    pub at_server: usize,
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
    /// can be told.
    ///
    /// # Errors
    /// [`DisconnectError`]; what was ended until then stays so.
    pub async fn disconnect(&self, filter: &GrantFilter) -> Result<Disconnected, DisconnectError> {
        let vault = &self.context.vault;
        let mut ended = Disconnected::default();
        for record in vault.list(&filter.records()).await? {
            let server = self.server(&record.key.server).ok().flatten();
            let Some(server) = server else {
                if vault.revoke(&record.id).await? {
                    self.tell_ended(&mut ended, record, false);
                }
                continue;
            };
            match server.renewing.disconnect(&record.key).await {
                Ok(None) => {}
                Ok(Some(grant)) => {
                    let (token, hint) = match &grant.refresh {
                        Some(refresh) => (refresh, TokenHint::Refresh),
                        None => (&grant.access, TokenHint::Access),
                    };
                    let issuer = &record.key.issuer;
                    let at_server = server.parts.revoke_at(issuer, token, hint).await;
                    self.tell_ended(&mut ended, record, at_server);
                }
                // What cannot be opened can still be erased.
                Err(error) => {
                    tracing::warn!(server = record.key.server, error = %crate::revocations::Chain(&error), "a grant cannot be opened");
                    if vault.revoke(&record.id).await? {
                        self.tell_ended(&mut ended, record, false);
                    }
                }
            }
        }
        Ok(ended)
    }

    fn tell_ended(&self, ended: &mut Disconnected, record: CredentialRecord, at_server: bool) {
        self.context.tell(Event::Disconnected {
            key: record.key.clone(),
            at_server,
        });
        ended.at_server += usize::from(at_server);
        ended.records.push(record);
    }
}
