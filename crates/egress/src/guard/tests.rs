use std::net::IpAddr;

use proptest::prelude::*;

use super::{Guard, Naming, Rule};
use crate::address::AddressClass;
use crate::target::Target;

fn guard(allow: &[&str]) -> Guard {
    Guard {
        is_strict: true,
        allow: allow.iter().map(|one| one.parse().unwrap()).collect(),
    }
}

/// What the guard says about a name that has these addresses.
fn judge(guard: &Guard, url: &str, addresses: &[&str], naming: Naming) -> Result<(), Rule> {
    let addresses: Vec<IpAddr> = addresses.iter().map(|one| one.parse().unwrap()).collect();
    guard.judge(&Target::read(url).unwrap(), &addresses, naming)
}

const URL: &str = "https://a.example/";

#[test]
fn who_named_an_address_decides_where_it_may_lead() {
    #[track_caller]
    fn check(address: &str, found: bool, configured: bool) {
        let judged = [Naming::Found, Naming::Configured]
            .map(|naming| judge(&guard(&[]), URL, &[address], naming));
        let class = AddressClass::of(address.parse().unwrap());
        let expected = [found, configured].map(|fit| {
            if fit {
                Ok(())
            } else {
                Err(Rule::Address(class))
            }
        });
        assert_eq!(judged, expected, "{address}");
    }
    check("8.8.8.8", true, true);
    check("2606:4700::1111", true, true);
    check("127.0.0.1", false, true);
    check("::1", false, true);
    check("10.0.0.1", false, true);
    check("100.64.0.1", false, true);
    check("fd00::1", false, true);
    check("198.18.0.1", false, true);
    check("::ffff:10.0.0.1", false, true);
    check("169.254.1.1", false, false);
    check("169.254.169.254", false, false);
    check("168.63.129.16", false, false);
    check("fd00:ec2::254", false, false);
    check("fe80::1", false, false);
    check("0.0.0.0", false, false);
    check("::", false, false);
    check("224.0.0.1", false, false);
    check("255.255.255.255", false, false);
    check("64:ff9b::169.254.169.254", false, false);
}

#[test]
fn one_unfit_address_refuses_the_name() {
    let mixed = ["8.8.8.8", "127.0.0.1"];
    assert_eq!(
        judge(&guard(&[]), URL, &mixed, Naming::Found),
        Err(Rule::Address(AddressClass::Loopback)),
    );
    let metadata = ["10.0.0.1", "169.254.169.254"];
    assert_eq!(
        judge(&guard(&[]), URL, &metadata, Naming::Configured),
        Err(Rule::Address(AddressClass::Metadata)),
    );
}

#[test]
fn clear_text_stays_on_this_machine() {
    let plain = "http://a.example/";
    let refused = Err(Rule::PlainHttp);
    let loopback = Err(Rule::Address(AddressClass::Loopback));
    let none = guard(&[]);
    assert_eq!(
        judge(&none, plain, &["127.0.0.1"], Naming::Configured),
        Ok(())
    );
    assert_eq!(
        judge(&none, plain, &["10.0.0.1"], Naming::Configured),
        refused
    );
    assert_eq!(
        judge(&none, plain, &["8.8.8.8"], Naming::Configured),
        refused
    );
    assert_eq!(judge(&none, plain, &["8.8.8.8"], Naming::Found), refused);
    assert_eq!(judge(&none, plain, &["127.0.0.1"], Naming::Found), loopback);
    let allowing = guard(&["a.example"]);
    assert_eq!(
        judge(&allowing, plain, &["127.0.0.1"], Naming::Found),
        Ok(())
    );
    assert_eq!(
        judge(&allowing, plain, &["10.0.0.1"], Naming::Found),
        refused
    );
}

#[test]
fn what_is_allowed_is_reached_but_never_a_metadata_address() {
    let allowing = guard(&["a.example", "10.0.0.0/8", "0.0.0.0/0"]);
    assert_eq!(
        judge(&allowing, URL, &["192.168.0.1"], Naming::Found),
        Ok(())
    );
    assert_eq!(
        judge(&allowing, URL, &["169.254.169.254"], Naming::Found),
        Err(Rule::Address(AddressClass::Metadata)),
    );
}

#[test]
fn a_guard_that_is_off_trusts_others_as_the_operator_and_not_more() {
    let off = Guard {
        is_strict: false,
        allow: Vec::new(),
    };
    assert_eq!(judge(&off, URL, &["127.0.0.1"], Naming::Found), Ok(()));
    assert_eq!(
        judge(&off, URL, &["169.254.169.254"], Naming::Found),
        Err(Rule::Address(AddressClass::Metadata)),
    );
}

proptest! {
    /// Whatever a name resolves to: what somebody else named leads to public addresses only.
    #[test]
    fn nothing_found_leads_inside(v4: u32, v6: u128, order: bool) {
        let (v4, v6) = (IpAddr::V4(v4.into()), IpAddr::V6(v6.into()));
        let addresses = if order { [v4, v6] } else { [v6, v4] };
        let target = Target::read(URL).unwrap();
        let fit = addresses.iter().all(|one| AddressClass::of(*one) == AddressClass::Public);
        prop_assert_eq!(guard(&[]).judge(&target, &addresses, Naming::Found).is_ok(), fit);
    }
}
