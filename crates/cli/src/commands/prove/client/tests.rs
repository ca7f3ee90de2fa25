use serde_json::json;

use super::{Post, Reply, last_message};

fn reply(status: u16, message: serde_json::Value) -> Reply {
    Reply {
        status,
        session: None,
        message,
    }
}

#[test]
fn an_answer_in_a_few_words() {
    let refused = json!({"error": {"code": -32602, "message": "Unknown tool: slow", "data": {"reason": "target-unknown", "entry": "1"}}});
    assert_eq!(reply(200, refused.clone()).summary(), "target-unknown");
    assert_eq!(reply(404, refused).summary(), "404 target-unknown");
    assert_eq!(
        reply(500, json!({"error": {"code": -32603}})).summary(),
        "500 error -32603"
    );
    assert_eq!(reply(200, json!({"result": {}})).summary(), "answered");
}

#[test]
fn two_refusals_look_alike_but_for_name_and_entry() {
    let of = |name: &str, entry: &str, reason: &str| {
        let message = format!("Unknown tool: {name}");
        reply(200, json!({"error": {"code": 1, "message": message, "data": {"reason": reason, "entry": entry}}})).face(name)
    };
    assert_eq!(
        of("slow", "1", "target-unknown"),
        of("slew", "2", "target-unknown")
    );
    assert_ne!(
        of("slow", "1", "target-unknown"),
        of("slew", "2", "policy-denied")
    );
}

#[test]
fn the_last_event_is_the_answer() {
    let stream =
        b"data: {\"method\":\"notifications/progress\"}\n\ndata: {\"id\":1,\"result\":{}}\n\n";
    assert_eq!(last_message(stream), json!({"id": 1, "result": {}}));
    assert_eq!(last_message(b"{\"id\":2}"), json!({"id": 2}));
    assert!(last_message(b"nothing").is_null());
}

#[test]
fn a_header_replaces_the_one_before() {
    let post =
        Post::modern("1", "tools/call", json!({"name": "echo"})).header("mcp-name", "hidden");
    let names: Vec<&str> = post
        .headers
        .iter()
        .filter(|(name, _)| *name == "mcp-name")
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(names, ["hidden"]);
}
