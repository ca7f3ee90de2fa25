//! What the gateway fetches over HTTP, and what it may reach.

use std::fmt;

use crate::network::{Network, is_host};
use crate::problem::{Mask, Problems};
use crate::section::Section;
use crate::tls::TlsVersion;

/// The `[outbound]` section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outbound {
    /// Where addresses that others named (in metadata, in client documents) may lead although they
    /// are private.
    pub allow: Vec<Allowed>,
    /// A file with further authorities for TLS (PEM), relative to the configuration file, besides
    /// those of the system.
    pub ca: Option<String>,
    /// The oldest TLS version that is spoken.
    pub min_tls: TlsVersion,
}

/// One entry of `outbound.allow`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// A host by name, in lower case, with any port or one.
    Host {
        /// The name, or an address in the form in which URLs have it.
        name: String,
        /// The port; `None`: any.
        port: Option<u16>,
    },
    /// Every host whose address is in a network.
    Network(Network),
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { name, port: None } => f.write_str(name),
            Self::Host {
                name,
                port: Some(port),
            } => write!(f, "{name}:{port}"),
            Self::Network(network) => network.fmt(f),
        }
    }
}

impl Outbound {
    pub(crate) fn read(problems: &mut Problems<'_>, root: &mut Section<'_, '_>) -> Self {
        let mut section = root.section(problems, "outbound");
        let key = section.key("allow");
        let mut allow = Vec::new();
        for (text, span) in section.strings(problems, "allow").unwrap_or_default() {
            match parse(&text) {
                Ok(allowed) => allow.push(allowed),
                Err((reason, hint)) => {
                    let message = format!("`{key}` has an entry that {reason}");
                    let hint = Some(hint.to_owned());
                    // What is in front of `@` may be a password.
                    let mask = match text.contains('@') {
                        true => Mask::Everything,
                        false => Mask::OtherStrings,
                    };
                    problems.push(span, &key, message, hint, mask);
                }
            }
        }
        let ca = section.path(problems, "ca");
        let min_tls = TlsVersion::read(problems, &mut section, "min-tls");
        section.finish(problems);
        Self { allow, ca, min_tls }
    }
}

const LINK_LOCAL: (&str, &str) = (
    "is a link-local address",
    "cloud machines keep their credentials there; it is never reached",
);

fn parse(text: &str) -> Result<Allowed, (&'static str, &'static str)> {
    if let Some(network) = Network::parse(text) {
        let is_broad = network.prefix() < if network.address().is_ipv4() { 8 } else { 16 };
        if is_broad {
            let hint = "name the networks of your own issuers: \"10.1.0.0/16\"";
            return Err(("would switch the guard off", hint));
        }
        if overlaps_link_local(network) {
            return Err(LINK_LOCAL);
        }
        return Ok(Allowed::Network(network));
    }
    let hint =
        "write `host`, `host:port` or `10.1.0.0/16`; there is no wildcard, no scheme and no path";
    let malformed = ("is no host and no network", hint);
    if text.contains('/') || !is_host(text) {
        return Err(malformed);
    }
    let authority: http::uri::Authority = text.parse().map_err(|_| malformed)?;
    let address = authority.host().trim_matches(['[', ']']);
    if Network::parse(address).is_some_and(overlaps_link_local) {
        return Err(LINK_LOCAL);
    }
    Ok(Allowed::Host {
        name: authority.host().to_ascii_lowercase(),
        port: authority.port_u16(),
    })
}

/// 169.254.0.0/16 (RFC 3927) and fe80::/10 (RFC 4291, 2.5.6). Networks do not cross: they overlap
/// when one has the other's lowest address.
fn overlaps_link_local(network: Network) -> bool {
    ["169.254.0.0/16", "fe80::/10", "fd00:ec2::254"]
        .into_iter()
        .filter_map(Network::parse)
        .any(|forbidden| {
            forbidden.contains(network.address()) || network.contains(forbidden.address())
        })
}

#[cfg(test)]
mod tests;
