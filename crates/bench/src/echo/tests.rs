use super::answer::{Answer, PROGRESS, to};
use super::tools;

fn answered(body: &str, tools: usize) -> serde_json::Value {
    match to(body.as_bytes(), tools) {
        Answer::Json(text) | Answer::Session(text) => serde_json::from_str(&text).unwrap(),
        _ => panic!("no JSON answer to {body}"),
    }
}

#[test]
fn the_path_says_how_many_tools_there_are() {
    assert_eq!(tools("/100/a"), 100);
    assert_eq!(tools("/a"), 10);
    let list = answered(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, 100);
    assert_eq!(list["result"]["tools"].as_array().unwrap().len(), 100);
    assert!(list["result"].get("ttlMs").is_none());
}

#[test]
fn the_echo_gives_back_the_text_in_the_form_of_the_era() {
    let legacy = answered(
        r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"echo","arguments":{"text":"x\ny"}}}"#,
        10,
    );
    assert_eq!(legacy["id"], "a");
    assert_eq!(legacy["result"]["content"][0]["text"], "x\ny");
    assert!(legacy["result"].get("resultType").is_none());
    let modern = answered(
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"x"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#,
        10,
    );
    assert_eq!(modern["result"]["resultType"], "complete");
}

#[test]
fn progress_comes_before_the_answer_and_only_when_it_is_asked_for() {
    let call = |meta: &str| {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"progress","_meta":{meta}}}}}"#
        );
        match to(body.as_bytes(), 10) {
            Answer::Events(events) => events,
            _ => panic!("no events"),
        }
    };
    assert_eq!(call(r#"{"progressToken":"p"}"#).len(), PROGRESS + 1);
    assert_eq!(call("{}").len(), 1);
}
