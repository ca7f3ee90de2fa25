//! What the operator lets addresses lead to that somebody else named.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use crate::target::{Host, Target};

/// A host or a network, with a port or with any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    place: Place,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// A name in lower case, as the address names it.
    Name(String),
    Network(IpNet),
}

/// The text is not `host`, `host:port`, an address, `address:port`, `[address]:port` or a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is neither a host nor an address nor a network, each with a port or without")]
pub struct AllowedError;

impl Allowed {
    /// Whether this lets a request for the target go to the address.
    pub(crate) fn covers(&self, target: &Target, address: IpAddr) -> bool {
        if self.port.is_some_and(|port| port != target.port) {
            return false;
        }
        match (&self.place, &target.host) {
            (Place::Name(name), Host::Name(wanted)) => name == wanted,
            (Place::Name(_), Host::Address(_)) => false,
            (Place::Network(network), _) => network.contains(&address.to_canonical()),
        }
    }
}

impl FromStr for Allowed {
    type Err = AllowedError;

    fn from_str(text: &str) -> Result<Self, AllowedError> {
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self {
                place: Place::Network(network),
                port: None,
            });
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self {
                place: Place::Network(address.to_canonical().into()),
                port: None,
            });
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        if !text.bytes().all(plain) {
            return Err(AllowedError);
        }
        // The parser of addresses reads it, so that both sides of a comparison have one form.
        let target = Target::read(&format!("https://{text}/")).map_err(|_| AllowedError)?;
        let port = match text.rsplit_once(':') {
            Some((_, port)) if !text.ends_with(']') => {
                Some(port.parse().map_err(|_| AllowedError)?)
            }
            _ => None,
        };
        let place = match target.host {
            Host::Name(name) => Place::Name(name),
            Host::Address(address) => Place::Network(address.to_canonical().into()),
        };
        Ok(Self { place, port })
    }
}

#[cfg(test)]
mod tests;
