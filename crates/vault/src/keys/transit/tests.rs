use super::*;

#[test]
fn an_address_names_server_mount_and_key() {
    let key = TransitKey::parse(
        "https://vault.example.com:8200/a/transit/gate",
        Some("/team/"),
    );
    let key = key.unwrap();
    assert_eq!(key.server.as_str(), "https://vault.example.com:8200/");
    assert_eq!(
        (key.mount.as_str(), key.name.as_str()),
        ("a/transit", "gate")
    );
    assert_eq!(key.namespace.as_deref(), Some("team"));
}

#[test]
fn other_addresses_are_refused() {
    for (address, namespace) in [
        ("vault.example.com", None),
        ("https://vault.example.com/", None),
        ("https://vault.example.com/gate", None),
        ("https://vault.example.com/transit/", None),
        ("https://vault.example.com/transit/a%2fb", None),
        ("https://vault.example.com/transit/gate?x=1", None),
        ("https://vault.example.com/transit/gate#x", None),
        ("https://vault.example.com/transit/gate", Some("a\r\nb")),
        ("https://vault.example.com/transit/gate", Some("")),
    ] {
        let read = TransitKey::parse(address, namespace);
        assert!(matches!(read, Err(KeyError::Address { .. })), "{address}");
    }
}

#[test]
fn only_ciphertexts_are_sent() {
    for (text, is) in [
        ("vault:v1:AAAA", true),
        ("vault:v12:AAAA", true),
        ("vault:v:AAAA", false),
        ("vault:v1:", true),
        ("vault:v1:\",\"x\":\"", false),
        ("vault:vx:AAAA", false),
        ("AAAA", false),
    ] {
        assert_eq!(is_ciphertext(text), is, "{text}");
    }
}
