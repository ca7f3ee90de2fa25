//! The certificate files that the configuration names: are they there, and how long do they last?

use std::path::Path;

use portcullis_config::{ClientAuthentication, Config, OauthClient, VaultKey};
use portcullis_egress::certificates;
use portcullis_gateway::Loaded;
use serde::Serialize;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::terminal;

/// A certificate that ends sooner than this many days deserves attention.
const SOON: i64 = 30;

/// One certificate file: of several certificates in it, what is said is of the one that ends first.
#[derive(Serialize)]
pub(super) struct Certificate {
    /// The key of the configuration that names it.
    key: String,
    file: String,
    /// The day on which the first of them ends.
    expires: Option<String>,
    days_left: Option<i64>,
    problem: Option<String>,
}

/// Looks at every certificate file.
pub(super) fn of(loaded: &Loaded) -> Vec<Certificate> {
    let now = OffsetDateTime::now_utc().unix_timestamp();
    named(&loaded.config)
        .into_iter()
        .map(|(key, file)| {
            let found = Ends::read(&loaded.base.join(file), now);
            let (ends, problem) = match found {
                Ok(ends) if ends.is_valid => (Some(ends), None),
                Ok(ends) => (Some(ends), Some("it is not valid now".to_owned())),
                Err(problem) => (None, Some(problem)),
            };
            Certificate {
                key,
                file: file.to_owned(),
                expires: ends.as_ref().map(|ends| ends.day.clone()),
                days_left: ends.map(|ends| ends.days_left),
                problem,
            }
        })
        .collect()
}

/// Every key that names a certificate file, with the file.
fn named(config: &Config) -> Vec<(String, &str)> {
    let mut named: Vec<(String, &str)> = Vec::new();
    if let Some(tls) = &config.listen.tls {
        let own = (
            "listen.tls.certificate".to_owned(),
            tls.identity.certificate.as_str(),
        );
        named.push(own);
        let ca = tls.client_ca.as_deref();
        named.extend(ca.map(|file| ("listen.tls.client-ca".to_owned(), file)));
    }
    let ca = config.outbound.ca.as_deref();
    named.extend(ca.map(|file| ("outbound.ca".to_owned(), file)));
    for (name, issuer) in &config.authn.issuers {
        let ca = issuer.ca.as_deref();
        named.extend(ca.map(|file| (format!("authn.issuers.{name}.ca"), file)));
        let client = issuer.client.as_ref().and_then(certificate_of);
        named.extend(client.map(|file| (format!("authn.issuers.{name}.client.certificate"), file)));
    }
    for (name, server) in &config.servers {
        let identity = &server.identity;
        let ca = identity.ca.as_deref();
        named.extend(ca.map(|file| (format!("servers.{name}.identity.ca"), file)));
        let client = identity
            .client
            .as_ref()
            .map(|pair| pair.certificate.as_str());
        let key = format!("servers.{name}.identity.client-certificate");
        named.extend(client.map(|file| (key, file)));
        if let portcullis_config::AuthMethod::Token(source) = &server.auth.method {
            let own = source.client.as_ref().and_then(certificate_of);
            named.extend(own.map(|file| (format!("servers.{name}.auth.certificate"), file)));
        }
    }
    if let VaultKey::AzureKey { client, .. } = &config.vault.key {
        let own = certificate_of(&client.client);
        named.extend(own.map(|file| ("vault.azure-client.certificate".to_owned(), file)));
    }
    if let Some(vault) = &config.secrets.key_vault {
        let own = certificate_of(&vault.client.client);
        named.extend(own.map(|file| ("secrets.azure-client.certificate".to_owned(), file)));
    }
    named
}

fn certificate_of(client: &OauthClient) -> Option<&str> {
    match &client.authentication {
        ClientAuthentication::Certificate(pair) => Some(&pair.certificate),
        _ => None,
    }
}

struct Ends {
    day: String,
    days_left: i64,
    is_valid: bool,
}

impl Ends {
    /// Of the certificate in the file that ends first. `now` is in seconds since 1970.
    fn read(file: &Path, now: i64) -> Result<Self, String> {
        let pem = std::fs::read(file).map_err(|error| format!("it cannot be read: {error}"))?;
        let certificates = certificates(&pem).map_err(|error| error.to_string())?;
        let mut first: Option<Self> = None;
        for der in &certificates {
            let (_, certificate) = X509Certificate::from_der(der)
                .map_err(|_| "it holds what is no X.509 certificate".to_owned())?;
            let validity = certificate.validity();
            let ends = validity.not_after.timestamp();
            let this = Self {
                day: OffsetDateTime::from_unix_timestamp(ends)
                    .map(|at| at.date().to_string())
                    .unwrap_or_else(|_| "never".to_owned()),
                days_left: ends.saturating_sub(now).div_euclid(24 * 60 * 60),
                is_valid: validity.not_before.timestamp() <= now && now < ends,
            };
            let is_worse = first.as_ref().is_none_or(|first| {
                (this.is_valid, this.days_left) < (first.is_valid, first.days_left)
            });
            if is_worse {
                first = Some(this);
            }
        }
        first.ok_or_else(|| "it holds no certificate".to_owned())
    }
}

impl Certificate {
    /// Whether it cannot be used.
    pub(super) fn is_bad(&self) -> bool {
        self.problem.is_some()
    }

    pub(super) fn show(&self) {
        let what = format!("certificate {}  {}", terminal::cyan(&self.file), self.key);
        let until = self.expires.as_deref().unwrap_or("?");
        match (&self.problem, self.days_left) {
            (Some(problem), Some(_)) => {
                terminal::line(format!(
                    "{} {what}  {problem} (it ends {until})",
                    terminal::red("no")
                ));
            }
            (Some(problem), None) => {
                terminal::line(format!("{} {what}  {problem}", terminal::red("no")));
            }
            (None, Some(days)) if days < SOON => {
                let days = usize::try_from(days).unwrap_or_default();
                terminal::line(format!(
                    "{} {what}  ends in {} ({until})",
                    terminal::yellow("warning:"),
                    terminal::count(days, "day", "days")
                ));
            }
            (None, _) => terminal::line(format!("   {what}  until {until}")),
        }
    }
}
