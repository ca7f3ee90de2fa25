use super::*;

#[test]
fn every_state_has_one_name() {
    for state in [CredentialState::Active, CredentialState::Revoked] {
        assert_eq!(CredentialState::parse(state.as_str()), Some(state));
    }
    assert_eq!(CredentialState::parse("Active"), None);
}

#[test]
fn ciphertext_does_not_show() {
    let sealed = b"CANARY".to_vec();
    let shown = [
        format!(
            "{:?}",
            Resealed {
                sealed: sealed.clone(),
                key_id: "k".into(),
                updated_us: 1,
                expires_us: None,
            }
        ),
        format!(
            "{:?}",
            VaultKey {
                id: "k".into(),
                provider: "file".into(),
                wrapped: sealed,
                created_us: 1,
                retired_us: None,
            }
        ),
    ];
    for shown in shown {
        assert!(shown.contains("6 bytes"), "{shown}");
        assert!(
            !shown.contains("CANARY") && !shown.contains("67, 65"),
            "{shown}"
        );
    }
}
