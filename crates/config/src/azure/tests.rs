use super::parse_guid;

#[test]
fn guids() {
    assert_eq!(
        parse_guid("AAAAAAAA-bbbb-cccc-dddd-EEEEEEEEEEEE").as_deref(),
        Some("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee")
    );
    for text in [
        "",
        "common",
        "contoso.onmicrosoft.com",
        "{aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee}",
        "aaaaaaaabbbbccccddddeeeeeeeeeeee",
        "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeeg",
        "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeee-",
        "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee/..",
    ] {
        assert_eq!(parse_guid(text), None, "{text}");
    }
}
