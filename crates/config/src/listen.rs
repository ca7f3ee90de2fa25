//! Where the gateway listens, and under which names it may be addressed.

mod tls;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

pub use tls::{ClientCertificates, ListenTls};

use crate::network::{Network, is_host};
use crate::problem::{Mask, Problems};
use crate::section::Section;
use crate::url;

/// The `[listen]` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The address to bind. Loopback by default.
    pub address: SocketAddr,
    /// Further `Host` header values to accept, as `host` (any port) or `host:port`. The listen
    /// address, `localhost` on a loopback address, and the host of `public_url` are always
    /// accepted.
    pub allowed_hosts: Vec<String>,
    /// Web origins to accept, as `scheme://host[:port]`. A request without an `Origin` header is
    /// not from a web page and needs no entry.
    pub allowed_origins: Vec<String>,
    /// The address under which clients reach the gateway, when it is not the listen address.
    pub public_url: Option<String>,
    /// Whether a proxy in front of the gateway does TLS, so that plain HTTP on an address that
    /// others can reach is meant.
    pub behind_tls_proxy: bool,
    /// Whose `Client-Cert` header (RFC 9440) is believed. From everybody else it is dropped.
    pub trusted_proxies: Vec<Network>,
    /// TLS of this address; `None`: plain HTTP.
    pub tls: Option<ListenTls>,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8642),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            public_url: None,
            behind_tls_proxy: false,
            trusted_proxies: Vec::new(),
            tls: None,
        }
    }
}

impl Listen {
    /// Whether only this machine can reach the address.
    pub fn is_loopback(&self) -> bool {
        self.address.ip().to_canonical().is_loopback()
    }

    /// The address of the gateway as clients write it, without a `/` at the end: `public-url`, or
    /// else a loopback address itself. `None`: nobody can tell.
    pub fn base_url(&self) -> Option<String> {
        let scheme = match self.tls {
            Some(_) => "https",
            None => "http",
        };
        let own = || format!("{scheme}://{}", self.address);
        let is_known = self.is_loopback() && self.address.port() != 0;
        self.public_url.clone().or_else(|| is_known.then(own))
    }

    pub(crate) fn read(problems: &mut Problems<'_>, section: &mut Section<'_, '_>) -> Self {
        let default = Self::default();
        let address = read_address(problems, section);
        let allowed_hosts = checked(problems, section, "allowed-hosts", is_host, {
            "write `host` or `host:port`, without `https://` and without a path"
        });
        let allowed_origins = checked(problems, section, "allowed-origins", is_origin, {
            "write `https://host` or `https://host:port`, without a path; there is no wildcard"
        });
        let public_url = read_public_url(problems, section);
        let behind_tls_proxy = section.boolean(problems, "behind-tls-proxy");
        let trusted_proxies = tls::read_proxies(problems, section);
        let tls = ListenTls::read(problems, section);
        Self {
            address: address.unwrap_or(default.address),
            allowed_hosts,
            allowed_origins,
            public_url,
            behind_tls_proxy: behind_tls_proxy.unwrap_or(default.behind_tls_proxy),
            trusted_proxies,
            tls,
        }
    }
}

fn read_address(problems: &mut Problems<'_>, section: &mut Section<'_, '_>) -> Option<SocketAddr> {
    let (text, _) = section.string(problems, "address")?;
    let address = text.parse().ok();
    if address.is_none() {
        let message = format!("`{}` is no address with a port", section.key("address"));
        let hint = "write `127.0.0.1:8642` or `[::1]:8642`; names are not resolved here";
        section.refuse(problems, "address", message, hint);
    }
    address
}

fn checked(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
    name: &'static str,
    is_valid: fn(&str) -> bool,
    hint: &str,
) -> Vec<String> {
    let key = section.key(name);
    let values = section.strings(problems, name).unwrap_or_default();
    for (value, span) in &values {
        if !is_valid(value) {
            let message = format!("`{key}` has an entry that can never match");
            problems.push(
                *span,
                &key,
                message,
                Some(hint.to_owned()),
                Mask::OtherStrings,
            );
        }
    }
    values.into_iter().map(|(value, _)| value).collect()
}

/// A serialised origin: RFC 6454, section 6.2.
fn is_origin(text: &str) -> bool {
    text.split_once("://")
        .is_some_and(|(scheme, host)| matches!(scheme, "https" | "http") && is_host(host))
}

fn read_public_url(problems: &mut Problems<'_>, section: &mut Section<'_, '_>) -> Option<String> {
    let (text, span) = section.string(problems, "public-url")?;
    let fault = match url::check(text) {
        Ok(uri) if uri.query().is_none() => return Some(text.trim_end_matches('/').to_owned()),
        Ok(_) => ("has a query", "take the part from `?` on out"),
        Err(fault) => (fault.message(), fault.hint()),
    };
    let key = section.key("public-url");
    let message = format!("`{key}` {}", fault.0);
    problems.push(
        span,
        &key,
        message,
        Some(fault.1.to_owned()),
        Mask::Everything,
    );
    None
}

#[cfg(test)]
mod tests;
