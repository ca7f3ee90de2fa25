use super::*;

#[test]
fn revisions_are_named_by_their_date_in_order() {
    let dates: Vec<_> = ProtocolVersion::ALL
        .iter()
        .map(|version| version.as_str())
        .collect();
    assert_eq!(
        dates,
        [
            "2024-11-05",
            "2025-03-26",
            "2025-06-18",
            "2025-11-25",
            "2026-07-28"
        ]
    );
    assert!(ProtocolVersion::ALL.is_sorted());
    for version in ProtocolVersion::ALL {
        assert_eq!(ProtocolVersion::parse(version.as_str()), Some(*version));
        assert_eq!(
            version.era() == Era::Modern,
            *version == ProtocolVersion::V2026_07_28
        );
    }
    for text in ["", "2026-07-29", "2026-07-28 ", "draft", "DRAFT-2026-v1"] {
        assert_eq!(ProtocolVersion::parse(text), None, "{text}");
    }
    assert_eq!(ProtocolVersion::LATEST_LEGACY.era(), Era::Legacy);
    assert_eq!(Some(&ProtocolVersion::LATEST), ProtocolVersion::ALL.last());
}
