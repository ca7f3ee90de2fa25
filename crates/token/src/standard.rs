//! Callers in tokens by RFC 9068, and in answers by RFC 7662.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::claims::Claims;
use crate::identity::{Actor, AgentPart, Groups, PrincipalKind, display_name, plain};
use crate::issuer::Issuer;
use crate::rejection::Rejection;
use crate::validate::Caller;

/// Claims that show the name of an account to people.
pub(crate) const NAMES: [&str; 4] = ["name", "preferred_username", "username", "email"];

/// Refuses what an issuer signs with the same keys and is no access token: id tokens (OpenID Connect
/// Core sections 3.1.3.6 and 3.3.2.11), logout tokens (Back-Channel Logout section 2.4), and the
/// others of those that mark theirs with a claim `typ`.
pub(crate) fn refuse_other_tokens(claims: &Claims<'_>) -> Result<(), Rejection> {
    if ["at_hash", "c_hash", "s_hash", "events"]
        .iter()
        .any(|name| claims.has(name))
    {
        return Err(Rejection::NotAnAccessToken);
    }
    match claims.text("typ") {
        Ok(Some(kind)) if matches!(&*kind, "ID" | "Refresh" | "Offline" | "Logout") => {
            Err(Rejection::NotAnAccessToken)
        }
        _ => Ok(()),
    }
}

/// Who calls.
pub(crate) fn caller(claims: &Claims<'_>, issuer: &Issuer) -> Result<Caller, Rejection> {
    let subject = claims
        .text("sub")?
        .map(Cow::into_owned)
        .ok_or(Rejection::SubjectMissing)?;
    let subject = plain(subject).ok_or(Rejection::SubjectMalformed)?;
    let client = client(claims, issuer)?;
    let marked = match &issuer.workload_marker {
        Some((name, value)) => claims.text(name).ok().flatten().as_deref() == Some(value),
        None => false,
    };
    let has_user = !marked && client.as_deref() != Some(&subject);
    let by_agent = client
        .as_ref()
        .filter(|client| issuer.agents.contains(*client));
    let (kind, agent) = match (has_user, by_agent) {
        (true, None) => (PrincipalKind::User, None),
        (true, Some(_)) => (PrincipalKind::User, Some(AgentPart::ForUser)),
        (false, None) => (PrincipalKind::Workload, None),
        (false, Some(_)) => (PrincipalKind::Agent, Some(AgentPart::Autonomous)),
    };
    let actor = by_agent.filter(|_| has_user).map(|client| Actor {
        issuer: None,
        subject: client.clone(),
    });
    Ok(Caller {
        tenant: None,
        subject,
        display_name: display_name(claims, &NAMES),
        kind,
        agent,
        actor,
        client,
        parent_application: None,
        groups: Groups::Listed(claims.listed(&issuer.claims.groups)?),
        guest: false,
        acr: claims.text("acr")?.map(Cow::into_owned),
        contexts: BTreeSet::new(),
        amr: claims.listed("amr")?,
        token_id: claims.text("jti")?.map(Cow::into_owned),
        can_be_challenged: false,
    })
}

/// The client that got the token.
fn client(claims: &Claims<'_>, issuer: &Issuer) -> Result<Option<String>, Rejection> {
    for name in &issuer.claims.clients {
        if let Some(client) = claims.text(name)? {
            return Ok(Some(client.into_owned()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
