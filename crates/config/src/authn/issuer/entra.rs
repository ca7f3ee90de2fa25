//! What only Microsoft Entra ID has.

use crate::azure::{Cloud, parse_guid};
use crate::problem::{Mask, Problems};
use crate::section::{Section, choice};

/// The rules for tokens of Microsoft Entra ID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entra {
    /// The tenants whose tokens are taken: GUIDs in lower case, at least one.
    pub tenants: Vec<String>,
    /// What stands for the tenant in the addresses of the authority: the GUID of the only tenant,
    /// `organizations` or `common`.
    pub directory: String,
    /// Where the tenants are.
    pub cloud: Cloud,
    /// The forms of tokens that are taken. Never empty.
    pub token_versions: Vec<EntraVersion>,
    /// What is done with guests of a tenant.
    pub guests: Guests,
    /// Whether agents of Entra Agent ID are taken.
    pub agents: bool,
    /// Where the groups of a user come from when the token has no room for them.
    pub groups: GroupSource,
    /// How the client application must have proved who it is (`azpacr`, `appidacr`).
    pub min_client_authentication: CallerCredential,
    /// The address of the authority when it is not that of the cloud: a proxy, or a test.
    pub authority_url: Option<String>,
    /// The address of Microsoft Graph when it is not that of the cloud.
    pub graph_url: Option<String>,
}

/// The form of a token, its claim `ver`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntraVersion {
    /// `1.0`, of issuer `https://sts.windows.net/TENANT/`.
    V1,
    /// `2.0`, of issuer `https://login.microsoftonline.com/TENANT/v2.0`.
    V2,
}

/// What is done with guests of a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guests {
    /// Their tokens are refused.
    #[default]
    Refuse,
    /// They are users like others.
    Allow,
}

/// Where the groups of a user come from when there are too many for the token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupSource {
    /// From the token only: a user with too many groups is refused where groups matter.
    #[default]
    Token,
    /// They are looked up in Microsoft Graph.
    Graph,
}

/// How the client application of a caller proved who it is, at least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallerCredential {
    /// Public clients too.
    #[default]
    Any,
    /// With a secret.
    Secret,
    /// With a certificate.
    Certificate,
}

const NAMES: &[&str] = &[
    "tenant",
    "tenants",
    "cloud",
    "token-versions",
    "guests",
    "agents",
    "groups",
    "min-client-authentication",
    "authority-url",
    "graph-url",
];

impl Entra {
    /// Reads the keys that only this kind has. Where it is another kind, they are refused.
    pub(super) fn read(
        problems: &mut Problems<'_>,
        section: &mut Section<'_, '_>,
        is_entra: bool,
    ) -> Option<Self> {
        if !is_entra {
            section.only_for(problems, NAMES, "issuers of the kind `entra`");
            return None;
        }
        let tenants = read_tenants(problems, section);
        let cloud = Cloud::read(problems, section);
        let versions = &[("1.0", EntraVersion::V1), ("2.0", EntraVersion::V2)];
        let token_versions = section.choices(problems, "token-versions", versions, |_| None);
        let guests = &[("refuse", Guests::Refuse), ("allow", Guests::Allow)];
        let guests = choice(problems, section, "guests", guests);
        let agents = &[("refuse", false), ("allow", true)];
        let agents = choice(problems, section, "agents", agents);
        let groups = &[("token", GroupSource::Token), ("graph", GroupSource::Graph)];
        let groups = choice(problems, section, "groups", groups);
        let credentials = &[
            ("any", CallerCredential::Any),
            ("secret", CallerCredential::Secret),
            ("certificate", CallerCredential::Certificate),
        ];
        let credential = choice(problems, section, "min-client-authentication", credentials);
        let authority_url = section.url(problems, "authority-url");
        let graph_url = section.url(problems, "graph-url");
        let (directory, tenants) = tenants?;
        Some(Self {
            tenants,
            directory,
            cloud,
            token_versions: token_versions.unwrap_or_else(|| vec![EntraVersion::V2]),
            guests: guests.unwrap_or_default(),
            agents: agents.unwrap_or(true),
            groups: groups.unwrap_or_default(),
            min_client_authentication: credential.unwrap_or_default(),
            authority_url,
            graph_url,
        })
    }
}

/// The directory, and the tenants.
fn read_tenants(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
) -> Option<(String, Vec<String>)> {
    let listed = read_list(problems, section);
    let Some((tenant, _)) = section.string(problems, "tenant") else {
        if section.value("tenant").is_some() {
            return None;
        }
        let Some(tenants) = listed else {
            if section.value("tenants").is_none() {
                let hint = "write the tenant's id, a GUID; or `tenants = [\"GUID\", …]`";
                section.missing(problems, "tenant", hint);
            }
            return None;
        };
        let directory = match tenants.as_slice() {
            [only] => only.clone(),
            _ => "organizations".to_owned(),
        };
        return Some((directory, tenants));
    };
    let key = section.key("tenant");
    if let Some(guid) = parse_guid(tenant) {
        let what = "`tenant = \"organizations\"` or no `tenant`; this entry has one tenant already";
        section.only_for(problems, &["tenants"], what);
        return Some((guid.clone(), vec![guid]));
    }
    let (message, hint) = match tenant {
        "common" | "organizations" if section.value("tenants").is_some() => {
            return listed.map(|tenants| (tenant.to_owned(), tenants));
        }
        "common" | "organizations" => (
            format!("`{key}` would take the tokens of every tenant in the world"),
            "add `tenants = [\"GUID\", …]` with those that you know, or write one GUID here",
        ),
        "consumers" => (
            format!("`{key}` names the personal accounts, which have no tenant of yours"),
            "write the tenant's id, a GUID",
        ),
        _ => (
            format!("`{key}` is no GUID"),
            "write the tenant's id, not its domain: a domain can move to another tenant",
        ),
    };
    section.refuse(problems, "tenant", message, hint);
    None
}

fn read_list(problems: &mut Problems<'_>, section: &mut Section<'_, '_>) -> Option<Vec<String>> {
    let key = section.key("tenants");
    let texts = section.strings(problems, "tenants")?;
    let mut out = Vec::new();
    for (text, span) in &texts {
        match parse_guid(text) {
            Some(guid) if out.contains(&guid) => {
                let message = format!("`{key}` has a tenant twice");
                problems.push(*span, &key, message, None, Mask::OtherStrings);
            }
            Some(guid) => out.push(guid),
            None => {
                let message = format!("`{key}` has an entry that is no GUID");
                let hint = "write the tenant's id, not its domain".to_owned();
                problems.push(*span, &key, message, Some(hint), Mask::OtherStrings);
            }
        }
    }
    if texts.is_empty() {
        let message = format!("`{key}` is empty");
        section.refuse(problems, "tenants", message, "name at least one tenant");
    }
    (!out.is_empty() && out.len() == texts.len()).then_some(out)
}
