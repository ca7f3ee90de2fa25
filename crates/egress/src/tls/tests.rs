use rustls::NamedGroup;

use super::{PinError, SpkiPin, crypto_provider};

#[test]
fn the_hybrid_key_exchange_is_the_first_choice() {
    let groups: Vec<NamedGroup> = crypto_provider()
        .kx_groups
        .iter()
        .map(|group| group.name())
        .collect();
    assert_eq!(groups.first(), Some(&NamedGroup::X25519MLKEM768));
    assert!(
        groups.contains(&NamedGroup::X25519),
        "for hosts that do not know it"
    );
}

#[test]
fn a_pin_is_read_as_it_is_written() {
    let text = "sha256/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    assert_eq!(text.parse::<SpkiPin>().unwrap().to_string(), text);
    for wrong in [
        "",
        "sha256/",
        "sha256/AAEC",
        "sha1/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "sha256/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        "sha256//AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g",
    ] {
        assert_eq!(
            wrong.parse::<SpkiPin>(),
            Err(PinError::Malformed),
            "{wrong}"
        );
    }
}

#[test]
fn a_pin_outlives_a_renewal_and_not_a_change_of_key() {
    let (key, other) = (
        rcgen::KeyPair::generate().unwrap(),
        rcgen::KeyPair::generate().unwrap(),
    );
    let certificate = |key: &rcgen::KeyPair, name: &str| {
        let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        SpkiPin::of(params.self_signed(key).unwrap().der()).unwrap()
    };
    assert_eq!(
        certificate(&key, "a.example"),
        certificate(&key, "b.example")
    );
    assert_ne!(
        certificate(&key, "a.example"),
        certificate(&other, "a.example")
    );
}
