//! What kind of place an IP address is.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The kind of an address, by the IANA registries of special-purpose addresses (RFC 6890) and, for
/// [`Metadata`](Self::Metadata), by what the clouds document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AddressClass {
    /// Globally reachable unicast.
    Public,
    /// This machine: 127.0.0.0/8, ::1.
    Loopback,
    /// RFC 1918, and the local translation prefix of RFC 8215.
    Private,
    /// fc00::/7 (RFC 4193), and the site-local addresses before it.
    UniqueLocal,
    /// 100.64.0.0/10, shared behind a carrier's translation (RFC 6598).
    Shared,
    /// 198.18.0.0/15 and 2001:2::/48.
    Benchmarking,
    /// Addresses for examples (RFC 5737, RFC 3849, RFC 9637).
    Documentation,
    /// Where a cloud answers a machine about itself, its credentials included.
    Metadata,
    /// 169.254.0.0/16, fe80::/10.
    LinkLocal,
    /// 224.0.0.0/4, ff00::/8.
    Multicast,
    /// 0.0.0.0/8, ::.
    Unspecified,
    /// Everything else that is not assigned to be reached.
    Reserved,
}

impl AddressClass {
    /// The class of an address. Where an IPv6 address carries an IPv4 address that the network or
    /// this machine may deliver to, it is as harmful as that one.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => v4(address),
            IpAddr::V6(address) => v6(address),
        }
    }

    /// Its stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::UniqueLocal => "unique-local",
            Self::Shared => "shared",
            Self::Benchmarking => "benchmarking",
            Self::Documentation => "documentation",
            Self::Metadata => "metadata",
            Self::LinkLocal => "link-local",
            Self::Multicast => "multicast",
            Self::Unspecified => "unspecified",
            Self::Reserved => "reserved",
        }
    }

    /// Whether not even the operator's configuration may name such an address: no server is there,
    /// or one that gives this machine's credentials to whoever asks.
    pub fn is_never_reached(self) -> bool {
        matches!(
            self,
            Self::Metadata | Self::LinkLocal | Self::Multicast | Self::Unspecified | Self::Reserved
        )
    }
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn v4(address: Ipv4Addr) -> AddressClass {
    match address.octets() {
        // AWS, Azure, Google and others; AWS for containers; Alibaba; Oracle Classic; Azure's
        // platform service, which is a public address in every respect but this.
        [169, 254, 169, 254]
        | [169, 254, 170, 2 | 23]
        | [100, 100, 100, 200]
        | [192, 0, 0, 192]
        | [168, 63, 129, 16] => AddressClass::Metadata,
        [0, ..] => AddressClass::Unspecified,
        [127, ..] => AddressClass::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => AddressClass::Private,
        [100, 64..=127, ..] => AddressClass::Shared,
        [169, 254, ..] => AddressClass::LinkLocal,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => AddressClass::Documentation,
        [198, 18..=19, ..] => AddressClass::Benchmarking,
        // Protocol assignments, and the anycast relays of 6to4 that RFC 7526 took back.
        [192, 0, 0, _] | [192, 88, 99, _] => AddressClass::Reserved,
        [224..=239, ..] => AddressClass::Multicast,
        [240..=255, ..] => AddressClass::Reserved,
        _ => AddressClass::Public,
    }
}

fn v6(address: Ipv6Addr) -> AddressClass {
    let segments = address.segments();
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 0] => AddressClass::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressClass::Loopback,
        // IPv4-compatible (RFC 4291), IPv4-mapped, IPv4-translated (RFC 2765).
        [0, 0, 0, 0, 0, 0, high, low]
        | [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        // The translation prefix that everybody knows (RFC 6052).
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(embedded(high, low)),
        [0x64, 0xff9b, 1, ..] => AddressClass::Private,
        // EC2 and Google Cloud.
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => {
            AddressClass::Metadata
        }
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => AddressClass::UniqueLocal,
        [0xfe80..=0xfebf, ..] => AddressClass::LinkLocal,
        [0xff00..=0xffff, ..] => AddressClass::Multicast,
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => AddressClass::Documentation,
        [0x2001, 2, 0, ..] => AddressClass::Benchmarking,
        // Teredo (RFC 4380): the server in clear, the client with every bit turned.
        [0x2001, 0, server_high, server_low, _, _, high, low] => worse(
            v4(embedded(server_high, server_low)),
            v4(embedded(!high, !low)),
        ),
        // The rest of the protocol assignments.
        [0x2001, 1..=0x1ff, ..] => AddressClass::Reserved,
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => v4(embedded(high, low)),
        // ISATAP (RFC 5214) in any prefix.
        [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => {
            worse(unicast(address), v4(embedded(high, low)))
        }
        _ => unicast(address),
    }
}

/// Global unicast is 2000::/3 (RFC 4291, section 2.4); nothing else is assigned.
fn unicast(address: Ipv6Addr) -> AddressClass {
    match address.segments() {
        [0x2000..=0x3fff, ..] => AddressClass::Public,
        _ => AddressClass::Reserved,
    }
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low))
}

/// The one that fewer may reach: classes are ordered so.
fn worse(a: AddressClass, b: AddressClass) -> AddressClass {
    a.max(b)
}

#[cfg(test)]
mod tests;
