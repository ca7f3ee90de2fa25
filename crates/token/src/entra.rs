//! Microsoft Entra ID: where a token is from and who calls.
//!
//! Sources: Microsoft's "Access token claims reference", "Claims validation", "Signing key rollover",
//! "Microsoft Entra Agent ID: token claims".

mod agent;
mod cloud;

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::claims::Claims;
use crate::identity::{Actor, AgentPart, Groups, PrincipalKind, display_name};
use crate::issuer::Issuer;
use crate::rejection::Rejection;
use crate::validate::Caller;

use agent::Facets;
pub use cloud::{Cloud, Version};

/// What is accepted from Entra, besides the [`Issuer`] that it is part of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntraRules {
    /// The hosts.
    pub cloud: Cloud,
    /// The tenants, as lower-case GUIDs. A tenant that is not listed is refused.
    pub tenants: BTreeSet<String>,
    /// The token versions: what the application's `requestedAccessTokenVersion` asks for.
    pub versions: BTreeSet<Version>,
    /// How a client must have proven itself, at least.
    pub client_authentication: ClientAuthentication,
    /// Whether guests are accepted.
    pub guests: bool,
    /// Whether agents are accepted.
    pub agents: bool,
}

/// How a client proved itself to Entra (`azpacr`, `appidacr`), weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClientAuthentication {
    /// `0`: not at all, a public client.
    Public,
    /// `1`: by a secret.
    Secret,
    /// `2`: by a certificate.
    Certificate,
}

impl EntraRules {
    /// The global cloud, v2.0 tokens, public clients, agents, no guests.
    #[must_use]
    pub fn new(tenants: impl IntoIterator<Item = String>) -> EntraRules {
        EntraRules {
            cloud: Cloud::global(),
            tenants: tenants
                .into_iter()
                .map(|tenant| tenant.to_ascii_lowercase())
                .collect(),
            versions: BTreeSet::from([Version::V2]),
            client_authentication: ClientAuthentication::Public,
            guests: false,
            agents: true,
        }
    }

    /// Whether a tenant is in the list.
    #[must_use]
    pub fn allows(&self, tenant: &str) -> bool {
        self.tenants.contains(&tenant.to_ascii_lowercase())
    }
}

/// The forms in which Entra names an application as audience: `{id}`, `api://{id}` and
/// `api://{tenant}/{id}`. An identifier URI of another form is to be added.
#[must_use]
pub fn audiences(client_id: &str, tenant: &str) -> Vec<String> {
    vec![
        client_id.to_owned(),
        format!("api://{client_id}"),
        format!("api://{tenant}/{client_id}"),
    ]
}

/// Whether a text is a GUID: hexadecimal digits in groups of 8, 4, 4, 4 and 12.
#[must_use]
pub fn is_guid(text: &str) -> bool {
    let mut groups = text.split('-');
    [8, 4, 4, 4, 12].into_iter().all(|length| {
        groups.next().is_some_and(|group| {
            group.len() == length && group.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    }) && groups.next().is_none()
}

/// The version and the tenant that issued a token.
pub(crate) struct Place {
    version: Version,
    /// As the token writes it.
    tenant: String,
}

impl Place {
    /// Compares `ver`, `iss`, `tid` and the issuer of the key with each other and with the rules.
    pub(crate) fn find(
        claims: &Claims<'_>,
        rules: &EntraRules,
        key_issuer: Option<&str>,
    ) -> Result<Place, Rejection> {
        let version = claims
            .text("ver")?
            .and_then(|name| Version::parse(&name))
            .filter(|version| rules.versions.contains(version))
            .ok_or(Rejection::VersionNotAccepted)?;
        let tenant = claims
            .text("tid")?
            .filter(|tenant| is_guid(tenant))
            .ok_or(Rejection::TenantMalformed)?
            .into_owned();
        let issuer = claims.text("iss")?.ok_or(Rejection::IssuerMissing)?;
        if issuer != rules.cloud.issuer(version, &tenant) {
            return Err(match rules.cloud.tenant_of(&issuer) {
                Some(other) if other != tenant => Rejection::TenantIssuerMismatch,
                _ => Rejection::IssuerWrong,
            });
        }
        if !rules.allows(&tenant) {
            return Err(Rejection::TenantNotAllowed);
        }
        // Keys of the v2.0 document name the v2.0 issuer, whichever version they sign.
        let key_fits = match key_issuer {
            None => rules.tenants.len() == 1,
            Some(template) => {
                let named = template.replace("{tenantid}", &tenant);
                named == issuer || named == rules.cloud.issuer(Version::V2, &tenant)
            }
        };
        if !key_fits {
            return Err(Rejection::KeyIssuerMismatch);
        }
        Ok(Place { version, tenant })
    }
}

/// Who calls.
pub(crate) fn caller(
    claims: &Claims<'_>,
    issuer: &Issuer,
    rules: &EntraRules,
    place: &Place,
    scopes: &BTreeSet<String>,
    roles: &BTreeSet<String>,
) -> Result<Caller, Rejection> {
    let object = claims.text("oid")?.ok_or(Rejection::SubjectMissing)?;
    if !is_guid(&object) {
        return Err(Rejection::SubjectMalformed);
    }
    let has_user = has_user(claims, scopes, roles)?;
    let client = client(claims, rules, place)?;
    let part = Facets::read(claims)?.part(has_user)?.or_else(|| {
        let is_agent = issuer.agents.contains(&client);
        is_agent.then_some(if has_user {
            AgentPart::ForUser
        } else {
            AgentPart::Autonomous
        })
    });
    if part.is_some() && !rules.agents {
        return Err(Rejection::AgentNotAllowed);
    }
    let guest = has_user && is_guest(claims, rules, place)?;
    if guest && !rules.guests {
        return Err(Rejection::GuestNotAllowed);
    }
    let kind = match part {
        Some(AgentPart::Autonomous | AgentPart::OwnAccount) => PrincipalKind::Agent,
        Some(AgentPart::ForUser) | None if has_user => PrincipalKind::User,
        _ => PrincipalKind::Workload,
    };
    let actor = matches!(part, Some(AgentPart::ForUser | AgentPart::OwnAccount)).then(|| Actor {
        issuer: None,
        subject: client.clone(),
    });
    let tenant = place.tenant.to_ascii_lowercase();
    let text = |name| Ok(claims.text(name)?.map(Cow::into_owned));
    // v2.0 tokens have neither `acr` nor `amr`: what stands there proves nothing.
    let (acr, amr) = match place.version {
        Version::V1 => (text("acr")?, claims.listed("amr")?),
        Version::V2 => (None, BTreeSet::new()),
    };
    Ok(Caller {
        subject: format!("{tenant}/{}", object.to_ascii_lowercase()),
        tenant: Some(tenant),
        display_name: display_name(
            claims,
            &[
                "name",
                "preferred_username",
                "upn",
                "unique_name",
                "app_displayname",
            ],
        ),
        kind,
        agent: part,
        actor,
        client: Some(client),
        parent_application: text("xms_par_app_azp")?,
        groups: groups(claims, issuer)?,
        guest,
        acr,
        // Authentication contexts are of users: an application cannot have used a second factor.
        contexts: if has_user {
            claims.listed("acrs")?
        } else {
            BTreeSet::new()
        },
        amr,
        token_id: match text("uti")? {
            Some(id) => Some(id),
            None => text("jti")?,
        },
        can_be_challenged: claims
            .listed("xms_cc")?
            .iter()
            .any(|word| word.eq_ignore_ascii_case("cp1")),
    })
}

/// Whether a user calls, through an application or alone. Who has no permission is nobody.
fn has_user(
    claims: &Claims<'_>,
    scopes: &BTreeSet<String>,
    roles: &BTreeSet<String>,
) -> Result<bool, Rejection> {
    let has_user = match claims.text("idtyp")?.as_deref() {
        None => !scopes.is_empty(),
        Some("user") => true,
        Some("app") if scopes.is_empty() => false,
        Some(_) => return Err(Rejection::CallerContradictory),
    };
    // Entra issues tokens without any permission to applications that nobody assigned.
    let needed = if has_user { scopes } else { roles };
    if needed.is_empty() {
        return Err(Rejection::NoPermission);
    }
    Ok(has_user)
}

/// The client application, and whether it proved itself strongly enough.
fn client(claims: &Claims<'_>, rules: &EntraRules, place: &Place) -> Result<String, Rejection> {
    let (client, strength) = match place.version {
        Version::V1 => ("appid", "appidacr"),
        Version::V2 => ("azp", "azpacr"),
    };
    // Id tokens have none, which is how they are told apart.
    let client = claims.text(client)?.ok_or(Rejection::ClientMissing)?;
    let strength = match claims.text(strength)?.as_deref() {
        None | Some("0") => ClientAuthentication::Public,
        Some("1") => ClientAuthentication::Secret,
        Some("2") => ClientAuthentication::Certificate,
        Some(_) => return Err(Rejection::ClaimWrongKind),
    };
    if strength < rules.client_authentication {
        return Err(Rejection::ClientTooWeak);
    }
    Ok(client.into_owned())
}

/// Whether the account's home is elsewhere: `acct` is 1, `idp` is not this tenant, or `xms_idrel` has
/// a 5.
fn is_guest(claims: &Claims<'_>, rules: &EntraRules, place: &Place) -> Result<bool, Rejection> {
    let account = match claims.raw("acct") {
        None | Some("0" | "\"0\"") => false,
        Some("1" | "\"1\"") => true,
        Some(_) => return Err(Rejection::ClaimWrongKind),
    };
    let provider = claims.text("idp")?.is_some_and(|home| {
        home != rules.cloud.issuer(Version::V1, &place.tenant)
            && home != rules.cloud.issuer(Version::V2, &place.tenant)
    });
    let relation = claims.words("xms_idrel")?.contains("5");
    Ok(account || provider || relation)
}

/// The groups, or that there are too many. The address in `_claim_sources` is not read at all.
fn groups(claims: &Claims<'_>, issuer: &Issuer) -> Result<Groups, Rejection> {
    let elsewhere = claims
        .object("_claim_names")?
        .is_some_and(|names| names.has("groups"));
    if elsewhere || claims.is_true("hasgroups")? {
        return Ok(Groups::Overage);
    }
    Ok(Groups::Listed(claims.listed(&issuer.claims.groups)?))
}

#[cfg(test)]
mod tests;
