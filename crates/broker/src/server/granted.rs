//! What users granted by a sign-in at a server's authorization server.

use portcullis_vault::{Access, CredentialKey, Need, RenewalError, Secret};

use super::Server;
use crate::caller::Caller;
use crate::credential::Credential;
use crate::needed::{Needed, Reason};
use crate::revocations::{Chain, Revocations};

/// What users' grants are called in the vault.
pub(crate) const USER_GRANT: &str = "user-grant";

impl Server {
    /// The caller's token out of its grant. It is not `not`, which the server refused.
    pub(crate) async fn granted(
        &self,
        caller: &Caller<'_>,
        not: Option<Secret>,
        revocations: &Revocations,
    ) -> Result<Credential, Needed> {
        let authority = self.parts.authority().await?;
        let key = self.grant_key(caller.tenant, caller.principal, &authority.issuer);
        let need = Need {
            max_age: Some(self.parts.setup.source.max_token_age),
            not,
        };
        match self.renewing.access(&key, &need).await {
            Ok(access) => {
                revocations.check_family(&access.id).await?;
                of_access(&access)
            }
            Err(RenewalError::NotConnected | RenewalError::Ended) => Err(Needed::SignIn {
                server: self.parts.name.clone(),
            }),
            Err(error) => Err(of_renewal_error(&self.parts.name, &error)),
        }
    }

    pub(crate) fn grant_key(&self, tenant: &str, principal: &str, issuer: &str) -> CredentialKey {
        CredentialKey {
            tenant: tenant.to_owned(),
            principal: principal.to_owned(),
            server: self.parts.name.clone(),
            issuer: issuer.to_owned(),
            kind: USER_GRANT.to_owned(),
        }
    }
}

pub(super) fn of_access(access: &Access) -> Result<Credential, Needed> {
    // Nothing here asks for a bound token, and one that is bound needs a proof for each request.
    if !access.token_type.eq_ignore_ascii_case("bearer") {
        return Err(Needed::refused(Reason::AnswerUnusable));
    }
    Credential::bearer(
        access.token.clone(),
        access.scopes.clone(),
        access.expires_us,
    )
}

/// All but that there is no grant.
pub(super) fn of_renewal_error(server: &str, error: &RenewalError) -> Needed {
    match error {
        RenewalError::Refused { .. } => Needed::refused(Reason::Client),
        RenewalError::Vault(_) | RenewalError::Grant(_) => {
            tracing::error!(server, error = %Chain(error), "the vault fails");
            Needed::Unavailable
        }
        _ => Needed::Unavailable,
    }
}
