//! Whether a token is true: the checks, in their order.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::algorithm::Algorithm;
use crate::claims::Claims;
use crate::dpop::Proof;
use crate::encoding::base64url;
use crate::identity::{Actor, AgentPart, Binding, Groups, Identity, PrincipalKind, actors};
use crate::issuer::{Issuer, IssuerKind};
use crate::jwt::{Peeked, is_media_type};
use crate::keys::KeySet;
use crate::rejection::Rejection;
use crate::{entra, spiffe, standard};

/// What a token must fit besides its issuer's profile.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Names of this resource. One `aud` must be exactly one of them.
    pub audiences: &'a [String],
    /// Seconds since 1970.
    pub now: u64,
    /// How the token came.
    pub presented: Presented<'a>,
    /// The SHA-256 of the DER of the certificate with which the client opened its connection.
    pub certificate: Option<&'a [u8; 32]>,
}

/// The scheme of the `Authorization` header.
#[derive(Clone, Copy, Debug)]
pub enum Presented<'a> {
    /// `Bearer`: no proof of possession of a key.
    Bearer,
    /// `DPoP`, with the verified proof for this very token and request.
    Dpop(&'a Proof),
}

/// Validates a token that was peeked at.
///
/// # Errors
/// The first cause, in this order: algorithm, type, key, signature, issuer and tenant, audience,
/// times, required claims, subject, caller and permissions, client, binding.
pub fn validate(
    token: &Peeked<'_>,
    issuer: &Issuer,
    keys: &KeySet,
    expected: &Expected<'_>,
) -> Result<Identity, Rejection> {
    let header = &token.jws.header;
    let algorithm = Algorithm::parse(&header.algorithm)
        .filter(|algorithm| issuer.algorithms.contains(algorithm))
        .ok_or(Rejection::AlgorithmNotAllowed)?;
    let type_fits = match &header.token_type {
        None => issuer.allow_untyped,
        Some(said) => issuer
            .token_types
            .iter()
            .any(|name| is_media_type(said, name)),
    };
    if !type_fits {
        return Err(Rejection::TypeWrong);
    }
    let key = keys.signer(&token.jws, algorithm)?;
    let claims = Claims::read(&token.jws.payload)?;
    judge(&claims, issuer, key.issuer(), expected)
}

/// What the rules of one kind of issuer find out about the caller.
pub(crate) struct Caller {
    pub(crate) tenant: Option<String>,
    pub(crate) subject: String,
    pub(crate) display_name: Option<String>,
    pub(crate) kind: PrincipalKind,
    pub(crate) agent: Option<AgentPart>,
    pub(crate) client: Option<String>,
    pub(crate) parent_application: Option<String>,
    /// The agent that acts for the subject, before the chain of `act`.
    pub(crate) actor: Option<Actor>,
    pub(crate) groups: Groups,
    pub(crate) guest: bool,
    pub(crate) acr: Option<String>,
    pub(crate) contexts: BTreeSet<String>,
    pub(crate) amr: BTreeSet<String>,
    pub(crate) token_id: Option<String>,
    pub(crate) can_be_challenged: bool,
}

/// Judges claims that are proven to be the issuer's. `key_issuer` is what the key's JWK says.
pub(crate) fn judge(
    claims: &Claims<'_>,
    issuer: &Issuer,
    key_issuer: Option<&str>,
    expected: &Expected<'_>,
) -> Result<Identity, Rejection> {
    let place = match &issuer.kind {
        IssuerKind::Entra(rules) => Some(entra::Place::find(claims, rules, key_issuer)?),
        IssuerKind::Standard | IssuerKind::Spiffe { .. } => {
            own_issuer(claims, issuer, key_issuer)?;
            None
        }
    };
    standard::refuse_other_tokens(claims)?;
    audience(claims, expected.audiences)?;
    let (issued, expires) = times(claims, issuer, expected.now)?;
    let is_missing = |name: &String| !claims.has(name);
    if issuer.required_claims.iter().any(is_missing) {
        return Err(Rejection::ClaimMissing);
    }
    let scopes = claims.words(&issuer.claims.scopes)?;
    let roles = claims.listed(&issuer.claims.roles)?;
    let caller = match (&issuer.kind, &place) {
        (IssuerKind::Entra(rules), Some(place)) => {
            entra::caller(claims, issuer, rules, place, &scopes, &roles)?
        }
        (IssuerKind::Spiffe { trust_domain }, _) => spiffe::caller(claims, issuer, trust_domain)?,
        _ => standard::caller(claims, issuer)?,
    };
    listed_client(issuer, caller.client.as_deref())?;
    let mut chain = actors(claims)?;
    if let Some(agent) = caller.actor
        && chain
            .first()
            .is_none_or(|first| first.subject != agent.subject)
    {
        chain.insert(0, agent);
    }
    let binding = Binding::read(claims)?;
    possession(&binding, issuer, expected)?;
    Ok(Identity {
        issuer: issuer.name.clone(),
        tenant: caller.tenant,
        subject: caller.subject,
        display_name: caller.display_name,
        kind: caller.kind,
        agent: caller.agent,
        client: caller.client,
        parent_application: caller.parent_application,
        actors: chain,
        scopes,
        roles,
        groups: caller.groups,
        guest: caller.guest,
        acr: caller.acr,
        contexts: caller.contexts,
        amr: caller.amr,
        auth_time: claims.date("auth_time")?,
        issued,
        expires,
        token_id: caller.token_id,
        binding,
        can_be_challenged: caller.can_be_challenged,
    })
}

/// `iss` is exactly the profile's. JWT-SVIDs need none.
fn own_issuer(
    claims: &Claims<'_>,
    issuer: &Issuer,
    key_issuer: Option<&str>,
) -> Result<(), Rejection> {
    match claims.text("iss")? {
        None if matches!(issuer.kind, IssuerKind::Spiffe { .. }) => {}
        None => return Err(Rejection::IssuerMissing),
        Some(said) if said == issuer.issuer => {}
        Some(_) => return Err(Rejection::IssuerWrong),
    }
    match key_issuer {
        Some(said) if said != issuer.issuer => Err(Rejection::KeyIssuerMismatch),
        _ => Ok(()),
    }
}

fn audience(claims: &Claims<'_>, expected: &[String]) -> Result<(), Rejection> {
    let named = claims.texts("aud")?;
    if named.is_empty() {
        return Err(Rejection::AudienceMissing);
    }
    let is_ours = |name: &Cow<'_, str>| expected.iter().any(|ours| ours == name);
    if named.iter().any(is_ours) {
        Ok(())
    } else {
        Err(Rejection::AudienceWrong)
    }
}

/// `iat` and `exp`, after all rules about times.
fn times(claims: &Claims<'_>, issuer: &Issuer, now: u64) -> Result<(Option<u64>, u64), Rejection> {
    let soon = now.saturating_add(issuer.skew);
    let expires = claims.date("exp")?.ok_or(Rejection::ExpiryMissing)?;
    if now >= expires.saturating_add(issuer.skew) {
        return Err(Rejection::Expired);
    }
    if claims.date("nbf")?.is_some_and(|from| from > soon) {
        return Err(Rejection::NotYetValid);
    }
    let issued = claims.date("iat")?;
    match (issued, issuer.max_age) {
        (Some(issued), _) if issued > soon => return Err(Rejection::IssuedInFuture),
        (Some(issued), Some(age))
            if now > issued.saturating_add(age).saturating_add(issuer.skew) =>
        {
            return Err(Rejection::TooOld);
        }
        (None, Some(_)) => return Err(Rejection::ClaimMissing),
        _ => {}
    }
    Ok((issued, expires))
}

/// That the client is one of the profile's.
fn listed_client(issuer: &Issuer, client: Option<&str>) -> Result<(), Rejection> {
    let Some(clients) = &issuer.clients else {
        return Ok(());
    };
    match client {
        None => Err(Rejection::ClientMissing),
        Some(client) if clients.contains(client) => Ok(()),
        Some(_) => Err(Rejection::ClientNotAllowed),
    }
}

/// That the caller has what the token is bound to.
fn possession(
    binding: &Binding,
    issuer: &Issuer,
    expected: &Expected<'_>,
) -> Result<(), Rejection> {
    if issuer.require_binding && !binding.is_bound() {
        return Err(Rejection::BindingRequired);
    }
    match (&binding.key_thumbprint, expected.presented) {
        (None, Presented::Bearer) => {}
        (None, Presented::Dpop(_)) => return Err(Rejection::TokenNotBound),
        (Some(_), Presented::Bearer) => return Err(Rejection::BoundTokenAsBearer),
        (Some(bound), Presented::Dpop(proof)) if bound == proof.key_thumbprint() => {}
        (Some(_), Presented::Dpop(_)) => return Err(Rejection::ProofKeyWrong),
    }
    match (&binding.certificate_digest, expected.certificate) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(Rejection::CertificateMissing),
        (Some(bound), Some(digest)) if *bound == base64url(digest) => Ok(()),
        (Some(_), Some(_)) => Err(Rejection::CertificateWrong),
    }
}

#[cfg(test)]
mod tests;
