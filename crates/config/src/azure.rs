//! Microsoft's clouds, and the gateway's own sign-in there.

use crate::oauth_client::OauthClient;
use crate::problem::Problems;
use crate::section::{Section, choice};

/// A national cloud of Microsoft: where Entra ID and Graph are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cloud {
    /// `login.microsoftonline.com`, `graph.microsoft.com`.
    #[default]
    Global,
    /// `login.microsoftonline.us`, `graph.microsoft.us`.
    UsGovernment,
    /// `login.partner.microsoftonline.cn`, `microsoftgraph.chinacloudapi.cn`.
    China,
}

/// The gateway's own registration in an Entra tenant, to sign in at Key Vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureClient {
    /// The tenant's id: a GUID in lower case.
    pub tenant: String,
    /// The cloud of the tenant.
    pub cloud: Cloud,
    /// The registration. Never a public client.
    pub client: OauthClient,
}

impl Cloud {
    pub(crate) fn read(problems: &mut Problems<'_>, section: &mut Section<'_, '_>) -> Self {
        let clouds = &[
            ("global", Self::Global),
            ("us-government", Self::UsGovernment),
            ("china", Self::China),
        ];
        choice(problems, section, "cloud", clouds).unwrap_or_default()
    }
}

impl AzureClient {
    pub(crate) fn read(
        problems: &mut Problems<'_>,
        parent: &mut Section<'_, '_>,
        name: &'static str,
    ) -> Option<Self> {
        let mut section = parent.optional_section(problems, name)?;
        let tenant = read_tenant(problems, &mut section);
        let cloud = Cloud::read(problems, &mut section);
        let client = OauthClient::read_confidential(problems, &mut section);
        section.finish(problems);
        Some(Self {
            tenant: tenant?,
            cloud,
            client: client?,
        })
    }
}

fn read_tenant(problems: &mut Problems<'_>, section: &mut Section<'_, '_>) -> Option<String> {
    let hint = "write the tenant's id, a GUID";
    let Some((text, _)) = section.string(problems, "tenant") else {
        if section.value("tenant").is_none() {
            section.missing(problems, "tenant", hint);
        }
        return None;
    };
    let tenant = parse_guid(text);
    if tenant.is_none() {
        let message = format!("`{}` is no GUID", section.key("tenant"));
        section.refuse(problems, "tenant", message, hint);
    }
    tenant
}

/// A GUID in the form 8-4-4-4-12, in lower case.
pub(crate) fn parse_guid(text: &str) -> Option<String> {
    let lengths = text.split('-').map(str::len);
    let is_guid = lengths.eq([8, 4, 4, 4, 12])
        && text
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    is_guid.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
