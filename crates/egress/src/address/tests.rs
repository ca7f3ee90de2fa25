use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::AddressClass::{
    self, Benchmarking, Documentation, LinkLocal, Loopback, Metadata, Multicast, Private, Public,
    Reserved, Shared, UniqueLocal, Unspecified,
};

#[track_caller]
fn check(addresses: &[&str], expected: AddressClass) {
    for address in addresses {
        let parsed: IpAddr = address.parse().unwrap();
        assert_eq!(AddressClass::of(parsed), expected, "{address}");
    }
}

#[test]
fn every_class_of_ipv4_by_its_first_and_last_address() {
    check(&["0.0.0.0", "0.255.255.255"], Unspecified);
    check(&["127.0.0.0", "127.0.0.1", "127.255.255.255"], Loopback);
    check(
        &[
            "10.0.0.0",
            "10.255.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.168.0.0",
            "192.168.255.255",
        ],
        Private,
    );
    check(&["100.64.0.0", "100.127.255.255"], Shared);
    check(&["169.254.0.0", "169.254.255.255"], LinkLocal);
    check(
        &[
            "169.254.169.254",
            "169.254.170.2",
            "169.254.170.23",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
        ],
        Metadata,
    );
    check(
        &["192.0.2.0", "198.51.100.7", "203.0.113.255"],
        Documentation,
    );
    check(&["198.18.0.0", "198.19.255.255"], Benchmarking);
    check(&["224.0.0.0", "239.255.255.255"], Multicast);
    check(
        &["192.0.0.1", "192.88.99.1", "240.0.0.0", "255.255.255.255"],
        Reserved,
    );
    check(
        &[
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
        ],
        Public,
    );
}

#[test]
fn every_class_of_ipv6() {
    check(&["::"], Unspecified);
    check(&["::1"], Loopback);
    check(&["fc00::1", "fdff::1", "fec0::1", "feff::1"], UniqueLocal);
    check(&["fe80::1", "febf::1", "fe80::5efe:808:808"], LinkLocal);
    check(&["fd00:ec2::254", "fd20:ce::254"], Metadata);
    check(&["ff00::", "ff02::1"], Multicast);
    check(&["2001:db8::1", "3fff::1", "3fff:fff::1"], Documentation);
    check(&["2001:2::1"], Benchmarking);
    check(&["64:ff9b:1::808:808"], Private);
    check(&["100::1", "2001:10::1", "4000::1", "5f00::1"], Reserved);
    check(
        &[
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "2a00::1",
            "3fff:1000::1",
        ],
        Public,
    );
}

#[test]
fn an_address_within_an_address_counts() {
    check(
        &[
            "::127.0.0.2",
            "::ffff:127.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::127.0.0.1",
            "2002:7f00:1::",
            "2001:4860::5efe:127.0.0.1",
            // Teredo: a public server, and 127.0.0.1 with every bit turned.
            "2001:0:808:808::80ff:fffe",
        ],
        Loopback,
    );
    check(
        &[
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
        ],
        Metadata,
    );
    // Teredo through a private server.
    check(&["2001:0:a00:1::f7f7:f7f7"], Private);
    check(
        &["::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"],
        Public,
    );
}

proptest! {
    /// No form that carries an IPv4 address makes it look better than it is.
    #[test]
    fn no_form_hides_an_address(bits: u32) {
        let inner = Ipv4Addr::from_bits(bits);
        let class = AddressClass::of(inner.into());
        let [a, b, c, d] = inner.octets();
        let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let forms: [[u16; 8]; 6] = [
            [0, 0, 0, 0, 0, 0xffff, high, low],
            [0, 0, 0, 0, 0xffff, 0, high, low],
            [0x64, 0xff9b, 0, 0, 0, 0, high, low],
            [0x2002, high, low, 1, 2, 3, 4, 5],
            [0x2001, 0, 0x808, 0x808, 0, 0, !high, !low],
            [0x2001, 0, high, low, 0, 0, !0x808, !0x808],
        ];
        for form in forms {
            let outer = AddressClass::of(Ipv6Addr::from(form).into());
            prop_assert!(outer >= class, "{} in {:?}: {} < {}", inner, form, outer, class);
        }
    }
}
