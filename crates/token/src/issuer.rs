//! What is accepted from one issuer.

use std::collections::BTreeSet;

use crate::algorithm::Algorithm;
use crate::entra::EntraRules;
use crate::jwt::Peeked;
use crate::rejection::Rejection;
use crate::spiffe;

/// The skew between clocks that is allowed unless a profile says otherwise, in seconds.
pub const DEFAULT_SKEW: u64 = 60;

/// The profile of one issuer. [`Issuer::standard`], [`Issuer::entra`] and [`Issuer::spiffe`] give the
/// strict defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// Its name in the configuration.
    pub name: String,
    /// The exact `iss`. Not used for Entra, whose `iss` follows from the tenant; for SPIFFE the `iss`
    /// that a token has if it has one.
    pub issuer: String,
    /// The algorithms that are accepted.
    pub algorithms: Vec<Algorithm>,
    /// The values of the header's `typ` that are accepted: `at+jwt` (RFC 9068), `JWT` (Entra).
    /// `application/` may be left out, and case does not matter.
    pub token_types: Vec<String>,
    /// Whether a token without `typ` is accepted.
    pub allow_untyped: bool,
    /// The clients that are accepted; `None` for all.
    pub clients: Option<BTreeSet<String>>,
    /// Clients that are agents. What they do for a user has them as actor; what they do for
    /// themselves has them as subject.
    pub agents: BTreeSet<String>,
    /// The skew between clocks that is allowed, in seconds.
    pub skew: u64,
    /// The most seconds since `iat`; then `iat` is required. `None` for no bound but `exp`.
    pub max_age: Option<u64>,
    /// Claims that must be there besides `iss`, `aud`, `exp` and the subject.
    pub required_claims: Vec<String>,
    /// Where permissions are found.
    pub claims: ClaimNames,
    /// A claim and its value that mark the token of an application without a user.
    pub workload_marker: Option<(String, String)>,
    /// Whether tokens must be bound to a key or a certificate.
    pub require_binding: bool,
    /// Whose rules apply besides.
    pub kind: IssuerKind,
}

/// Names of claims. A name that starts with `/` is a JSON Pointer (RFC 6901), such as
/// `/realm_access/roles`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimNames {
    /// Scopes: words of a string, or an array.
    pub scopes: String,
    /// Roles: an array or one string.
    pub roles: String,
    /// Groups: an array or one string.
    pub groups: String,
    /// The client: the first of these members that the token has. No pointers.
    pub clients: Vec<String>,
}

impl Default for ClaimNames {
    fn default() -> ClaimNames {
        ClaimNames {
            scopes: "scope".to_owned(),
            roles: "roles".to_owned(),
            groups: "groups".to_owned(),
            clients: vec!["client_id".to_owned(), "azp".to_owned()],
        }
    }
}

/// Whose rules apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerKind {
    /// RFC 9068.
    Standard,
    /// Microsoft Entra ID.
    Entra(EntraRules),
    /// JWT-SVIDs.
    Spiffe {
        /// The trust domain, such as `example.org`.
        trust_domain: String,
    },
}

impl Issuer {
    /// An issuer by RFC 9068: `typ` is `at+jwt`, and `client_id`, `iat` and `jti` are required.
    #[must_use]
    pub fn standard(name: &str, issuer: &str) -> Issuer {
        Issuer {
            name: name.to_owned(),
            issuer: issuer.to_owned(),
            algorithms: vec![
                Algorithm::Rs256,
                Algorithm::Ps256,
                Algorithm::Es256,
                Algorithm::EdDsa,
            ],
            token_types: vec!["at+jwt".to_owned()],
            allow_untyped: false,
            clients: None,
            agents: BTreeSet::new(),
            skew: DEFAULT_SKEW,
            max_age: None,
            required_claims: ["client_id", "iat", "jti"].map(str::to_owned).to_vec(),
            claims: ClaimNames::default(),
            workload_marker: None,
            require_binding: false,
            kind: IssuerKind::Standard,
        }
    }

    /// Microsoft Entra ID: RS256 and `typ` is `JWT`.
    #[must_use]
    pub fn entra(name: &str, rules: EntraRules) -> Issuer {
        Issuer {
            algorithms: vec![Algorithm::Rs256],
            token_types: vec!["JWT".to_owned()],
            required_claims: vec!["iat".to_owned(), "nbf".to_owned()],
            claims: ClaimNames {
                scopes: "scp".to_owned(),
                ..ClaimNames::default()
            },
            kind: IssuerKind::Entra(rules),
            ..Issuer::standard(name, "")
        }
    }

    /// JWT-SVIDs of a trust domain: `typ` is `JWT`, `JOSE` or missing.
    #[must_use]
    pub fn spiffe(name: &str, trust_domain: &str) -> Issuer {
        Issuer {
            token_types: vec!["JWT".to_owned(), "JOSE".to_owned()],
            allow_untyped: true,
            required_claims: Vec::new(),
            kind: IssuerKind::Spiffe {
                trust_domain: trust_domain.to_owned(),
            },
            ..Issuer::standard(name, "")
        }
    }

    /// The profile for a token, chosen by what the token says unverified. An Entra profile of the
    /// token's cloud is chosen for a tenant of no profile, so that the reason can be told.
    ///
    /// # Errors
    /// [`Rejection::IssuerMissing`], [`Rejection::IssuerUnknown`].
    pub fn choose<'a>(
        issuers: impl IntoIterator<Item = &'a Issuer>,
        token: &Peeked<'_>,
    ) -> Result<&'a Issuer, Rejection> {
        let mut second_best = None;
        for issuer in issuers {
            match (&issuer.kind, token.issuer()) {
                (IssuerKind::Standard, Some(said)) if said == issuer.issuer => return Ok(issuer),
                (IssuerKind::Entra(rules), Some(said)) => match rules.cloud.tenant_of(said) {
                    Some(tenant) if rules.allows(tenant) => return Ok(issuer),
                    Some(_) => second_best = Some(issuer),
                    None => {}
                },
                (IssuerKind::Spiffe { trust_domain }, said)
                    if said.is_none_or(|said| said == issuer.issuer)
                        && spiffe::trust_domain(token.subject().unwrap_or_default())
                            == Some(trust_domain) =>
                {
                    return Ok(issuer);
                }
                _ => {}
            }
        }
        second_best.ok_or(match token.issuer() {
            None => Rejection::IssuerMissing,
            Some(_) => Rejection::IssuerUnknown,
        })
    }
}

#[cfg(test)]
mod tests;
