//! What a `scope` asks for, and whether `resource` fits it.

use super::directory::{App, GRAPH_APP, GRAPH_URI, Tenant};
use super::refusal::Refusal;
use super::settings::ResourceRule;

/// Scopes of OpenID Connect, which belong to no resource.
const OPENID: [&str; 5] = ["openid", "profile", "email", "offline_access", "address"];

/// A scope parameter, understood.
#[derive(Clone, Debug)]
pub(super) struct Wanted<'a> {
    /// The scopes of OpenID Connect.
    pub(super) openid: Vec<String>,
    /// The resource that the token is for.
    pub(super) resource: &'a App,
    /// The resource as the request named it: the audience of a version 1.0 token.
    pub(super) named: String,
    /// The short names of the scopes; all of the resource's for `.default`.
    pub(super) scopes: Vec<String>,
}

impl<'a> Wanted<'a> {
    /// Reads `scope` in a tenant.
    ///
    /// A scope without a resource belongs to Microsoft Graph: that is why an MCP client's `tools.read` fails.
    pub(super) fn read(tenant: &'a Tenant, client: &App, scope: &str) -> Result<Self, Refusal> {
        let mut openid = Vec::new();
        let mut found: Option<(&App, String)> = None;
        let mut names: Vec<String> = Vec::new();
        for one in scope.split_whitespace() {
            if OPENID.contains(&one) {
                openid.push(one.to_owned());
                continue;
            }
            let (named, name) = match one.rsplit_once('/') {
                Some((named, name)) => (named, name),
                None => (GRAPH_URI, one),
            };
            let app = tenant
                .resource(named)
                .ok_or_else(|| unknown_resource(named, tenant))?;
            if found.as_ref().is_some_and(|(other, _)| other.id != app.id) {
                return Err(Refusal::new(
                    "invalid_scope",
                    28000,
                    format!(
                        "Provided value for the input parameter scope is not valid because it contains more than \
                         one resource. Scope {scope} is not valid."
                    ),
                ));
            }
            if name != ".default" && !app.scopes.iter().any(|known| known == name) {
                let resource = if app.id == GRAPH_APP {
                    GRAPH_APP
                } else {
                    named
                };
                return Err(Refusal::new(
                    "invalid_client",
                    650053,
                    format!(
                        "The application '{}' asked for scope '{name}' that doesn't exist on the resource \
                         '{resource}'. Contact the app vendor.",
                        client.name
                    ),
                ));
            }
            found = Some((app, named.to_owned()));
            names.push(name.to_owned());
        }
        let (resource, named) = match found {
            Some(found) => found,
            None if openid.is_empty() => return Err(Refusal::missing("scope")),
            None => {
                let graph = tenant
                    .app(GRAPH_APP)
                    .ok_or_else(|| unknown_resource(GRAPH_URI, tenant))?;
                (graph, GRAPH_URI.to_owned())
            }
        };
        let scopes = if names.iter().any(|name| name == ".default") {
            resource.scopes.clone()
        } else {
            names
        };
        Ok(Self {
            openid,
            resource,
            named,
            scopes,
        })
    }

    /// Compares the parameter `resource` with the scopes: exactly, so that a slash at the end breaks it.
    pub(super) fn check(&self, resource: Option<&str>, rule: ResourceRule) -> Result<(), Refusal> {
        let Some(resource) = resource else {
            return Ok(());
        };
        if rule == ResourceRule::Unsupported {
            return Err(Refusal::new(
                "invalid_request",
                901002,
                "The 'resource' request parameter is not supported.",
            ));
        }
        let known = &self.resource.identifier_uris;
        if known.iter().any(|uri| uri == resource) {
            return Ok(());
        }
        Err(Refusal::new(
            "invalid_target",
            9010010,
            "The resource parameter provided in the request doesn't match with the requested scopes.",
        ))
    }

    /// What the token response says was granted: fully qualified, as it was asked.
    pub(super) fn granted(&self) -> String {
        let mut granted: Vec<String> = self
            .scopes
            .iter()
            .map(|scope| format!("{}/{scope}", self.named))
            .collect();
        if self.resource.id == GRAPH_APP {
            granted.extend(
                self.openid
                    .iter()
                    .filter(|scope| *scope != "offline_access")
                    .cloned(),
            );
        }
        granted.join(" ")
    }

    pub(super) fn has_openid(&self, scope: &str) -> bool {
        self.openid.iter().any(|one| one == scope)
    }
}

fn unknown_resource(named: &str, tenant: &Tenant) -> Refusal {
    let directory = tenant.domains.first().unwrap_or(&tenant.id);
    Refusal::new(
        "invalid_resource",
        500011,
        format!(
            "The resource principal named {named} was not found in the tenant named {directory}. This can happen if \
             the application has not been installed by the administrator of the tenant or consented to by any user \
             in the tenant. You might have sent your authentication request to the wrong tenant."
        ),
    )
}

#[cfg(test)]
mod tests;
