use proptest::prelude::*;

use super::*;

fn place() -> CredentialKey {
    CredentialKey {
        tenant: "acme".to_owned(),
        principal: "ana".to_owned(),
        server: "crm".to_owned(),
        issuer: "https://as.example.com".to_owned(),
        kind: "user-grant".to_owned(),
    }
}

fn binding(key: &CredentialKey) -> Binding<'_> {
    Binding {
        id: "r1",
        key,
        key_id: "k1",
    }
}

#[test]
fn what_was_sealed_opens_at_its_place() {
    let (key, place) = (Key::random().unwrap(), place());
    for content in ["", "x", "a longer token with ünïcode"] {
        let secret = Secret::from(content);
        let sealed = seal(&key, &binding(&place), &secret).unwrap();
        assert_eq!(sealed.len(), 105 + content.len());
        let opened = open(&key, &binding(&place), &sealed).unwrap();
        assert_eq!(opened.expose(), content.as_bytes());
    }
}

#[test]
fn nothing_is_sealed_twice_alike() {
    let (key, place) = (Key::random().unwrap(), place());
    let secret = Secret::from("token");
    let once = seal(&key, &binding(&place), &secret).unwrap();
    let again = seal(&key, &binding(&place), &secret).unwrap();
    // Format and place are the same; every nonce, data key and ciphertext is new.
    assert_eq!(once[..17], again[..17]);
    assert_ne!(once[17..29], again[17..29]);
    assert_ne!(once[29..77], again[29..77]);
    assert_ne!(once[77..], again[77..]);
}

#[test]
fn it_opens_nowhere_else() {
    let (key, place) = (Key::random().unwrap(), place());
    let sealed = seal(&key, &binding(&place), &Secret::from("token")).unwrap();
    let changed = |change: fn(&mut CredentialKey)| {
        let mut other = place.clone();
        change(&mut other);
        other
    };
    let others = [
        changed(|key| key.tenant.push('x')),
        changed(|key| key.principal = "bob".to_owned()),
        changed(|key| key.server = "hr".to_owned()),
        changed(|key| key.issuer.push('/')),
        changed(|key| key.kind = "static".to_owned()),
        // The same text, cut at another place.
        changed(|key| {
            key.tenant = "acm".to_owned();
            key.principal = "eana".to_owned();
        }),
    ];
    for other in &others {
        let opened = open(&key, &binding(other), &sealed);
        assert_eq!(opened.err(), Some(EnvelopeError::Moved), "{other:?}");
    }
    for (id, key_id) in [("r2", "k1"), ("r1", "k2")] {
        let at = Binding {
            id,
            key: &place,
            key_id,
        };
        assert_eq!(open(&key, &at, &sealed).err(), Some(EnvelopeError::Moved));
    }
}

#[test]
fn a_forged_place_does_not_help() {
    let (key, place) = (Key::random().unwrap(), place());
    let mut other = place.clone();
    other.principal = "bob".to_owned();
    let mut sealed = seal(&key, &binding(&place), &Secret::from("token")).unwrap();
    let forged = digest(&binding(&other).associated_data());
    sealed[1..17].copy_from_slice(&forged);
    let opened = open(&key, &binding(&other), &sealed);
    assert_eq!(opened.err(), Some(EnvelopeError::Damaged));
    // Nor does the cipher alone: here it would agree.
    let opened = open(&key, &binding(&place), &sealed);
    assert_eq!(opened.err(), Some(EnvelopeError::Moved));
}

#[test]
fn another_key_opens_nothing() {
    let place = place();
    let sealed = seal(
        &Key::random().unwrap(),
        &binding(&place),
        &Secret::from("token"),
    );
    let opened = open(&Key::random().unwrap(), &binding(&place), &sealed.unwrap());
    assert_eq!(opened.err(), Some(EnvelopeError::Damaged));
}

#[test]
fn every_changed_bit_and_every_cut_is_noticed() {
    let (key, place) = (Key::random().unwrap(), place());
    let sealed = seal(&key, &binding(&place), &Secret::from("token")).unwrap();
    for bit in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&key, &binding(&place), &changed).is_err(), "bit {bit}");
    }
    for length in 0..sealed.len() {
        let opened = open(&key, &binding(&place), &sealed[..length]);
        assert_eq!(opened.err(), Some(EnvelopeError::Damaged), "{length}");
    }
}

#[test]
fn a_later_format_is_named() {
    let (key, place) = (Key::random().unwrap(), place());
    let opened = open(&key, &binding(&place), &[2; 200]);
    assert_eq!(opened.err(), Some(EnvelopeError::Format(2)));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        let key = Key::from_slice(&[7; 32]).unwrap();
        let place = place();
        prop_assert!(open(&key, &binding(&place), &bytes).is_err());
    }

    #[test]
    fn places_that_differ_are_told_apart(
        a in proptest::array::uniform5("[ab]{0,2}"),
        b in proptest::array::uniform5("[ab]{0,2}"),
    ) {
        let place = |[tenant, principal, server, issuer, kind]: [String; 5]| CredentialKey {
            tenant, principal, server, issuer, kind,
        };
        let (a, b) = (place(a), place(b));
        let same = binding(&a).associated_data() == binding(&b).associated_data();
        prop_assert_eq!(same, a == b);
    }
}
