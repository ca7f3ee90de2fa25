use super::*;

fn parse(text: &str) -> Message {
    Message::parse(text.as_bytes().to_vec(), &Limits::default()).unwrap()
}

#[test]
fn only_plain_decimal_tokens_are_our_ids() {
    let check = |token, expected| assert_eq!(own_id(token), expected, "{token}");
    check("7", Some(7));
    check("18446744073709551615", Some(u64::MAX));
    check("18446744073709551616", None);
    check("07", None);
    check("+7", None);
    check("7.0", None);
    check("7e0", None);
    check("\"7\"", None);
    check("-7", None);
}

#[test]
fn notices_are_told_apart() {
    let check = |method: &str, params: &str, expected| {
        let text = format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#);
        assert_eq!(notice(&parse(&text)), expected, "{text}");
    };
    let progress = "notifications/progress";
    check(
        progress,
        r#"{"progressToken":4,"progress":1}"#,
        Notice::Progress(4),
    );
    check(
        progress,
        r#"{"progressToken":"4","progress":1}"#,
        Notice::Other,
    );
    check(progress, r#"{"progress":1}"#, Notice::Other);
    check(
        "notifications/message",
        r#"{"level":"info","data":1}"#,
        Notice::Log,
    );
    check(
        "notifications/cancelled",
        r#"{"requestId":3}"#,
        Notice::Cancelled("3"),
    );
    check(
        "notifications/cancelled",
        r#"{"requestId":"ask-1"}"#,
        Notice::Cancelled("\"ask-1\""),
    );
    check(
        "notifications/tools/list_changed",
        "{}",
        Notice::ListChanged(Method::ToolsListChanged),
    );
    check("notifications/vendor", "{}", Notice::Other);
    check(
        "notifications/resources/updated",
        r#"{"uri":"a:b"}"#,
        Notice::Updated,
    );
    check("notifications/tasks", "{}", Notice::Task);
    check(
        "notifications/elicitation/complete",
        "{}",
        Notice::ElicitationComplete,
    );
}

#[test]
fn a_notification_names_its_subscription() {
    let check = |id: &str, expected| {
        let text = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/tasks","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}}}}}"#
        );
        assert_eq!(subscription(&parse(&text)), expected, "{id}");
    };
    check("4", Some(4));
    check("\"4\"", Some(4));
    check("\"\\u0034\"", Some(4));
    check("4.0", None);
    check("\"x\"", None);
    check("null", None);
    let bare = parse(r#"{"jsonrpc":"2.0","method":"notifications/tasks"}"#);
    assert_eq!(subscription(&bare), None);
}

#[test]
fn a_refused_answer_still_names_its_request() {
    let check =
        |text: &str, expected| assert_eq!(id_of_refused(text.as_bytes()), expected, "{text}");
    check(
        r#"{"jsonrpc":"2.0","id":5,"result":{"a":1,"a":2}}"#,
        Some(5),
    );
    check(r#"{"id":5,"result":{},"error":{"code":1}}"#, Some(5));
    check(r#"{"id":5,"method":"ping","a":1,"a":2}"#, None);
    check(r#"{"id":5,"id":6,"result":{}}"#, None);
    check(r#"{"id":"5","result":{}}"#, None);
    check(r#"{"id":5,"result":"#, None);
    check("banner", None);
}

#[test]
fn batches_are_read_only_where_they_exist() {
    let text =
        br#" [{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","id":1,"result":{}}]"#.to_vec();
    let limits = Limits::default();
    assert_eq!(messages(text.clone(), &limits, true).unwrap().len(), 2);
    assert!(messages(text, &limits, false).is_err());
    let single = br#"{"jsonrpc":"2.0","method":"a"}"#.to_vec();
    assert_eq!(messages(single, &limits, true).unwrap().len(), 1);
}
