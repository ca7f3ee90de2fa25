//! The document about a protected resource (RFC 9728), as we serve it and as we read it.

use serde_json::{Map, Value};
use url::Url;

use super::MetadataError;
use crate::document::{Document, is_secure};

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// What a resource says about itself. RFC 9728 section 2; the signed form is not used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProtectedResource {
    /// The resource identifier, as published.
    pub resource: String,
    /// Issuers whose tokens it takes.
    pub authorization_servers: Vec<String>,
    /// Scopes that requests for it use; `None` when it does not say.
    pub scopes_supported: Option<Vec<String>>,
    /// How tokens are presented; `None` when it does not say.
    pub bearer_methods_supported: Option<Vec<String>>,
    /// A name for people.
    pub resource_name: Option<String>,
    /// A page for developers.
    pub resource_documentation: Option<String>,
    /// Algorithms of DPoP proofs (RFC 9449).
    pub dpop_signing_alg_values_supported: Option<Vec<String>>,
    /// Whether every token has to be bound by DPoP.
    pub dpop_bound_access_tokens_required: bool,
    /// Whether tokens bound to a client certificate are taken (RFC 8705).
    pub tls_client_certificate_bound_access_tokens: bool,
}

impl ProtectedResource {
    /// Reads a document. Says nothing about whether it is about the resource in question.
    ///
    /// # Errors
    /// [`MetadataError::Document`] when a member is missing or has the wrong type.
    pub fn parse(body: &[u8]) -> Result<Self, MetadataError> {
        let document = Document::parse(body)?;
        Ok(ProtectedResource {
            resource: document.required_text("resource")?.to_owned(),
            authorization_servers: document.texts("authorization_servers")?.unwrap_or_default(),
            scopes_supported: document.texts("scopes_supported")?,
            bearer_methods_supported: document.texts("bearer_methods_supported")?,
            resource_name: document.text("resource_name")?.map(str::to_owned),
            resource_documentation: document.text("resource_documentation")?.map(str::to_owned),
            dpop_signing_alg_values_supported: document
                .texts("dpop_signing_alg_values_supported")?,
            dpop_bound_access_tokens_required: document
                .flag("dpop_bound_access_tokens_required")?,
            tls_client_certificate_bound_access_tokens: document
                .flag("tls_client_certificate_bound_access_tokens")?,
        })
    }

    /// The document to serve. `offline_access` is left out of the scopes, as MCP demands: whether
    /// a client gets refresh tokens is between it and its authorization server.
    pub fn to_json(&self) -> String {
        let mut members = Map::new();
        members.insert("resource".into(), self.resource.clone().into());
        members.insert(
            "authorization_servers".into(),
            self.authorization_servers.clone().into(),
        );
        if let Some(scopes) = &self.scopes_supported {
            let scopes: Vec<Value> = scopes
                .iter()
                .filter(|scope| *scope != "offline_access")
                .map(|scope| scope.as_str().into())
                .collect();
            members.insert("scopes_supported".into(), scopes.into());
        }
        let lists = [
            ("bearer_methods_supported", &self.bearer_methods_supported),
            (
                "dpop_signing_alg_values_supported",
                &self.dpop_signing_alg_values_supported,
            ),
        ];
        for (name, list) in lists {
            if let Some(list) = list {
                members.insert(name.into(), list.clone().into());
            }
        }
        let texts = [
            ("resource_name", &self.resource_name),
            ("resource_documentation", &self.resource_documentation),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                members.insert(name.into(), text.as_str().into());
            }
        }
        let flags = [
            (
                "dpop_bound_access_tokens_required",
                self.dpop_bound_access_tokens_required,
            ),
            (
                "tls_client_certificate_bound_access_tokens",
                self.tls_client_certificate_bound_access_tokens,
            ),
        ];
        for (name, flag) in flags {
            if flag {
                members.insert(name.into(), true.into());
            }
        }
        Value::Object(members).to_string()
    }

    /// Whether the document may speak for `endpoint`: its resource is the endpoint's address, or
    /// an address of the same origin above it. RFC 9728 section 3.3 wants equality; MCP servers
    /// publish their origin for `/mcp` too, and a token for a whole origin goes to that origin.
    ///
    /// # Errors
    /// [`MetadataError::ResourceMismatch`].
    pub(super) fn check_is_about(&self, endpoint: &Url) -> Result<(), MetadataError> {
        let resource = Url::parse(&self.resource).map_err(|_| MetadataError::ResourceMismatch)?;
        let plain = resource.fragment().is_none()
            && resource.username().is_empty()
            && resource.password().is_none();
        let same_query = resource.query().is_none() || resource.query() == endpoint.query();
        let covers = plain
            && same_query
            && resource.origin().is_tuple()
            && resource.origin() == endpoint.origin()
            && is_at_or_above(resource.path(), endpoint.path());
        if covers {
            Ok(())
        } else {
            Err(MetadataError::ResourceMismatch)
        }
    }
}

/// How a resource's address is published: scheme and host in lower case, no default port, no
/// trailing slash, no fragment (RFC 8707; MCP, "Canonical Server URI").
pub fn canonical_resource(endpoint: &Url) -> String {
    let mut url = endpoint.clone();
    url.set_fragment(None);
    let query = url.query().map(str::to_owned);
    url.set_query(None);
    let mut text = url.as_str().trim_end_matches('/').to_owned();
    if let Some(query) = query {
        text.push('?');
        text.push_str(&query);
    }
    text
}

/// The path under which the document about `endpoint` is served: the well-known name put between
/// host and path (RFC 9728 section 3.1).
pub fn resource_metadata_path(endpoint: &Url) -> String {
    format!("{WELL_KNOWN}{}", endpoint.path().trim_end_matches('/'))
}

/// Where to look for the document about `endpoint`, in order: with its path, then at the root.
pub(super) fn well_known(endpoint: &Url) -> Result<Vec<Url>, MetadataError> {
    if !is_secure(endpoint) {
        return Err(MetadataError::MetadataAddress);
    }
    let inserted = with_path(endpoint, &resource_metadata_path(endpoint), true);
    let root = with_path(endpoint, WELL_KNOWN, false);
    Ok(if inserted == root {
        vec![root]
    } else {
        vec![inserted, root]
    })
}

fn with_path(endpoint: &Url, path: &str, keep_query: bool) -> Url {
    let mut url = endpoint.clone();
    url.set_path(path);
    url.set_fragment(None);
    if !keep_query {
        url.set_query(None);
    }
    url
}

fn is_at_or_above(above: &str, path: &str) -> bool {
    let above = above.trim_end_matches('/');
    let path = path.trim_end_matches('/');
    match path.strip_prefix(above) {
        Some(rest) => rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}
