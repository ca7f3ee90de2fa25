//! JWT-SVIDs: the subject is a SPIFFE ID (SPIFFE ID section 2, JWT-SVID section 3).

use std::collections::BTreeSet;

use crate::claims::Claims;
use crate::identity::{AgentPart, Groups, PrincipalKind};
use crate::issuer::Issuer;
use crate::rejection::Rejection;
use crate::validate::Caller;

/// Longest SPIFFE ID, in bytes.
const MAX_ID: usize = 2048;

/// The trust domain of a SPIFFE ID; `None` when it is none.
pub(crate) fn trust_domain(id: &str) -> Option<&str> {
    let (domain, path) = id.strip_prefix("spiffe://")?.split_once('/')?;
    let is_label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    let is_segment = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let well_formed = id.len() <= MAX_ID
        && !domain.is_empty()
        && domain.len() <= 255
        && domain.chars().all(is_label)
        && path
            .split('/')
            .all(|segment| !matches!(segment, "" | "." | "..") && segment.chars().all(is_segment));
    well_formed.then_some(domain)
}

/// Who calls.
pub(crate) fn caller(
    claims: &Claims<'_>,
    issuer: &Issuer,
    expected_domain: &str,
) -> Result<Caller, Rejection> {
    let subject = claims.text("sub")?.ok_or(Rejection::SubjectMissing)?;
    let domain = trust_domain(&subject).ok_or(Rejection::SpiffeIdMalformed)?;
    if domain != expected_domain {
        return Err(Rejection::TrustDomainWrong);
    }
    let is_agent = issuer.agents.contains(&*subject);
    Ok(Caller {
        tenant: Some(domain.to_owned()),
        display_name: None,
        kind: if is_agent {
            PrincipalKind::Agent
        } else {
            PrincipalKind::Workload
        },
        agent: is_agent.then_some(AgentPart::Autonomous),
        actor: None,
        client: Some(subject.clone().into_owned()),
        subject: subject.into_owned(),
        parent_application: None,
        groups: Groups::Listed(claims.listed(&issuer.claims.groups)?),
        guest: false,
        acr: None,
        contexts: BTreeSet::new(),
        amr: BTreeSet::new(),
        token_id: claims.text("jti")?.map(std::borrow::Cow::into_owned),
        can_be_challenged: false,
    })
}

#[cfg(test)]
mod tests;
