//! Where an address leads, read as strictly as it is connected to.

use std::net::IpAddr;

use http::Uri;
use rustls::pki_types::ServerName;
use url::Url;

use crate::error::EgressError;
use crate::guard::Rule;

/// The part of an address that a connection is made by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) is_secure: bool,
    pub(crate) host: Host,
    pub(crate) port: u16,
}

/// A name in lower-case ASCII without a closing dot, or an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Name(String),
    Address(IpAddr),
}

impl Target {
    /// Reads an address as browsers do (WHATWG URL): numbers in decimal, octal and hexadecimal
    /// notation become the IP address that they are.
    pub(crate) fn read(text: &str) -> Result<Self, Rule> {
        Self::of(&Url::parse(text).map_err(|_| Rule::Malformed)?)
    }

    /// The target of an address that was read.
    pub(crate) fn of(url: &Url) -> Result<Self, Rule> {
        let is_secure = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(Rule::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Rule::UserInformation);
        }
        let host = match url.host() {
            Some(url::Host::Domain(name)) => {
                Host::Name(name.strip_suffix('.').unwrap_or(name).to_owned())
            }
            Some(url::Host::Ipv4(address)) => Host::Address(address.into()),
            Some(url::Host::Ipv6(address)) => Host::Address(address.into()),
            None => return Err(Rule::Malformed),
        };
        if matches!(&host, Host::Name(name) if name.is_empty()) {
            return Err(Rule::Malformed);
        }
        let port = url.port_or_known_default().ok_or(Rule::Malformed)?;
        Ok(Self {
            is_secure,
            host,
            port,
        })
    }

    /// What the host's certificate must be for.
    pub(crate) fn server_name(&self) -> Result<ServerName<'static>, Rule> {
        match &self.host {
            Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| Rule::Malformed),
            Host::Address(address) => Ok(ServerName::IpAddress(address.to_canonical().into())),
        }
    }
}

/// An address in the form in which it was judged. What is sent there names the host so, too.
pub(crate) fn normalised(uri: &Uri) -> Result<(Url, Target), EgressError> {
    let url = Url::parse(&uri.to_string()).map_err(|_| Rule::Malformed)?;
    let target = Target::of(&url)?;
    Ok((url, target))
}

#[cfg(test)]
mod tests;
