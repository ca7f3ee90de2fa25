use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(registered: &str, asked: &str, expected: Option<Kind>) {
    assert_eq!(fits(registered, asked), expected, "{registered} {asked}");
}

#[test]
fn is_compared_byte_for_byte() {
    const OWN: &str = "https://app.example/cb";
    check(OWN, OWN, Some(Kind::Web));
    check(
        "cursor://mcp/cb",
        "cursor://mcp/cb",
        Some(Kind::Application),
    );
    for trick in [
        "https://app.example/cb/",
        "https://app.example/cb/../cb",
        "https://app.example/cb?x=1",
        "https://app.example/cb#x",
        "https://app.example/c",
        "https://app.example/CB",
        "https://APP.example/cb",
        "HTTPS://app.example/cb",
        "https://app.example:443/cb",
        "https://app.example:8443/cb",
        "https://app.example./cb",
        "https://app.example.evil.example/cb",
        "https://evil.example/https://app.example/cb",
        "https://app.example@evil.example/cb",
        "https://evil.example#@app.example/cb",
        "https://evil.example\\@app.example/cb",
        "https://app.example%2fcb",
        "http://app.example/cb",
        " https://app.example/cb",
        "https://app.example/cb\n",
        "//app.example/cb",
        "javascript:alert(1)//https://app.example/cb",
        "",
    ] {
        check(OWN, trick, None);
    }
}

#[test]
fn only_the_port_of_this_machine_is_free() {
    const OWN: &str = "http://127.0.0.1/cb";
    for right in [OWN, "http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb"] {
        check(OWN, right, Some(Kind::Loopback));
        check("http://127.0.0.1:7/cb", right, Some(Kind::Loopback));
    }
    check("http://[::1]/", "http://[::1]:80/", Some(Kind::Loopback));
    check(
        "http://localhost",
        "http://localhost:3",
        Some(Kind::Loopback),
    );
    for trick in [
        "http://localhost/cb",
        "http://127.1/cb",
        "http://0x7f.0.0.1/cb",
        "http://127.0.0.2/cb",
        "http://127.0.0.1:1/cb/",
        "http://127.0.0.1:1/cb?x",
        "http://127.0.0.1:1/cb#x",
        "http://127.0.0.1:1/CB",
        "http://127.0.0.1:1@evil.example/cb",
        "http://user@127.0.0.1/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://127.0.0.1\\.evil.example/cb",
        "http://127.0.0.1:99999/cb",
        "https://127.0.0.1/cb",
    ] {
        check(OWN, trick, None);
    }
    check("http://app.example/cb", "http://app.example/cb", None);
}

#[test]
fn a_stranger_registers_only_what_leads_back_to_a_client() {
    for right in [
        "https://app.example/cb?x=1",
        "http://localhost:3000/cb",
        "http://[::1]/cb",
        "cursor://anysphere.cursor-mcp/oauth",
        "com.example.app:/cb",
    ] {
        assert!(is_registrable(right), "{right}");
    }
    for wrong in [
        "http://app.example/cb",
        "https://user@app.example/cb",
        "https://app.example/cb#x",
        "https://app.example\\@evil.example/",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "custom:/cb",
        "/cb",
        "https://app.example/ü",
    ] {
        assert!(!is_registrable(wrong), "{wrong}");
    }
}

#[test]
fn parameters_are_added_and_nothing_is_changed() {
    let parameters = [("code", Some("a b&c")), ("state", None)];
    assert_eq!(
        with("http://127.0.0.1:1", &parameters),
        "http://127.0.0.1:1?code=a+b%26c"
    );
    assert_eq!(with("x:/y?z=1", &parameters), "x:/y?z=1&code=a+b%26c");
}

proptest! {
    #[test]
    fn what_is_not_the_same_text_is_no_web_redirect(asked in "https?://[a-z.@:/\\\\?#%0-9]{0,24}") {
        prop_assume!(asked != "https://app.example/cb");
        prop_assert_eq!(fits("https://app.example/cb", &asked), None);
    }

    #[test]
    fn a_loopback_redirect_stays_on_this_machine(asked in "http://127\\.0\\.0\\.1[a-z.@:/\\\\?#%0-9]{0,24}") {
        if fits("http://127.0.0.1/cb", &asked).is_some() {
            let url = Url::parse(&asked).unwrap();
            prop_assert_eq!(url.host_str(), Some("127.0.0.1"));
            prop_assert_eq!(url.path(), "/cb");
        }
    }
}
