//! Callers with a token or a certificate: what `identity` finds out, as a principal.

use std::collections::BTreeMap;
use std::sync::Arc;

use portcullis_config as config;
use portcullis_identity::{Endpoint, Identified, Issuers, Shown};
use portcullis_policy::PrincipalKind;
use portcullis_token::Identity;
use portcullis_token::identity::{Groups, PrincipalKind as Kind};
use secrecy::ExposeSecret;

use super::principal::{Principal, SignedIn, key};
use crate::arrival::{Facts, ShownToken};
use crate::profile::Profile;
use crate::refusal::{Reason, Refusal};

/// Knows the issuers of one configuration.
pub(super) struct Tokens {
    issuers: Arc<Issuers>,
    /// The names that policies use for authentication contexts, by issuer: what the issuer calls each.
    contexts: BTreeMap<String, BTreeMap<String, String>>,
    /// Issuers whose clients say by themselves whether they can answer a claims challenge.
    declared: Vec<String>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Tokens {
    pub(super) fn new(authn: &config::Authn, issuers: Arc<Issuers>) -> Self {
        let named = authn.issuers.iter();
        let contexts = named
            .map(|(name, issuer)| (name.clone(), issuer.authentication_contexts.clone()))
            .collect();
        let declared = authn
            .issuers
            .iter()
            .filter(|(_, issuer)| matches!(issuer.kind, config::IssuerKind::Entra(_)))
            .map(|(name, _)| name.clone())
            .collect();
        Self {
            issuers,
            contexts,
            declared,
        }
    }

    /// Who shows this token at this endpoint.
    pub(super) async fn by_token(
        &self,
        shown: &ShownToken,
        facts: &Facts,
        at: Option<&Profile>,
    ) -> Result<Principal, Refusal> {
        let nowhere = Endpoint::default();
        // What the caller knows the endpoint by: the proof is about that, whatever stands in between.
        let url = at.and_then(|profile| profile.resource.as_deref());
        let digest = portcullis_front::access_token_key(shown.token.expose_secret());
        let shown = Shown {
            scheme: shown.scheme,
            token: &shown.token,
            proof: shown.proof.as_deref(),
            method: shown.request.0.as_str(),
            url: url.unwrap_or(&shown.request.1),
            certificate: facts.certificate.as_deref(),
            address: facts
                .remote
                .filter(|_| !facts.forwarded)
                .map(|peer| peer.ip().to_canonical()),
        };
        let endpoint = at.map_or(&nowhere, |profile| &profile.endpoint);
        let found = self
            .issuers
            .identify(&shown, endpoint)
            .await
            .map_err(Refusal::of_credential)?;
        let Identified { identity, moved } = found;
        if moved {
            tracing::warn!(
                issuer = identity.issuer,
                subject = identity.subject,
                token = identity.token_id,
                "the same token comes from another network"
            );
        }
        if !at.is_some_and(|profile| has_scopes(&identity, &profile.scopes)) {
            return Err(Refusal::new(Reason::ScopeInsufficient));
        }
        Ok(self.principal(identity, "token", digest))
    }

    /// Who opened the connection with this certificate; `None` when certificates stand for nobody.
    pub(super) fn by_certificate(&self, facts: &Facts) -> Option<Principal> {
        let identity = self.issuers.by_certificate(facts.certificate.as_deref()?)?;
        let digest = facts
            .certificate
            .as_deref()
            .map(|certificate| crate::digest::written(certificate.sha256()));
        Some(self.principal(identity, "certificate", digest.unwrap_or_default()))
    }

    /// Whether tokens of this issuer are still taken.
    pub(super) fn takes(&self, issuer: &str) -> bool {
        self.contexts.contains_key(issuer)
    }

    fn principal(
        &self,
        identity: Identity,
        authentication: &'static str,
        digest: String,
    ) -> Principal {
        let id = format!("{}:{}", identity.issuer, identity.subject);
        let kind = match identity.kind {
            Kind::User => PrincipalKind::User,
            Kind::Agent => PrincipalKind::Agent,
            Kind::Workload => PrincipalKind::Workload,
        };
        let contexts = self.contexts(&identity);
        let groups = match identity.groups {
            Groups::Listed(groups) => groups.into_iter().collect(),
            // Whoever identifies looks them up; without them nobody is identified.
            Groups::Overage => Vec::new(),
        };
        let challengeable = identity.can_be_challenged || !self.declared.contains(&identity.issuer);
        let actors = identity
            .actors
            .into_iter()
            .map(|actor| match actor.issuer {
                Some(issuer) => format!("{issuer}:{}", actor.subject),
                None => format!("{}:{}", identity.issuer, actor.subject),
            })
            .collect();
        let seconds = |time: u64| i64::try_from(time).unwrap_or(i64::MAX);
        Principal {
            key: key(kind, &id),
            id,
            kind,
            groups,
            roles: identity.roles.into_iter().collect(),
            authentication,
            signed_in: Some(SignedIn {
                issuer: identity.issuer,
                tenant: identity.tenant,
                subject: identity.subject,
                client: identity.client,
                actors,
                scopes: identity.scopes.into_iter().collect(),
                contexts,
                acr: identity.acr,
                at: identity.auth_time.map(seconds),
                token: identity.token_id,
                digest,
                issued: identity.issued.map(seconds),
                expires: seconds(identity.expires),
                bound: identity.binding.is_bound(),
                challengeable,
            }),
        }
    }

    /// The contexts that were satisfied, by their configured names where they have one. What the issuer
    /// calls a context never passes for the configured name of another.
    fn contexts(&self, identity: &Identity) -> Vec<String> {
        let none = BTreeMap::new();
        let named = self.contexts.get(&identity.issuer).unwrap_or(&none);
        let held =
            |id: &String| identity.contexts.contains(id) || identity.acr.as_ref() == Some(id);
        let known = named
            .iter()
            .filter(|(_, id)| held(id))
            .map(|(name, _)| name);
        let others = identity
            .contexts
            .iter()
            .filter(|id| !named.contains_key(*id) && !named.values().any(|known| known == *id));
        known.chain(others).cloned().collect()
    }
}

/// Whether a token has every scope that an endpoint wants. Where scopes are addresses, a token names
/// them by their last part (Entra's `scp`); applications without a user have roles in their place.
fn has_scopes(identity: &Identity, wanted: &[String]) -> bool {
    let has = |name: &str| {
        identity.scopes.contains(name)
            || (identity.kind != Kind::User && identity.roles.contains(name))
    };
    wanted
        .iter()
        .all(|scope| has(scope) || scope.rsplit_once('/').is_some_and(|(_, name)| has(name)))
}

#[cfg(test)]
mod tests;
