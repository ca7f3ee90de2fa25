//! How the lab's authorization server is set up.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Shape;

/// How the lab's authorization server is set up. Its JSON form is what `LAB_SETTINGS` names.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProviderSettings {
    /// Where it listens; the port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whose documents and tokens it imitates.
    pub shape: Shape,
    /// The clients it knows. More may register.
    pub clients: Vec<ProviderClient>,
    /// The subject of a sign-in.
    pub subject: String,
    /// The audience of tokens when a request has no `resource`.
    pub audience: String,
    /// How long an access token is good, in seconds.
    pub token_lifetime: u64,
    /// Whether access tokens are opaque, as RFC 7662 is for. Google's are always.
    pub opaque: bool,
    /// Keys whose ID-JAGs it takes, and the issuer that signs with them.
    pub trusted: Vec<Trusted>,
    /// Whether an https URL is good as a client id (Client ID Metadata Documents). The lab fetches nothing: it believes
    /// any redirect URI of such a client.
    pub documents: bool,
    /// Whether tokens are bound to keys (RFC 9449).
    pub proofs: Option<Proofs>,
}

/// How the lab's authorization server binds tokens to keys. Whatever is bound stays so.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Proofs {
    /// Whether a token request without a proof is refused.
    pub required: bool,
    /// The nonce that a proof has to have.
    pub nonce: Option<String>,
}

impl Default for ProviderSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            shape: Shape::Standard,
            clients: vec![ProviderClient {
                id: "gateway".to_owned(),
                secret: Some("lab-provider-secret".to_owned()),
                redirect_uris: vec!["http://127.0.0.1/oauth/callback".to_owned()],
                ..ProviderClient::default()
            }],
            subject: "ada".to_owned(),
            audience: "https://mcp.example.com/mcp".to_owned(),
            token_lifetime: 3600,
            opaque: false,
            trusted: Vec::new(),
            documents: true,
            proofs: None,
        }
    }
}

/// A client of the lab's authorization server.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProviderClient {
    /// Its id.
    pub id: String,
    /// Its secret; a client without secret and keys is public.
    pub secret: Option<String>,
    /// Public keys (JWK) for `private_key_jwt`.
    pub keys: Vec<Value>,
    /// Redirect URIs. The port of a loopback one is ignored (RFC 8252, section 7.3).
    pub redirect_uris: Vec<String>,
}

/// An identity provider whose ID-JAGs count.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Trusted {
    /// Its issuer.
    pub issuer: String,
    /// Its public keys (JWK).
    pub keys: Vec<Value>,
}
