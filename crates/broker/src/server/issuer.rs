//! The issuer through which a user's token is exchanged.
//!
//! Everything that carries the caller's token out goes through [`Parts::at_issuer`]: to the token
//! endpoint of the issuer that made the token, and of no other.

use std::sync::Arc;

use portcullis_config::{Cloud as CloudName, Entra, Issuer, IssuerKind, TokenGrant};
use portcullis_egress::Naming;
use portcullis_oauth::{
    AssertionTaker, BackChannel, ClientIdentity, Discovery, DiscoverySettings, Growth, IssuerQuery,
    MAX_ACTORS, Pkce, TokenClient,
};
use portcullis_token::entra::{Cloud, Version};
use portcullis_token::identity::PrincipalKind;
use url::Url;

use super::Parts;
use crate::caller::{Caller, SubjectToken};
use crate::needed::{Needed, Reason};

impl Parts {
    /// Whether the caller's token may be exchanged at all: it is of the issuer that the server is
    /// reached through, for Entra of one of its tenants, and the chain of delegation is not too
    /// long.
    pub(super) fn check_subject(&self, caller: &Caller<'_>) -> Result<(), Needed> {
        let through = self.setup.source.grant.through();
        let reason = if caller.subject.is_none() {
            Reason::SubjectMissing
        } else if through.is_none() || caller.issuer != through {
            Reason::SubjectForeign
        } else if let Some(IssuerKind::Entra(entra)) = self.kind_of_issuer()
            && tenant(entra, caller.tenant).is_none()
        {
            Reason::SubjectForeign
        } else if matches!(self.setup.source.grant, TokenGrant::OnBehalfOf { .. })
            && caller.kind != PrincipalKind::User
        {
            Reason::UsersOnly
        // The gateway joins the chain.
        } else if caller.actors.len() >= MAX_ACTORS {
            Reason::ChainTooLong
        } else {
            return Ok(());
        };
        Err(Needed::refused(reason))
    }

    fn kind_of_issuer(&self) -> Option<&IssuerKind> {
        self.setup.through.as_ref().map(|issuer| &issuer.kind)
    }

    /// The caller's token and the token endpoint that may see it.
    pub(super) async fn at_issuer<'a>(
        &self,
        caller: &Caller<'a>,
    ) -> Result<(&'a SubjectToken, TokenClient), Needed> {
        self.check_subject(caller)?;
        let (Some(subject), Some(issuer)) = (caller.subject, &self.setup.through) else {
            return Err(Needed::refused(Reason::SubjectMissing));
        };
        let client = match &issuer.kind {
            IssuerKind::Entra(entra) => self.at_entra(issuer, entra, caller.tenant).await?,
            IssuerKind::Oidc { issuer: id } => self.at_standard(issuer, id).await?,
            IssuerKind::Spiffe(_) => return Err(Needed::refused(Reason::SubjectForeign)),
        };
        Ok((subject, client))
    }

    /// Entra's token endpoint follows from the tenant; there is nothing to discover.
    async fn at_entra(
        &self,
        issuer: &Issuer,
        entra: &Entra,
        tenant: &str,
    ) -> Result<TokenClient, Needed> {
        let Some(tenant) = self::tenant(entra, tenant) else {
            return Err(Needed::refused(Reason::SubjectForeign));
        };
        let mut cloud = match entra.cloud {
            CloudName::Global => Cloud::global(),
            CloudName::UsGovernment => Cloud::us_government(),
            CloudName::China => Cloud::china(),
        };
        if let Some(authority) = &entra.authority_url {
            authority.trim_end_matches('/').clone_into(&mut cloud.login);
        }
        let endpoint = Url::parse(&cloud.token_url(tenant))
            .map_err(|_| Needed::refused(Reason::AuthorizationServer))?;
        let channel = BackChannel::without_metadata(
            self.through.clone(),
            &cloud.issuer(Version::V2, tenant),
            Arc::new(self.own_identity(issuer, AssertionTaker::Entra).await?),
            Naming::Configured,
        );
        Ok(TokenClient::new(channel, endpoint).growth(Growth::SameResource))
    }

    async fn at_standard(&self, issuer: &Issuer, id: &str) -> Result<TokenClient, Needed> {
        let url = issuer.metadata_url.as_deref().map(Url::parse).transpose();
        let url = url.map_err(|_| Needed::refused(Reason::AuthorizationServer))?;
        let query = IssuerQuery::configured(id)
            .with_pkce(Pkce::Unused)
            .with_metadata_url(url);
        let metadata = match issuer.ca {
            None => self.far.authorization_server(&query).await,
            Some(_) => {
                let clock = Arc::clone(&self.context.clock);
                let settings = DiscoverySettings::default();
                let own = Discovery::new(self.through.clone(), settings, clock);
                own.authorization_server(&query).await
            }
        };
        let metadata = metadata.map_err(|error| self.no_metadata(&error))?;
        let taker = AssertionTaker::Standard {
            algorithms: metadata
                .token_endpoint_auth_signing_alg_values_supported
                .as_deref(),
        };
        let identity = Arc::new(self.own_identity(issuer, taker).await?);
        let client = TokenClient::at(self.through.clone(), &metadata, identity)
            .map_err(|error| self.no_metadata(&error))?;
        match self.setup.source.grant {
            TokenGrant::TokenExchange { .. } => self.bound_in_memory(client, None, &metadata).await,
            // What the issuer gives is no token for the server.
            _ => Ok(client),
        }
    }

    async fn own_identity(
        &self,
        issuer: &Issuer,
        taker: AssertionTaker<'_>,
    ) -> Result<ClientIdentity, Needed> {
        let Some(client) = &issuer.client else {
            return Err(Needed::refused(Reason::Client));
        };
        let context = &self.context;
        ClientIdentity::configured(client, taker, &*context.secrets, &context.base)
            .await
            .map_err(|error| self.no_client(&error))
    }
}

/// The tenant, if the configuration has it.
fn tenant<'a>(entra: &'a Entra, tenant: &str) -> Option<&'a String> {
    let mut tenants = entra.tenants.iter();
    tenants.find(|known| known.eq_ignore_ascii_case(tenant))
}
