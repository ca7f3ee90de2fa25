use super::*;

fn check(eras: Eras, headers: &[(&str, &str)], method: &str, refused: bool) {
    let mut request = Request::builder().method(Method::POST);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method}).to_string();
    let request = request.body(Bytes::from(body)).unwrap();
    let status = eras.refusal(&request).map(|response| response.status());
    assert_eq!(
        status,
        refused.then_some(StatusCode::BAD_REQUEST),
        "{eras:?} {headers:?} {method}"
    );
}

#[test]
fn a_legacy_server_refuses_what_it_cannot_know() {
    let modern = [("mcp-protocol-version", "2026-07-28")];
    let session = [
        ("mcp-session-id", "s"),
        ("mcp-protocol-version", "2025-11-25"),
    ];
    check(Eras::Legacy, &modern, "tools/list", true);
    check(Eras::Legacy, &modern, "initialize", true);
    check(Eras::Legacy, &[], "server/discover", true);
    check(Eras::Legacy, &[], "initialize", false);
    check(Eras::Legacy, &session, "tools/list", false);
}

#[test]
fn a_server_of_both_eras_refuses_nothing_here() {
    check(
        Eras::Both,
        &[("mcp-protocol-version", "2026-07-28")],
        "tools/list",
        false,
    );
    check(Eras::Both, &[], "server/discover", false);
}

#[test]
fn versions_do_not_overlap() {
    let modern = Eras::Modern.versions();
    assert!(
        Eras::Legacy
            .versions()
            .iter()
            .all(|version| !modern.contains(version))
    );
    assert_eq!(
        Eras::Both.versions().len(),
        Eras::Legacy.versions().len() + modern.len()
    );
}
