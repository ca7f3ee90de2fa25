use super::next_cursor;

#[test]
fn the_cursor_is_found_in_json_and_in_an_event() {
    let json = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{}],"nextCursor":"a\"b"}}"#;
    let event = format!("event: message\ndata: {json}\n\n");
    for body in [json, &event] {
        assert_eq!(
            next_cursor(body.as_bytes()).unwrap().as_deref(),
            Some(r#""a\"b""#)
        );
    }
    assert_eq!(next_cursor(br#"{"result":{"tools":[]}}"#).unwrap(), None);
}
