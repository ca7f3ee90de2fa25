use super::*;

#[test]
fn only_a_guid_becomes_part_of_an_address() {
    assert!(is_guid("00000000-0000-0000-0000-000000000000"));
    assert!(is_guid("a1B2c3D4-0000-0000-0000-00000000000f"));
    for wrong in [
        "",
        "me",
        "00000000-0000-0000-0000-00000000000",
        "00000000-0000-0000-0000-0000000000000",
        "00000000-0000-0000-0000-000000000000-0",
        "0000000000000000000000000000000000000",
        "{0000000-0000-0000-0000-000000000000}",
        "00000000-0000-0000-0000-00000000000g",
        "../00000-0000-0000-0000-000000000000",
        "00000000-0000-0000-0000-00000000/../",
        "00000000-0000-0000-0000-0000000000é",
    ] {
        assert!(!is_guid(wrong), "{wrong}");
    }
}

#[test]
fn a_page_is_read_strictly() {
    let page = |text: &str| answer::page(text.as_bytes());
    assert_eq!(page(r#"{"value":["a","b"]}"#).unwrap().groups, ["a", "b"]);
    assert!(page(r#"{"value":[]}"#).unwrap().is_empty);
    for wrong in [
        r#"{}"#,
        r#"{"value":null}"#,
        r#"{"value":"a"}"#,
        r#"{"value":[{"id":"a"}]}"#,
        r#"{"value":["a"],"@odata.nextLink":"/next"}"#,
        r#"{"value":["a"],"@odata.nextLink":7}"#,
        r#"{"value":[],"value":["a"]}"#,
    ] {
        assert!(page(wrong).is_err(), "{wrong}");
    }
    let too_many = br#"{"error":{"code":"Directory_ResultSizeLimitExceeded","message":"x"}}"#;
    assert!(answer::is_too_many(too_many));
    assert!(!answer::is_too_many(
        br#"{"error":{"code":"Request_BadRequest"}}"#
    ));
    assert!(!answer::is_too_many(b"<html>"));
}
