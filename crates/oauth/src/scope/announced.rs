//! The scopes of an endpoint as clients are to ask for them.

use portcullis_config::{Issuer, IssuerKind};

/// What clients are told of the scopes that an endpoint wants, in its metadata and in challenges
/// alike. `resource` is the endpoint's address; `issuers` are those whose tokens it takes.
///
/// Entra ID takes a bare scope for one of Microsoft Graph, so that where nobody but Entra signs
/// people in, scopes stand behind the address. Behind a front door the gateway does that itself.
/// SPIFFE signs nobody in.
#[must_use]
pub fn announced_scopes<'a>(
    scopes: &[String],
    resource: Option<&str>,
    issuers: impl IntoIterator<Item = &'a Issuer>,
) -> Vec<String> {
    let signs_in = |issuer: &&Issuer| !matches!(issuer.kind, IssuerKind::Spiffe(_));
    let is_bare_entra = |issuer: &Issuer| {
        matches!(issuer.kind, IssuerKind::Entra(_)) && issuer.front_door.is_none()
    };
    let mut issuers = issuers.into_iter().filter(signs_in).peekable();
    let are_qualified = issuers.peek().is_some() && issuers.all(is_bare_entra);
    let qualified = |scope: &String| match resource.filter(|_| are_qualified) {
        Some(resource) if !scope.contains('/') => format!("{resource}/{scope}"),
        _ => scope.clone(),
    };
    scopes.iter().map(qualified).collect()
}

#[cfg(test)]
mod tests;
