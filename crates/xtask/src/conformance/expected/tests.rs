use super::*;

#[test]
fn entries_excuse_what_they_name() {
    let text = "# why\nserver:\n  - whole  # reason\n  - part:check  # reason\n";
    let expected = Expected::parse("f.yml", text).unwrap();
    assert!(expected.excuse("whole", "anything"));
    assert!(expected.excuse("whole", ""));
    assert!(!expected.excuse("part", "other"));
    assert!(!expected.excuse("part", ""));
    assert_eq!(
        expected.unused(),
        ["f.yml: part:check does not fail any more; remove it"]
    );
    assert!(expected.excuse("part", "check"));
    assert!(expected.unused().is_empty());
}

#[test]
fn an_entry_needs_a_reason() {
    for text in ["server:\n  - x\n", "server:\n  - x #\n", "nonsense\n"] {
        assert!(Expected::parse("f.yml", text).is_err(), "{text}");
    }
    assert!(
        Expected::parse("f.yml", "server: []\n")
            .unwrap()
            .unused()
            .is_empty()
    );
}
