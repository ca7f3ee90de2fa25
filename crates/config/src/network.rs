//! Networks and hosts, as allow-lists name them.

use std::fmt;
use std::net::IpAddr;

use http::uri::Authority;

/// A range of addresses in CIDR form (RFC 4632), or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Reads `10.0.0.0/8`, `fd00::/8` or one address. `None` if it is neither, or if bits are set
    /// below the prefix (`10.0.0.1/8`), since nobody can say which of both was meant.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let widest = width(address);
        let prefix = match prefix {
            Some(digits) if digits.len() > 1 && digits.starts_with('0') => return None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|prefix| *prefix <= widest)?
            }
            Some(_) => return None,
            None => widest,
        };
        let network = Self { address, prefix };
        let below = bits(address) & !network.mask();
        (below == 0).then_some(network)
    }

    /// The lowest address.
    pub fn address(self) -> IpAddr {
        self.address
    }

    /// How many leading bits count: up to 32 for IPv4, up to 128 for IPv6.
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether an address is in the network. An IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) is
    /// that IPv4 address.
    pub fn contains(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4()
            && bits(address) & self.mask() == bits(self.address)
    }

    fn mask(self) -> u128 {
        let unused = u32::from(width(self.address).saturating_sub(self.prefix));
        let all = match self.address {
            IpAddr::V4(_) => u128::from(u32::MAX),
            IpAddr::V6(_) => u128::MAX,
        };
        all & u128::MAX.checked_shl(unused).unwrap_or(0)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix == width(self.address) {
            true => write!(f, "{}", self.address),
            false => write!(f, "{}/{}", self.address, self.prefix),
        }
    }
}

fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// `host` or `host:port` for an allow-list, without wildcard and user name.
pub(crate) fn is_host(text: &str) -> bool {
    !text.contains(['@', '*'])
        && text
            .parse::<Authority>()
            .is_ok_and(|authority| !authority.host().is_empty() && !text.ends_with(':'))
}

#[cfg(test)]
mod tests;
