use super::*;

#[test]
fn reads_strictly() {
    let refused = |text: &str| Document::parse(text.as_bytes()).unwrap_err().code();
    assert_eq!(refused(r#"{"a":1,"a":2}"#), "document-not-json");
    assert_eq!(refused(r#"{"a":{"b":1,"\u0062":2}}"#), "document-not-json");
    assert_eq!(refused("<html></html>"), "document-not-json");
    assert_eq!(refused(""), "document-not-json");
    assert_eq!(refused("[]"), "document-not-an-object");
    assert_eq!(refused("null"), "document-not-an-object");
    assert_eq!(refused(&"[".repeat(17)), "document-not-json");
    assert_eq!(
        Document::parse(b"\xff").unwrap_err().code(),
        "document-not-json"
    );
}

#[test]
fn members_have_the_type_of_their_definition_or_are_absent() {
    let document = Document::parse(
        br#"{"text":"a","list":["a","b"],"flag":true,"time":1800000000,"fraction":1.5,
             "huge":1e300,"nothing":null,"url":"https://a.example/x","bad":"/x","mixed":["a",1]}"#,
    )
    .unwrap();
    assert_eq!(document.text("text").unwrap(), Some("a"));
    assert_eq!(document.text("nothing").unwrap(), None);
    assert_eq!(document.text("absent").unwrap(), None);
    assert_eq!(document.texts("list").unwrap().unwrap(), ["a", "b"]);
    assert!(document.flag("flag").unwrap());
    assert!(!document.flag("absent").unwrap());
    assert_eq!(document.seconds("time").unwrap(), Some(1_800_000_000));
    assert_eq!(document.seconds("fraction").unwrap(), Some(1));
    assert!(document.url("url").unwrap().is_some());
    assert!(document.has("nothing") && !document.has("absent"));
    for wrong in [
        document.text("list").map(drop),
        document.texts("text").map(drop),
        document.texts("mixed").map(drop),
        document.flag("text").map(drop),
        document.seconds("huge").map(drop),
        document.seconds("text").map(drop),
        document.url("bad").map(drop),
    ] {
        assert_eq!(wrong.unwrap_err().code(), "document-member");
    }
    assert_eq!(
        document.required_text("nothing").unwrap_err().code(),
        "document-member-missing"
    );
}

#[test]
fn only_https_and_this_machine_are_secure() {
    let secure = |text: &str| is_secure(&Url::parse(text).unwrap());
    for right in [
        "https://a.example/",
        "http://localhost:1/",
        "http://127.0.0.1/",
        "http://127.1.2.3/",
        "http://2130706433/",
        "http://[::1]/",
    ] {
        assert!(secure(right), "{right}");
    }
    for wrong in [
        "http://a.example/",
        "http://localhost.a.example/",
        "http://127.0.0.1.a.example/",
        "http://10.0.0.1/",
        "http://[::ffff:127.0.0.1]/",
        "ftp://a.example/",
        "file:///etc/passwd",
        "data:text/plain,a",
    ] {
        assert!(!secure(wrong), "{wrong}");
    }
}
