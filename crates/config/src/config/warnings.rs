//! What is allowed but deserves a second look.

use time::Date;

use super::Config;
use crate::authn::{Issuer, IssuerKind};
use crate::controls::CONTROLS;
use crate::oauth_client::OauthClient;
use crate::profile::Profile;
use crate::server::{AuthMethod, Server};
use crate::tls::TlsVersion;
use crate::vault::VaultKey;

impl Config {
    /// What is allowed but deserves a second look: lower-case fragments, none of them an error.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for control in CONTROLS {
            if !control.is_on(&self.controls) {
                warnings.push(format!(
                    "control `{}` is off: {}",
                    control.name, control.description
                ));
            }
        }
        let authn = &self.authn;
        if authn.loopback.is_none() && !authn.admits_others() && self.controls.authentication {
            warnings.push(
                "nobody can sign in over HTTP: there is no `authn.loopback`, no `[[authn.key]]`, no `[authn.issuers.NAME]` and no `[authn.certificates]`"
                    .to_owned(),
            );
        }
        self.warn_about_tls(&mut warnings);
        for (name, issuer) in &authn.issuers {
            self.warn_about_issuer(&mut warnings, name, issuer);
        }
        self.warn_about_azure(&mut warnings);
        for (name, server) in &self.servers {
            let is_used = |profile: &Profile| profile.servers.iter().any(|used| used.name == *name);
            if !self.profiles.values().any(is_used) {
                warnings.push(format!(
                    "server `{name}` (line {}) is in no profile",
                    server.line
                ));
            }
            warnings.extend(lax(name, server));
        }
        warnings
    }

    /// The servers whose `auth.exception-until` is past, with that day. The exception still held on
    /// the day itself.
    pub fn ended_exceptions(&self, today: Date) -> Vec<(&str, Date)> {
        self.servers
            .iter()
            .filter_map(|(name, server)| Some((name.as_str(), server.auth.exception_until?)))
            .filter(|(_, until)| *until < today)
            .collect()
    }

    fn warn_about_tls(&self, warnings: &mut Vec<String>) {
        let listen = self.listen.tls.as_ref();
        if listen.is_some_and(|tls| tls.min_version == TlsVersion::Tls12) {
            warnings
                .push("`listen.tls.min-version` is 1.2: every client of today has 1.3".to_owned());
        }
        if self.outbound.min_tls == TlsVersion::Tls12 {
            warnings.push("`outbound.min-tls` is 1.2 for everything that is fetched".to_owned());
        }
    }

    fn warn_about_issuer(&self, warnings: &mut Vec<String>, name: &str, issuer: &Issuer) {
        let line = issuer.line;
        let is_entra = matches!(issuer.kind, IssuerKind::Entra(_));
        if is_entra && issuer.clients.is_empty() {
            warnings.push(format!(
                "issuer `{name}` (line {line}) takes tokens of every application of its tenants: list those that may call in `clients`"
            ));
        }
        if is_entra && issuer.client.as_ref().is_some_and(OauthClient::has_secret) {
            warnings.push(format!(
                "issuer `{name}` (line {line}): the gateway's registration has a secret, where Entra takes a certificate or a federated credential"
            ));
        }
        if issuer
            .front_door
            .as_ref()
            .is_some_and(|door| door.registration)
        {
            warnings.push(format!(
                "issuer `{name}` (line {line}): any client may register at the front door"
            ));
        }
        let is_taken = |profile: &Profile| profile.takes(name);
        if !self.profiles.is_empty() && !self.profiles.values().any(is_taken) {
            warnings.push(format!(
                "issuer `{name}` (line {line}): no profile takes its tokens"
            ));
        }
    }

    fn warn_about_azure(&self, warnings: &mut Vec<String>) {
        let sealing = match &self.vault.key {
            VaultKey::AzureKey { client, .. } => Some(("vault.azure-client", client)),
            _ => None,
        };
        let reading = self.secrets.key_vault.as_ref();
        let reading = reading.map(|vault| ("secrets.azure-client", &vault.client));
        for (section, azure) in sealing.into_iter().chain(reading) {
            if azure.client.has_secret() {
                warnings.push(format!(
                    "`{section}` has a secret, where Entra takes a certificate or a federated credential"
                ));
            }
        }
    }
}

/// A server beyond this machine that anybody can call, or that has one key for ever. With an
/// end date it is somebody's decision.
fn lax(name: &str, server: &Server) -> Option<String> {
    let how = match server.auth.method {
        AuthMethod::None => "without authentication",
        AuthMethod::Static => "with a key that never changes",
        AuthMethod::Token(_) => return None,
    };
    if server.auth.exception_until.is_some() || server.network_host().is_none() {
        return None;
    }
    Some(format!(
        "server `{name}` (line {}) is called over the network {how}: if that has to be, say until when in `auth.exception-until`",
        server.line
    ))
}

#[cfg(test)]
mod tests;
