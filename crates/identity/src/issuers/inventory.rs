//! What is taken from whom, for people who review it.

use portcullis_config::{
    BoundTokens, CertificateNames, ClientAuthentication, GroupSource, PrincipalKind, TokenForm,
};
use portcullis_token::entra::Version;
use portcullis_token::{Algorithm, IssuerKind};
use serde::Serialize;

use super::{Entry, Issuers};

/// Every way in which a caller can be known, but for API keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inventory {
    /// The issuers, by name.
    pub issuers: Vec<IssuerEntry>,
    /// What client certificates stand for.
    pub certificates: Option<CertificateEntry>,
}

/// What is taken from one issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IssuerEntry {
    /// Its name in the configuration.
    pub name: String,
    /// `oidc`, `entra` or `spiffe`.
    pub kind: &'static str,
    /// The values of `iss` that its tokens may have; for SPIFFE the trust domain.
    pub accepts: Vec<String>,
    /// `signed` or `opaque`.
    pub tokens: &'static str,
    /// The signature algorithms; none for opaque tokens.
    pub algorithms: Vec<&'static str>,
    /// The values of `typ`; none for opaque tokens.
    pub token_types: Vec<String>,
    /// The client applications; empty when any is taken.
    pub clients: Vec<String>,
    /// The client applications that are agents.
    pub agents: Vec<String>,
    /// Whether only tokens that are bound to a key or certificate are taken.
    pub binding_required: bool,
    /// Seconds since `iat` after which a token is refused.
    pub max_age: u64,
    /// Where groups come from that have no room in the token: `token` (nowhere) or `graph`.
    pub groups: &'static str,
    /// Whether guests of a tenant are taken.
    pub guests: bool,
    /// The client id of the gateway's own registration.
    pub client_id: Option<String>,
    /// How the gateway proves that it is this client.
    pub client_authentication: Option<&'static str>,
}

/// What client certificates stand for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CertificateEntry {
    /// The name that counts: `spiffe`, `dns` or `subject`.
    pub names: &'static str,
    /// The trust domain, where SPIFFE ids count.
    pub trust_domain: Option<String>,
    /// `user`, `agent` or `workload`.
    pub principal: &'static str,
}

impl Issuers {
    /// What is taken from whom. Nobody is asked for it.
    #[must_use]
    pub fn describe(&self) -> Inventory {
        Inventory {
            issuers: self
                .entries
                .values()
                .map(|entry| entry.describe())
                .collect(),
            certificates: self.certificates.as_ref().map(|rules| {
                let (names, trust_domain) = match &rules.names {
                    CertificateNames::Spiffe { trust_domain } => {
                        ("spiffe", Some(trust_domain.clone()))
                    }
                    CertificateNames::Dns => ("dns", None),
                    CertificateNames::Subject => ("subject", None),
                };
                CertificateEntry {
                    names,
                    trust_domain,
                    principal: match rules.principal {
                        PrincipalKind::User => "user",
                        PrincipalKind::Agent => "agent",
                        PrincipalKind::Workload => "workload",
                    },
                }
            }),
        }
    }
}

impl Entry {
    fn describe(&self) -> IssuerEntry {
        let (profile, config) = (&self.profile, &self.config);
        let (kind, accepts, guests) = match &profile.kind {
            IssuerKind::Standard => ("oidc", vec![profile.issuer.clone()], false),
            IssuerKind::Spiffe { trust_domain } => {
                ("spiffe", vec![format!("spiffe://{trust_domain}")], false)
            }
            IssuerKind::Entra(rules) => {
                let of = |version: &Version| {
                    let version = *version;
                    rules
                        .tenants
                        .iter()
                        .map(move |tenant| rules.cloud.issuer(version, tenant))
                };
                (
                    "entra",
                    rules.versions.iter().flat_map(of).collect(),
                    rules.guests,
                )
            }
        };
        let client = config.client.as_ref();
        let signed = config.tokens == TokenForm::Jwt;
        IssuerEntry {
            name: profile.name.clone(),
            kind,
            accepts,
            tokens: if signed { "signed" } else { "opaque" },
            algorithms: match signed {
                true => profile
                    .algorithms
                    .iter()
                    .map(|one| Algorithm::as_str(*one))
                    .collect(),
                false => Vec::new(),
            },
            token_types: match signed {
                true => profile.token_types.clone(),
                false => Vec::new(),
            },
            clients: config.clients.clone(),
            agents: config.agent_clients.clone(),
            binding_required: config.bound_tokens == BoundTokens::Required,
            max_age: profile.max_age.unwrap_or(u64::MAX),
            groups: match &config.kind {
                portcullis_config::IssuerKind::Entra(entra)
                    if entra.groups == GroupSource::Graph =>
                {
                    "graph"
                }
                _ => "token",
            },
            guests,
            client_id: client.map(|client| client.id.clone()),
            client_authentication: client.map(|client| method(&client.authentication)),
        }
    }
}

fn method(authentication: &ClientAuthentication) -> &'static str {
    match authentication {
        ClientAuthentication::None => "none",
        ClientAuthentication::SecretBasic(_) => "client_secret_basic",
        ClientAuthentication::SecretPost(_) => "client_secret_post",
        ClientAuthentication::PrivateKey { .. } => "private_key_jwt",
        ClientAuthentication::Certificate(_) => "certificate",
        ClientAuthentication::AssertionFile(_) => "assertion-file",
    }
}
