//! By what a server is recognised.

use super::{AuthMethod, Transport};
use crate::problem::{Mask, Problems};
use crate::section::Section;
use crate::tls::{CertificateAndKey, Digest, parse_hex, parse_pin};

/// The `[servers.NAME.identity]` section. What is there must hold, or the server is quarantined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerIdentity {
    /// SHA-256 of public keys (DER SubjectPublicKeyInfo), one of which the server's certificate
    /// must have. Empty: any key of a valid certificate.
    pub pins: Vec<Digest>,
    /// The file with the only authority that the server's certificate may come from (PEM),
    /// relative to the configuration file.
    pub ca: Option<String>,
    /// The certificate that the gateway shows to the server.
    pub client: Option<CertificateAndKey>,
    /// SHA-256 of the program of a server that is a child process.
    pub sha256: Option<Digest>,
    /// The identifier of the authorization server that the server must name.
    pub issuer: Option<String>,
}

const HTTPS_KEYS: &[&str] = &["pins", "ca", "client-certificate", "client-key"];

impl ServerIdentity {
    /// Reads `identity` in the section of a server.
    pub(super) fn read(
        problems: &mut Problems<'_>,
        server: &mut Section<'_, '_>,
        transport: Option<&Transport>,
        method: &AuthMethod,
    ) -> Self {
        let Some(mut section) = server.optional_section(problems, "identity") else {
            return Self::default();
        };
        let pins = read_pins(problems, &mut section);
        let ca = section.path(problems, "ca");
        let client =
            CertificateAndKey::read(problems, &mut section, "client-certificate", "client-key");
        let sha256 = read_program(problems, &mut section);
        let issuer = section.issuer(problems, "issuer");
        match transport {
            Some(Transport::Stdio { .. }) => {
                section.only_for(problems, HTTPS_KEYS, "servers with `url`");
                section.only_for(problems, &["issuer"], "servers with `url`");
            }
            Some(Transport::Http { url, .. } | Transport::OpenApi { url, .. }) => {
                section.only_for(problems, &["sha256"], "servers with `command`");
                if url.starts_with("http:") {
                    section.only_for(problems, HTTPS_KEYS, "servers with an `https` URL");
                }
            }
            None => {}
        }
        if let (AuthMethod::Token(source), Some(own)) = (method, &issuer)
            && source
                .authorization_server
                .as_ref()
                .is_some_and(|other| other != own)
        {
            let message = format!("`{}` is not that of `auth`", section.key("issuer"));
            let hint = "the server must name the authorization server that gives its tokens";
            section.refuse(problems, "issuer", message, hint);
        }
        section.finish(problems);
        Self {
            pins,
            ca,
            client,
            sha256,
            issuer,
        }
    }
}

fn read_pins(problems: &mut Problems<'_>, section: &mut Section<'_, '_>) -> Vec<Digest> {
    let key = section.key("pins");
    let mut pins = Vec::new();
    for (text, span) in section.strings(problems, "pins").unwrap_or_default() {
        match parse_pin(&text) {
            Some(pin) => pins.push(pin),
            None => {
                let message = format!("`{key}` has an entry that is no pin");
                let hint = "write `sha256/BASE64`, with the SHA-256 of the certificate's public key (DER SubjectPublicKeyInfo)".to_owned();
                problems.push(span, &key, message, Some(hint), Mask::OtherStrings);
            }
        }
    }
    pins
}

fn read_program(problems: &mut Problems<'_>, section: &mut Section<'_, '_>) -> Option<Digest> {
    let (text, _) = section.string(problems, "sha256")?;
    let digest = parse_hex(text);
    if digest.is_none() {
        let message = format!("`{}` is no SHA-256", section.key("sha256"));
        let hint = "write the 64 hexadecimal digits that `sha256sum PROGRAM` prints";
        section.refuse(problems, "sha256", message, hint);
    }
    digest
}

#[cfg(test)]
mod tests;
