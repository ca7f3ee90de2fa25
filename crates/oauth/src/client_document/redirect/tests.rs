use super::*;

fn matches(registered: &str, asked: &str) -> Option<RedirectMatch> {
    RegisteredRedirect::read(registered, &["cursor".to_owned()])?.matches(asked)
}

#[test]
fn an_address_fits_byte_for_byte() {
    let registered = "https://app.example/callback";
    assert_eq!(matches(registered, registered), Some(RedirectMatch::Web));
    for wrong in [
        "https://app.example/callback/",
        "https://app.example/callback?a=b",
        "https://app.example/callback#a",
        "https://app.example/callbac",
        "https://app.example/callback/../evil",
        "https://app.example:443/callback",
        "https://app.example.evil.example/callback",
        "https://app.example@evil.example/callback",
        "https://APP.example/callback",
        "http://app.example/callback",
        "https://evil.example/callback",
        "",
    ] {
        assert_eq!(matches(registered, wrong), None, "{wrong}");
    }
    let app = "com.example.app:/callback";
    assert_eq!(matches(app, app), Some(RedirectMatch::Application));
    assert_eq!(matches(app, "com.example.app:/callback2"), None);
}

#[test]
fn only_the_port_of_this_machine_is_free() {
    let registered = "http://127.0.0.1/callback";
    for right in [
        "http://127.0.0.1/callback",
        "http://127.0.0.1:1/callback",
        "http://127.0.0.1:65535/callback",
    ] {
        assert_eq!(
            matches(registered, right),
            Some(RedirectMatch::Loopback),
            "{right}"
        );
        assert_eq!(
            matches("http://127.0.0.1:8080/callback", right),
            Some(RedirectMatch::Loopback)
        );
    }
    for wrong in [
        "http://127.0.0.1:1/callback/",
        "http://127.0.0.1:1/",
        "http://127.0.0.1:1/callback?a=b",
        "http://127.0.0.1:1/callback#a",
        "http://127.0.0.1:1@evil.example/callback",
        "http://127.0.0.1:1\\@evil.example/callback",
        "http://u@127.0.0.1:1/callback",
        "http://127.0.0.1.evil.example/callback",
        "http://127.0.0.2/callback",
        "http://localhost/callback",
        "http://[::1]/callback",
        "http://2130706433/callback",
        "https://127.0.0.1/callback",
        "http://127.0.0.1:99999/callback",
        "http://127.0.0.1:1/./callback",
        "http://127.0.0.1\\callback",
    ] {
        assert_eq!(matches(registered, wrong), None, "{wrong}");
    }
    assert_eq!(
        matches("http://[::1]/a", "http://[::1]:9/a"),
        Some(RedirectMatch::Loopback)
    );
    assert_eq!(
        matches("http://localhost/a", "http://localhost:9/a"),
        Some(RedirectMatch::Loopback)
    );
    assert_eq!(
        matches("http://localhost", "http://localhost:9"),
        Some(RedirectMatch::Loopback)
    );
}

#[test]
fn nobody_is_sent_where_a_browser_runs_or_reads_something() {
    for wrong in [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,a",
        "vbscript:a",
        "file:///etc/passwd",
        "blob:https://app.example/a",
        "about:blank",
        "view-source:https://app.example/",
        "intent://a#Intent;end",
        "unknown://a",
        "http://app.example/callback",
        "http://10.0.0.1/callback",
        "https://app.example/callback#a",
        "https://u:p@app.example/callback",
        "https://app.example/call back",
        "https://app.example/callback\n",
        "/callback",
        "*",
        "",
    ] {
        assert_eq!(
            RegisteredRedirect::read(wrong, &["cursor".to_owned()]),
            None,
            "{wrong}"
        );
    }
}
