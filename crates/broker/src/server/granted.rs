//! What users granted by a sign-in at a server's authorization server.

use portcullis_vault::{Access, CredentialKey, Need, RenewalError, Secret};

use super::possession::is_bound;
use super::{Authority, Parts, Server};
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
                let usable = self.parts.of_access(&access, &authority).await?;
                usable.ok_or_else(|| self.sign_in_needed())
            }
            Err(RenewalError::NotConnected | RenewalError::Ended) => Err(self.sign_in_needed()),
            Err(error) => Err(of_renewal_error(&self.parts.name, &error)),
        }
    }

    fn sign_in_needed(&self) -> Needed {
        Needed::SignIn {
            server: self.parts.name.clone(),
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

impl Parts {
    /// The credential of a token that is in the vault. `None` if it must not or cannot be used any
    /// more: it has to be bound to a key and is not, or its key is gone.
    pub(super) async fn of_access(
        &self,
        access: &Access,
        authority: &Authority,
    ) -> Result<Option<Credential>, Needed> {
        if !self.may_use(authority, &access.token_type) {
            return Ok(None);
        }
        let possession = if is_bound(&access.token_type) {
            match self.possession(&authority.issuer).await? {
                Some(possession) => Some(possession),
                None => return Ok(None),
            }
        } else if access.token_type.eq_ignore_ascii_case("bearer") {
            None
        } else {
            return Err(Needed::refused(Reason::AnswerUnusable));
        };
        let (token, scopes) = (access.token.clone(), access.scopes.clone());
        Credential::new(token, scopes, access.expires_us, possession).map(Some)
    }
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
