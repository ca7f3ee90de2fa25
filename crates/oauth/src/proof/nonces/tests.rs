use http::HeaderValue;

use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn answer(nonces: &[&str]) -> HeaderMap {
    let values = nonces.iter().map(|nonce| {
        let value = HeaderValue::from_bytes(nonce.as_bytes()).unwrap();
        (http::HeaderName::from_static("dpop-nonce"), value)
    });
    values.collect()
}

#[test]
fn the_newest_counts_for_its_own_origin() {
    let nonces = Nonces::default();
    let server = url("https://mcp.example/x?y=1");
    assert_eq!(nonces.latest(&server), None);
    assert!(nonces.hear(&server, &answer(&["one"])));
    assert!(nonces.hear(&url("https://mcp.example:443/other"), &answer(&["two"])));
    assert!(!nonces.hear(&server, &answer(&[])));
    assert_eq!(nonces.latest(&server).as_deref(), Some("two"));
    for other in [
        "http://mcp.example/x",
        "https://mcp.example:8443/x",
        "https://as.example/x",
    ] {
        assert_eq!(nonces.latest(&url(other)), None, "{other}");
    }
}

#[test]
fn only_what_may_be_a_nonce_is_one() {
    let long = "n".repeat(MAX_NONCE + 1);
    let check = |sent: &[&str], kept: bool| {
        let nonces = Nonces::default();
        let server = url("https://mcp.example/x");
        assert_eq!(nonces.hear(&server, &answer(sent)), kept, "{sent:?}");
        assert_eq!(nonces.latest(&server).is_some(), kept, "{sent:?}");
    };
    check(&["eyJ7S_zG.eyJH0-Z.HX4w-7v"], true);
    check(&[long.split_at(1).1], true);
    check(&[&long], false);
    check(&[""], false);
    check(&["a b"], false);
    check(&["a\"b"], false);
    check(&["a\\b"], false);
    check(&["n\u{e4}"], false);
    check(&["one", "two"], false);
}

#[test]
fn not_more_origins_are_remembered_than_are_of_use() {
    let nonces = Nonces::default();
    for port in 1..1000 {
        let server = url(&format!("https://mcp.example:{port}/"));
        assert!(nonces.hear(&server, &answer(&["n"])));
        assert_eq!(nonces.latest(&server).as_deref(), Some("n"));
    }
    assert_eq!(nonces.lock().len(), ORIGINS);
}
