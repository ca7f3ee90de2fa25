//! Client certificates as callers.

mod distinguished_name;

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_config::{self as config, CertificateNames, CertificatePrincipals};
use portcullis_token::identity::{AgentPart, Binding, Groups, PrincipalKind};
use portcullis_token::{Identity, sha256};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// The `issuer` of identities by certificate. No issuer of a configuration has this name, since it
/// has a point in it.
pub const CERTIFICATES: &str = "x.509";

/// Longest SPIFFE ID, in bytes (SPIFFE-ID section 2.3).
const MAX_SPIFFE_ID: usize = 2048;

/// What matters of a client's certificate. It is only read here: whoever makes one has seen it
/// verified, in a TLS handshake or by a proxy that is trusted for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    sha256: [u8; 32],
    subject: Option<String>,
    dns_names: Vec<String>,
    uris: Vec<String>,
    is_authority: bool,
    expires: u64,
}

/// What was shown is not one X.509 certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client certificate cannot be read")]
pub struct CertificateUnreadable;

impl Certificate {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// It is no X.509 certificate, or holds a name that cannot be read.
    pub fn from_der(der: &[u8]) -> Result<Certificate, CertificateUnreadable> {
        let unreadable = CertificateUnreadable;
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| unreadable)?;
        if !rest.is_empty() {
            return Err(unreadable);
        }
        let names = certificate
            .subject_alternative_name()
            .map_err(|_| unreadable)?;
        let (mut dns_names, mut uris) = (Vec::new(), Vec::new());
        for name in names.iter().flat_map(|names| &names.value.general_names) {
            match name {
                GeneralName::DNSName(name) => dns_names.push(name.to_ascii_lowercase()),
                GeneralName::URI(uri) => uris.push((*uri).to_owned()),
                GeneralName::Invalid(..) => return Err(unreadable),
                _ => {}
            }
        }
        let expires = certificate.validity().not_after.timestamp();
        Ok(Certificate {
            sha256: sha256(der),
            subject: distinguished_name::write(certificate.subject()),
            dns_names,
            uris,
            is_authority: certificate.is_ca(),
            expires: u64::try_from(expires).unwrap_or(0),
        })
    }

    /// The SHA-256 of its DER, to which tokens are bound (RFC 8705 section 3.1).
    #[must_use]
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    /// The subject's distinguished name in the form of RFC 4514; `None` when it is empty.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The DNS names that it is for, in lower case.
    #[must_use]
    pub fn dns_names(&self) -> &[String] {
        &self.dns_names
    }

    /// The URIs that it is for.
    #[must_use]
    pub fn uris(&self) -> &[String] {
        &self.uris
    }

    /// When it ends, in seconds since 1970.
    #[must_use]
    pub fn expires(&self) -> u64 {
        self.expires
    }

    /// Whom it stands for; `None` when it has not exactly one name of the kind that counts, is an
    /// authority's, or is over.
    pub(crate) fn identity(&self, rules: &CertificatePrincipals, now: u64) -> Option<Identity> {
        if self.is_authority || now > self.expires {
            return None;
        }
        let (subject, tenant) = match &rules.names {
            CertificateNames::Spiffe { trust_domain } => {
                // X509-SVID section 2: exactly one URI.
                let [uri] = self.uris.as_slice() else {
                    return None;
                };
                (spiffe_domain(uri)? == trust_domain).then_some(())?;
                (uri.clone(), Some(trust_domain.clone()))
            }
            CertificateNames::Dns => {
                let [name] = self.dns_names.as_slice() else {
                    return None;
                };
                (!name.is_empty() && !name.contains('*')).then(|| (name.clone(), None))?
            }
            CertificateNames::Subject => (self.subject.clone()?, None),
        };
        if subject.chars().any(char::is_control) {
            return None;
        }
        let kind = match rules.principal {
            config::PrincipalKind::User => PrincipalKind::User,
            config::PrincipalKind::Agent => PrincipalKind::Agent,
            config::PrincipalKind::Workload => PrincipalKind::Workload,
        };
        Some(Identity {
            issuer: CERTIFICATES.to_owned(),
            tenant,
            client: Some(subject.clone()),
            subject,
            display_name: None,
            kind,
            agent: (kind == PrincipalKind::Agent).then_some(AgentPart::Autonomous),
            parent_application: None,
            actors: Vec::new(),
            scopes: BTreeSet::new(),
            roles: BTreeSet::new(),
            groups: Groups::Listed(BTreeSet::new()),
            guest: false,
            acr: None,
            contexts: BTreeSet::new(),
            amr: BTreeSet::new(),
            auth_time: None,
            issued: None,
            expires: self.expires,
            token_id: None,
            binding: Binding {
                key_thumbprint: None,
                certificate_digest: Some(URL_SAFE_NO_PAD.encode(self.sha256)),
            },
            can_be_challenged: false,
        })
    }
}

/// The trust domain of the SPIFFE ID of a workload (SPIFFE-ID section 2); `None` when it is none.
fn spiffe_domain(id: &str) -> Option<&str> {
    let (domain, path) = id.strip_prefix("spiffe://")?.split_once('/')?;
    let in_domain =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
    let in_path = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let is_well_formed = id.len() <= MAX_SPIFFE_ID
        && (1..=255).contains(&domain.len())
        && domain.bytes().all(in_domain)
        && path
            .split('/')
            .all(|part| !matches!(part, "" | "." | "..") && part.bytes().all(in_path));
    is_well_formed.then_some(domain)
}

#[cfg(test)]
mod tests;
