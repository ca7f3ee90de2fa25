use proptest::prelude::*;

use super::*;

fn grant() -> Grant {
    Grant::new(
        Secret::from("access-0"),
        Some(Secret::from("refresh-0")),
        "Bearer",
        vec!["read".to_owned(), "write".to_owned()],
        1_000,
        Some(2_000),
    )
}

fn check_round_trip(grant: &Grant) {
    let read = Grant::decode(&grant.encode()).unwrap();
    assert!(read.access.is(&grant.access));
    match (&read.refresh, &grant.refresh) {
        (Some(read), Some(wrote)) => assert!(read.is(wrote)),
        (read, wrote) => assert_eq!(read.is_some(), wrote.is_some()),
    }
    assert_eq!(read.token_type, grant.token_type);
    assert_eq!(read.scopes, grant.scopes);
    assert_eq!(
        (read.issued_us, read.expires_us, read.rotations),
        (grant.issued_us, grant.expires_us, grant.rotations)
    );
    assert_eq!(read.former, grant.former);
    assert_eq!(read.registration, grant.registration);
}

#[test]
fn a_grant_is_read_as_it_was_written() {
    check_round_trip(&grant());
    let bare = Grant::new(Secret::from("a"), None, "DPoP", Vec::new(), -5, None);
    check_round_trip(&bare);
    let registered = grant().given_to(Some("http://127.0.0.1/callback".to_owned()));
    check_round_trip(&registered);
    let renewed = registered.renewed(Secret::from("a"), None, None, 5, None);
    assert_eq!(renewed.registration, registered.registration);
    let mut rotated = grant();
    for round in 1..40 {
        let refresh = Secret::from(format!("refresh-{round}"));
        rotated = rotated.renewed(Secret::from("a"), Some(refresh), None, 5, Some(6));
        check_round_trip(&rotated);
    }
    assert_eq!(rotated.former.len(), FORMER);
    assert_eq!(rotated.rotations, 39);
}

/// Grants that were sealed before they said whom they were given to.
#[test]
fn a_grant_of_the_format_before_is_read() {
    let mut old = vec![WITHOUT_REGISTRATION];
    old.extend_from_slice(&7_i64.to_be_bytes());
    old.extend_from_slice(&9_i64.to_be_bytes());
    old.extend_from_slice(&0_u32.to_be_bytes());
    for text in ["access", "refresh", "Bearer", "read write"] {
        old.extend_from_slice(&u32::try_from(text.len()).unwrap().to_be_bytes());
        old.extend_from_slice(text.as_bytes());
    }
    old.push(0);
    let read = Grant::decode(&Secret::new(old)).unwrap();
    assert!(read.access.is(&Secret::from("access")));
    assert_eq!(read.scopes, ["read", "write"]);
    assert_eq!((read.expires_us, read.registration), (Some(9), None));
}

#[test]
fn a_rotated_refresh_token_is_remembered() {
    let renewed = grant().renewed(
        Secret::from("access-1"),
        Some(Secret::from("refresh-1")),
        Some(vec!["read".to_owned()]),
        5,
        None,
    );
    assert!(renewed.was_rotated());
    assert!(renewed.is_former(&Secret::from("refresh-0")));
    assert!(!renewed.is_former(&Secret::from("refresh-1")));
    assert_eq!(renewed.scopes, ["read"]);
}

#[test]
fn a_refresh_token_that_stays_is_no_rotation() {
    for refresh in [None, Some(Secret::from("refresh-0"))] {
        let renewed = grant().renewed(Secret::from("access-1"), refresh, None, 5, None);
        assert!(!renewed.was_rotated());
        assert!(renewed.refresh.unwrap().is(&Secret::from("refresh-0")));
        assert!(renewed.former.is_empty());
        assert_eq!(renewed.scopes, ["read", "write"]);
    }
}

#[test]
fn it_shows_no_token() {
    let text = format!("{:?}", grant());
    assert!(
        !text.contains("access-0") && !text.contains("refresh-0"),
        "{text}"
    );
}

#[test]
fn cut_or_prolonged_it_is_none() {
    let written = grant().encode();
    for length in 0..written.expose().len() {
        let cut = Secret::new(written.expose()[..length].to_vec());
        assert!(Grant::decode(&cut).is_err(), "{length}");
    }
    let longer = Secret::new([written.expose(), &[0]].concat());
    assert!(Grant::decode(&longer).is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Grant::decode(&Secret::new(bytes));
    }
}
