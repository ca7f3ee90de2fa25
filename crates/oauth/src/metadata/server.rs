//! The document about an authorization server (RFC 8414, OpenID Connect Discovery 1.0).

use portcullis_egress::Naming;
use url::{Origin, Url};

use super::MetadataError;
use crate::document::{Document, is_loopback};

/// What is demanded of a server about PKCE (RFC 7636).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pkce {
    /// It announces S256. MCP clients refuse a server that does not.
    #[default]
    Announced,
    /// It may keep silent; a list without S256 is still refused. For Entra ID, which has PKCE and
    /// does not announce it. Only by an explicit setting.
    Assumed,
    /// Nothing: no authorization code is asked for here.
    Unused,
}

/// An authorization server that named itself with the very issuer it was asked for.
#[derive(Clone, Debug)]
pub struct AuthorizationServer {
    /// The issuer, byte for byte. Credentials and tokens are kept under it.
    pub issuer: String,
    /// Where people sign in.
    pub authorization_endpoint: Option<Url>,
    /// Where tokens are asked for.
    pub token_endpoint: Option<Url>,
    /// Where its keys are.
    pub jwks_uri: Option<Url>,
    /// RFC 7662.
    pub introspection_endpoint: Option<Url>,
    /// RFC 7009.
    pub revocation_endpoint: Option<Url>,
    /// RFC 7591.
    pub registration_endpoint: Option<Url>,
    /// RFC 9126.
    pub pushed_authorization_request_endpoint: Option<Url>,
    /// Scopes it names; `None` when it does not say.
    pub scopes_supported: Option<Vec<String>>,
    /// Grant types; when it does not say, RFC 8414's default.
    pub grant_types_supported: Vec<String>,
    /// How clients prove themselves at the token endpoint; when it does not say, RFC 8414's default.
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// Algorithms of client assertions.
    pub token_endpoint_auth_signing_alg_values_supported: Option<Vec<String>>,
    /// How clients prove themselves at the introspection endpoint.
    pub introspection_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// How clients prove themselves at the revocation endpoint.
    pub revocation_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// PKCE methods; `None` when it does not say.
    pub code_challenge_methods_supported: Option<Vec<String>>,
    /// Algorithms of DPoP proofs; `None` when it does not say.
    pub dpop_signing_alg_values_supported: Option<Vec<String>>,
    /// Whether authorization responses carry `iss` (RFC 9207).
    pub authorization_response_iss_parameter_supported: bool,
    /// Whether a client id may be the address of a document.
    pub client_id_metadata_document_supported: bool,
    /// Whether authorization requests have to be pushed (RFC 9126).
    pub require_pushed_authorization_requests: bool,
    /// Whether it binds tokens to client certificates (RFC 8705).
    pub tls_client_certificate_bound_access_tokens: bool,
    naming: Naming,
    origin: Origin,
}

impl AuthorizationServer {
    /// Reads the document that `source` gave, asked about `issuer`.
    pub(super) fn read(
        body: &[u8],
        issuer: &str,
        naming: Naming,
        source: &Url,
    ) -> Result<Self, MetadataError> {
        let document = Document::parse(body)?;
        // Bytes, not addresses: two spellings of one address are two issuers.
        if document.required_text("issuer")? != issuer {
            return Err(MetadataError::IssuerMismatch);
        }
        let local = is_loopback(source);
        let endpoint = |name: &'static str| -> Result<Option<Url>, MetadataError> {
            let Some(url) = document.url(name)? else {
                return Ok(None);
            };
            let secure = match url.scheme() {
                "https" => true,
                "http" => local && is_loopback(&url),
                _ => false,
            };
            let plain =
                url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
            if secure && plain {
                Ok(Some(url))
            } else {
                Err(MetadataError::EndpointAddress(name))
            }
        };
        let or = |list: Option<Vec<String>>, default: &[&str]| {
            list.unwrap_or_else(|| default.iter().map(|&item| item.to_owned()).collect())
        };
        Ok(AuthorizationServer {
            issuer: issuer.to_owned(),
            authorization_endpoint: endpoint("authorization_endpoint")?,
            token_endpoint: endpoint("token_endpoint")?,
            jwks_uri: endpoint("jwks_uri")?,
            introspection_endpoint: endpoint("introspection_endpoint")?,
            revocation_endpoint: endpoint("revocation_endpoint")?,
            registration_endpoint: endpoint("registration_endpoint")?,
            pushed_authorization_request_endpoint: endpoint(
                "pushed_authorization_request_endpoint",
            )?,
            scopes_supported: document.texts("scopes_supported")?,
            grant_types_supported: or(
                document.texts("grant_types_supported")?,
                &["authorization_code", "implicit"],
            ),
            token_endpoint_auth_methods_supported: or(
                document.texts("token_endpoint_auth_methods_supported")?,
                &["client_secret_basic"],
            ),
            token_endpoint_auth_signing_alg_values_supported: document
                .texts("token_endpoint_auth_signing_alg_values_supported")?,
            introspection_endpoint_auth_methods_supported: document
                .texts("introspection_endpoint_auth_methods_supported")?,
            revocation_endpoint_auth_methods_supported: document
                .texts("revocation_endpoint_auth_methods_supported")?,
            code_challenge_methods_supported: document.texts("code_challenge_methods_supported")?,
            dpop_signing_alg_values_supported: document
                .texts("dpop_signing_alg_values_supported")?,
            authorization_response_iss_parameter_supported: document
                .flag("authorization_response_iss_parameter_supported")?,
            client_id_metadata_document_supported: document
                .flag("client_id_metadata_document_supported")?,
            require_pushed_authorization_requests: document
                .flag("require_pushed_authorization_requests")?,
            tls_client_certificate_bound_access_tokens: document
                .flag("tls_client_certificate_bound_access_tokens")?,
            naming,
            origin: source.origin(),
        })
    }

    /// Judges what it says about PKCE.
    ///
    /// # Errors
    /// [`MetadataError::PkceMissing`].
    pub fn check_pkce(&self, demand: Pkce) -> Result<(), MetadataError> {
        let announced = self
            .code_challenge_methods_supported
            .as_ref()
            .map(|methods| methods.iter().any(|method| method == "S256"));
        match (demand, announced) {
            (Pkce::Unused, _) | (_, Some(true)) | (Pkce::Assumed, None) => Ok(()),
            _ => Err(MetadataError::PkceMissing),
        }
    }

    /// How to reach one of its endpoints: as the operator's own words when it shares the origin of
    /// an address that the operator configured, else as something found.
    pub fn naming(&self, endpoint: &Url) -> Naming {
        if matches!(self.naming, Naming::Configured) && endpoint.origin() == self.origin {
            Naming::Configured
        } else {
            Naming::Found
        }
    }

    /// The token endpoint.
    ///
    /// # Errors
    /// [`MetadataError::NoEndpoint`].
    pub fn token_endpoint(&self) -> Result<&Url, MetadataError> {
        required(self.token_endpoint.as_ref(), "token_endpoint")
    }

    /// The authorization endpoint.
    ///
    /// # Errors
    /// [`MetadataError::NoEndpoint`].
    pub fn authorization_endpoint(&self) -> Result<&Url, MetadataError> {
        required(
            self.authorization_endpoint.as_ref(),
            "authorization_endpoint",
        )
    }

    /// The introspection endpoint.
    ///
    /// # Errors
    /// [`MetadataError::NoEndpoint`].
    pub fn introspection_endpoint(&self) -> Result<&Url, MetadataError> {
        required(
            self.introspection_endpoint.as_ref(),
            "introspection_endpoint",
        )
    }

    /// Where its keys are.
    ///
    /// # Errors
    /// [`MetadataError::NoEndpoint`].
    pub fn jwks_uri(&self) -> Result<&Url, MetadataError> {
        required(self.jwks_uri.as_ref(), "jwks_uri")
    }
}

fn required<'a>(url: Option<&'a Url>, name: &'static str) -> Result<&'a Url, MetadataError> {
    url.ok_or(MetadataError::NoEndpoint(name))
}
