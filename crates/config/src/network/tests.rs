use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::Network;

/// Whether the network has the address; `None`: it is no network.
fn check(network: &str, address: &str) -> Option<bool> {
    Network::parse(network).map(|network| network.contains(address.parse().unwrap()))
}

#[test]
fn membership() {
    for (network, address, expected) in [
        ("10.0.0.0/8", "10.255.255.255", true),
        ("10.0.0.0/8", "11.0.0.0", false),
        ("10.0.0.0/8", "::ffff:10.1.2.3", true),
        ("10.1.2.3", "10.1.2.3", true),
        ("10.1.2.3", "10.1.2.4", false),
        ("0.0.0.0/0", "255.255.255.255", true),
        ("0.0.0.0/0", "::1", false),
        ("::/0", "::1", true),
        ("::/0", "1.2.3.4", false),
        ("fd00::/8", "fdff::1", true),
        ("fd00::/8", "fe00::1", false),
        ("2001:db8::1", "2001:db8::1", true),
    ] {
        assert_eq!(
            check(network, address),
            Some(expected),
            "{network} {address}"
        );
    }
}

#[test]
fn what_is_no_network() {
    for text in [
        "",
        "example.com",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0.0/08",
        "10.0.0.0/+8",
        "10.0.0.0/",
        "10.0.0.0/8/8",
        "010.0.0.1",
        "10.1",
        "2130706433",
        "::/129",
        "[::1]",
        "10.0.0.0/256",
    ] {
        assert_eq!(Network::parse(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn a_network_has_what_shares_its_prefix(bits in any::<u32>(), other in any::<u32>(), prefix in 0u8..=32) {
        let kept = (0..prefix).fold(0u32, |mask, bit| mask | (0x8000_0000 >> bit));
        let text = format!("{}/{prefix}", Ipv4Addr::from_bits(bits & kept));
        let network = Network::parse(&text).unwrap();
        prop_assert!(network.contains(IpAddr::V4(Ipv4Addr::from_bits(bits))));
        let shares = bits & kept == other & kept;
        prop_assert_eq!(network.contains(IpAddr::V4(Ipv4Addr::from_bits(other))), shares);
        prop_assert_eq!(Network::parse(&network.to_string()), Some(network));
    }

    #[test]
    fn reading_never_panics(text in "\\PC{0,24}", bits in any::<u128>()) {
        if let Some(network) = Network::parse(&text) {
            network.contains(IpAddr::V6(Ipv6Addr::from_bits(bits)));
        }
    }
}
