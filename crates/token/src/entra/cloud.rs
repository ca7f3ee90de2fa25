//! The hosts of Entra's clouds, and the addresses that follow from them.

use super::is_guid;

/// The version of an access token, which the resource's registration decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// `1.0`.
    V1,
    /// `2.0`.
    V2,
}

impl Version {
    /// The version with this `ver` value.
    #[must_use]
    pub fn parse(name: &str) -> Option<Version> {
        match name {
            "1.0" => Some(Version::V1),
            "2.0" => Some(Version::V2),
            _ => None,
        }
    }
}

/// The hosts of one cloud, each as `https://host` without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cloud {
    /// Sign-in, and v2.0 issuers.
    pub login: String,
    /// v1.0 issuers.
    pub sts: String,
    /// Microsoft Graph.
    pub graph: String,
}

impl Cloud {
    fn of(login: &str, sts: &str, graph: &str) -> Cloud {
        Cloud {
            login: format!("https://{login}"),
            sts: format!("https://{sts}"),
            graph: format!("https://{graph}"),
        }
    }

    /// The worldwide cloud.
    #[must_use]
    pub fn global() -> Cloud {
        Cloud::of(
            "login.microsoftonline.com",
            "sts.windows.net",
            "graph.microsoft.com",
        )
    }

    /// Azure Government.
    #[must_use]
    pub fn us_government() -> Cloud {
        Cloud::of(
            "login.microsoftonline.us",
            "sts.windows.net",
            "graph.microsoft.us",
        )
    }

    /// Azure operated by 21Vianet.
    #[must_use]
    pub fn china() -> Cloud {
        Cloud::of(
            "login.partner.microsoftonline.cn",
            "sts.chinacloudapi.cn",
            "microsoftgraph.chinacloudapi.cn",
        )
    }

    /// The cloud called `global`, `us-government` or `china`.
    #[must_use]
    pub fn named(name: &str) -> Option<Cloud> {
        match name {
            "global" => Some(Cloud::global()),
            "us-government" => Some(Cloud::us_government()),
            "china" => Some(Cloud::china()),
            _ => None,
        }
    }

    /// The `iss` of a tenant's tokens.
    #[must_use]
    pub fn issuer(&self, version: Version, tenant: &str) -> String {
        match version {
            Version::V1 => format!("{}/{tenant}/", self.sts),
            Version::V2 => format!("{}/{tenant}/v2.0", self.login),
        }
    }

    /// The tenant in an `iss` of this cloud, of either version.
    #[must_use]
    pub fn tenant_of<'a>(&self, issuer: &'a str) -> Option<&'a str> {
        let between = |host: &str, end: &str| {
            issuer
                .strip_prefix(host)?
                .strip_prefix('/')?
                .strip_suffix(end)
                .filter(|tenant| is_guid(tenant))
        };
        between(&self.login, "/v2.0").or_else(|| between(&self.sts, "/"))
    }

    /// Where a tenant's metadata is. `tenant` may be `common` or `organizations`.
    #[must_use]
    pub fn metadata_url(&self, version: Version, tenant: &str) -> String {
        let version = match version {
            Version::V1 => "",
            Version::V2 => "/v2.0",
        };
        format!(
            "{}/{tenant}{version}/.well-known/openid-configuration",
            self.login
        )
    }

    /// Where a tenant's users sign in.
    #[must_use]
    pub fn authorization_url(&self, tenant: &str) -> String {
        format!("{}/{tenant}/oauth2/v2.0/authorize", self.login)
    }

    /// Where a tenant's tokens are asked for.
    #[must_use]
    pub fn token_url(&self, tenant: &str) -> String {
        format!("{}/{tenant}/oauth2/v2.0/token", self.login)
    }

    /// Where the groups of a user are asked for, by `POST`. `object` is the user's `oid`.
    #[must_use]
    pub fn groups_url(&self, object: &str) -> String {
        format!("{}/v1.0/users/{object}/getMemberObjects", self.graph)
    }
}
