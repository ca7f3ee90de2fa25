//! TLS of the gateway's own address, and proxies in front of it.

use crate::network::Network;
use crate::problem::{Mask, Problems};
use crate::section::{Section, choice};
use crate::tls::{CertificateAndKey, TlsVersion};

/// The `[listen.tls]` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenTls {
    /// The certificate that the gateway shows, and its key.
    pub identity: CertificateAndKey,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
    /// The file with the authorities that client certificates must come from (PEM), relative to
    /// the configuration file. There whenever `client_certificates` is not `Off`.
    pub client_ca: Option<String>,
    /// Whether clients are asked for a certificate.
    pub client_certificates: ClientCertificates,
}

/// Whether clients show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientCertificates {
    /// They are not asked.
    #[default]
    Off,
    /// They are asked; a connection without one goes on.
    Optional,
    /// A connection without one is closed.
    Required,
}

impl ListenTls {
    pub(super) fn read(problems: &mut Problems<'_>, listen: &mut Section<'_, '_>) -> Option<Self> {
        let mut section = listen.optional_section(problems, "tls")?;
        let identity = CertificateAndKey::read(problems, &mut section, "certificate", "key");
        if section.value("certificate").is_none() && section.value("key").is_none() {
            let hint =
                "write `certificate = \"tls/gateway.pem\"` and `key = \"file:tls/gateway.key\"`";
            section.missing(problems, "certificate", hint);
        }
        let min_version = TlsVersion::read(problems, &mut section, "min-version");
        let client_ca = section.path(problems, "client-ca");
        let client_certificates = choice(
            problems,
            &mut section,
            "client-certificates",
            &[
                ("off", ClientCertificates::Off),
                ("optional", ClientCertificates::Optional),
                ("required", ClientCertificates::Required),
            ],
        )
        .unwrap_or_default();
        if client_certificates != ClientCertificates::Off && section.value("client-ca").is_none() {
            let hint =
                "name the authorities that client certificates must come from, in a PEM file";
            section.missing(problems, "client-ca", hint);
        }
        section.finish(problems);
        Some(Self {
            identity: identity?,
            min_version,
            client_ca,
            client_certificates,
        })
    }
}

/// Addresses and networks whose word about a client is taken.
pub(super) fn read_proxies(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
) -> Vec<Network> {
    let key = section.key("trusted-proxies");
    let texts = section.strings(problems, "trusted-proxies");
    let mut out = Vec::new();
    for (text, span) in texts.unwrap_or_default() {
        let (message, hint) = match Network::parse(&text) {
            Some(network) if network.prefix() > 0 => {
                out.push(network);
                continue;
            }
            Some(_) => (
                format!("`{key}` would believe everybody"),
                "name the addresses of the proxies only",
            ),
            None => (
                format!("`{key}` has an entry that is no address and no network"),
                "write `10.0.0.7` or `10.0.0.0/24`; names are not resolved here",
            ),
        };
        let hint = Some(hint.to_owned());
        problems.push(span, &key, message, hint, Mask::OtherStrings);
    }
    out
}
