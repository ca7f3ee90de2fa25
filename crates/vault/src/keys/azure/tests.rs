use super::*;

#[test]
fn a_key_identifier_names_vault_key_and_version() {
    let key = AzureKey::parse("https://mine.vault.azure.net/keys/gate/0a1b").unwrap();
    assert_eq!(key.vault.as_str(), "https://mine.vault.azure.net/");
    assert_eq!(
        (key.name.as_str(), key.version.as_deref()),
        ("gate", Some("0a1b"))
    );
    let key = AzureKey::parse("https://mine.vault.azure.net/keys/gate").unwrap();
    assert_eq!(key.version, None);
}

#[test]
fn other_identifiers_are_refused() {
    for identifier in [
        "mine.vault.azure.net",
        "https://mine.vault.azure.net/",
        "https://mine.vault.azure.net/keys",
        "https://mine.vault.azure.net/secrets/gate",
        "https://mine.vault.azure.net/keys/gate/1/2",
        "https://mine.vault.azure.net/keys/ga%2fte",
        "https://mine.vault.azure.net/keys/gate?x",
    ] {
        let read = AzureKey::parse(identifier);
        assert!(
            matches!(read, Err(KeyError::Address { .. })),
            "{identifier}"
        );
    }
}

#[test]
fn an_answer_of_another_key_is_noticed() {
    let key = AzureKey::parse("https://mine.vault.azure.net/keys/gate").unwrap();
    for (identifier, version) in [
        ("https://mine.vault.azure.net/keys/gate/0a1b", Some("0a1b")),
        ("https://mine.vault.azure.net/keys/gate2/0a1b", None),
        ("https://mine.vault.azure.net/keys/gate/0a/1b", None),
        ("https://mine.vault.azure.net/keys/gate/", None),
        (
            "https://mine.vault.azure.net.evil.example/keys/gate/0a1b",
            None,
        ),
        ("https://other.vault.azure.net/keys/gate/0a1b", None),
    ] {
        assert_eq!(key.version_of(identifier), version, "{identifier}");
    }
}
