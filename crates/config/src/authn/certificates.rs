//! Client certificates as principals.

use super::PrincipalKind;
use super::issuer::read_trust_domain;
use crate::listen::{ClientCertificates, Listen, ListenTls};
use crate::problem::Problems;
use crate::section::{Section, choice};

/// The `[authn.certificates]` section: whom a verified client certificate stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificatePrincipals {
    /// Which name of the certificate is the principal's.
    pub names: CertificateNames,
    /// What kind of principal it is.
    pub principal: PrincipalKind,
}

/// Which name of a certificate is the principal's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateNames {
    /// The one URI of the subject alternative names, a SPIFFE id (X509-SVID, section 2).
    Spiffe {
        /// The trust domain that it must be of, without `spiffe://`.
        trust_domain: String,
    },
    /// The one DNS name of the subject alternative names.
    Dns,
    /// The subject's distinguished name (RFC 4514).
    Subject,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    Spiffe,
    Dns,
    Subject,
}

impl CertificatePrincipals {
    pub(super) fn read(
        problems: &mut Problems<'_>,
        authn: &mut Section<'_, '_>,
        listen: &Listen,
    ) -> Option<Self> {
        let mut section = authn.optional_section(problems, "certificates")?;
        let asks = |tls: &ListenTls| tls.client_certificates != ClientCertificates::Off;
        if !listen.tls.as_ref().is_some_and(asks) && listen.trusted_proxies.is_empty() {
            let message = format!("`{}` would never see one", section.path_of_table());
            let hint = "set `client-ca` and `client-certificates` in `[listen.tls]`, or `listen.trusted-proxies` if a proxy checks them";
            section.refuse(problems, "", message, hint);
        }
        let names = choice(
            problems,
            &mut section,
            "names",
            &[
                ("spiffe", Names::Spiffe),
                ("dns", Names::Dns),
                ("subject", Names::Subject),
            ],
        );
        if section.value("names").is_none() {
            section.missing(problems, "names", "write `spiffe`, `dns` or `subject`");
        }
        let names = match names {
            Some(Names::Spiffe) => read_trust_domain(problems, &mut section)
                .map(|trust_domain| CertificateNames::Spiffe { trust_domain }),
            Some(Names::Dns) => {
                section.only_for(problems, &["trust-domain"], "`names = \"spiffe\"`");
                Some(CertificateNames::Dns)
            }
            Some(Names::Subject) => {
                section.only_for(problems, &["trust-domain"], "`names = \"spiffe\"`");
                Some(CertificateNames::Subject)
            }
            None => {
                section.value("trust-domain");
                None
            }
        };
        let principal = choice(
            problems,
            &mut section,
            "principal",
            &[
                ("user", PrincipalKind::User),
                ("agent", PrincipalKind::Agent),
                ("workload", PrincipalKind::Workload),
            ],
        );
        section.finish(problems);
        Some(Self {
            names: names?,
            principal: principal.unwrap_or(PrincipalKind::Workload),
        })
    }
}
