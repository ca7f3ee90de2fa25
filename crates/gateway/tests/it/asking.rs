//! What servers ask in the middle of a call, between every two eras.

use portcullis_testkit::{Caller, Opened, Script, Speaks, Step, TestGateway};
use serde_json::{Value, json};

const FORM: &str = r#"{"message":"Which year?","requestedSchema":{"type":"object","properties":{"year":{"type":"integer"}}}}"#;
const ALL: &str = r#"{"elicitation":{"form":{},"url":{}},"sampling":{"tools":{}},"roots":{}}"#;

/// A server whose tool `t` asks for a year and says what it heard.
fn asks(speaks: Speaks, method: &str, params: &str) -> Script {
    let heard = r#"{"content":[{"type":"text","text":"thank you"}],"structuredContent":$HEARD}"#;
    let script = Script::of(speaks).tool("t").tool("plain");
    match speaks {
        Speaks::Legacy => script.on(
            "tools/call",
            "t",
            [
                Step::Notify(
                    "notifications/progress".to_owned(),
                    r#"{"progressToken":$TOKEN,"progress":1}"#.to_owned(),
                ),
                Step::Ask(method.to_owned(), params.to_owned()),
                Step::Notify(
                    "notifications/progress".to_owned(),
                    r#"{"progressToken":$TOKEN,"progress":2}"#.to_owned(),
                ),
                Step::Result(heard.replace("$HEARD", "$ANSWER")),
            ],
        ),
        Speaks::Modern => script.on(
            "tools/call",
            "t",
            [
                Step::AskInResult(format!(
                    r#"{{"resultType":"input_required","inputRequests":{{"year":{{"method":"{method}","params":{params}}}}},"requestState":"state of the server"}}"#
                )),
                Step::Result(heard.replace("$HEARD", "$PARAMS").replacen('{', r#"{"resultType":"complete","#, 1)),
            ],
        ),
    }
}

async fn gateway(script: Script) -> TestGateway {
    TestGateway::builder()
        .server("papers", script)
        .section(
            "profiles.main",
            "servers = [\"papers\"]\nsampling = true\nroots = true",
        )
        .start()
        .await
}

const CALL: &str = r#"{"name":"t","arguments":{"a":1},"_meta":{"progressToken":"mine"}}"#;

/// Reads a legacy call up to the question; gives it.
async fn question(call: &mut Opened) -> Value {
    loop {
        let message = call.json().await;
        if message["id"].is_string() && message["method"].is_string() {
            return message;
        }
        assert_eq!(message["method"], "notifications/progress", "{message}");
        assert_eq!(message["params"]["progressToken"], "mine");
    }
}

/// Reads a call up to its end; gives the result.
async fn end(call: &mut Opened) -> Value {
    loop {
        let message = call.json().await;
        if message.get("method").is_none() {
            assert_eq!(call.next().await, None);
            return message;
        }
    }
}

async fn tell(caller: &Caller<'_>, question: &Value, result: &str) {
    caller
        .tell(&format!(
            r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#,
            question["id"]
        ))
        .await;
}

#[tokio::test]
async fn a_legacy_host_is_asked_on_the_stream_of_its_call() {
    for speaks in Speaks::BOTH {
        for (method, params, answer) in [
            (
                "elicitation/create",
                FORM,
                r#"{"action":"accept","content":{"year":1999}}"#,
            ),
            (
                "sampling/createMessage",
                r#"{"messages":[{"role":"user","content":{"type":"text","text":"hi"}}],"maxTokens":5}"#,
                r#"{"role":"assistant","content":{"type":"text","text":"hello"},"model":"m"}"#,
            ),
            ("roots/list", "{}", r#"{"roots":[{"uri":"file:///tmp"}]}"#),
        ] {
            let gateway = gateway(asks(speaks, method, params)).await;
            let caller = gateway.able(Speaks::Legacy, ALL).await;
            let mut call = caller.open("1", "tools/call", CALL).await;
            let asked = question(&mut call).await;
            assert_eq!(asked["method"], method);
            let given: Value = serde_json::from_str(params).unwrap();
            assert_eq!(asked["params"], given);
            tell(&caller, &asked, answer).await;
            let last = end(&mut call).await;
            let heard = &last["result"]["structuredContent"];
            let answer: Value = serde_json::from_str(answer).unwrap();
            match speaks {
                Speaks::Legacy => assert_eq!(heard["result"], answer, "{last}"),
                Speaks::Modern => {
                    assert_eq!(heard["inputResponses"]["year"], answer, "{last}");
                    assert_eq!(heard["requestState"], "state of the server");
                }
            }
            let entry = gateway.entry(method).await;
            assert_eq!(entry.opened.direction, "server");
            assert_eq!(entry.opened.server.as_deref(), Some("papers"));
            assert_eq!(entry.closed.unwrap().outcome, "ok");
            gateway.finish().await;
        }
    }
}

#[tokio::test]
async fn a_modern_host_calls_again_with_the_answer() {
    for speaks in Speaks::BOTH {
        let gateway = gateway(asks(speaks, "elicitation/create", FORM)).await;
        let caller = gateway.able(Speaks::Modern, ALL).await;
        let first = caller.call("tools/call", CALL).await;
        let result = first.result();
        assert_eq!(result["resultType"], "input_required", "{result}");
        assert!(result.get("ttlMs").is_none());
        let state = result["requestState"].as_str().unwrap().to_owned();
        assert!(!state.contains("state of the server"));
        let (key, asked) = result["inputRequests"]
            .as_object()
            .unwrap()
            .iter()
            .next()
            .unwrap();
        assert_eq!(asked["method"], "elicitation/create");
        assert_eq!(asked["params"]["message"], "Which year?");
        assert_eq!(
            gateway.entry("tools/call").await.closed.unwrap().outcome,
            "input-required"
        );

        let again = json!({
            "name": "t", "arguments": {"a": 1}, "_meta": {"progressToken": "mine"},
            "requestState": state,
            "inputResponses": {key: {"action": "accept", "content": {"year": 1999}}},
        });
        let second = caller.call("tools/call", &again.to_string()).await;
        let heard = second.result()["structuredContent"].clone();
        match speaks {
            Speaks::Legacy => {
                assert_eq!(heard["result"]["content"]["year"], 1999, "{heard}");
                // Only the one call, that went on.
                assert_eq!(gateway.server("papers").calls("tools/call").len(), 1);
                assert!(second.messages()[0].contains(r#""progressToken":"mine","progress":2"#));
                // It went on once; it does not wait any more.
                let third = caller.call("tools/call", &again.to_string()).await;
                assert_eq!(third.reason(), "request-state-invalid");
            }
            Speaks::Modern => {
                assert_eq!(heard["requestState"], "state of the server");
                assert_eq!(heard["inputResponses"]["year"]["content"]["year"], 1999);
            }
        }
        gateway.finish().await;
    }
}

#[tokio::test]
async fn the_answer_of_a_modern_host_is_judged_before_a_legacy_server_gets_it() {
    let gateway = gateway(asks(Speaks::Legacy, "elicitation/create", FORM)).await;
    let caller = gateway.able(Speaks::Modern, ALL).await;
    let state = caller.call("tools/call", CALL).await.result()["requestState"].clone();
    let again = |answers: Value| {
        let params = json!({"name": "t", "arguments": {"a": 1}, "requestState": state,
                            "inputResponses": answers});
        params.to_string()
    };
    for answers in [
        json!({"question": {"action": "maybe"}}),
        json!({"question": "accept"}),
        json!({"other": {"action": "decline"}}),
        json!({}),
    ] {
        let reply = caller.call("tools/call", &again(answers)).await;
        assert_eq!(reply.reason(), "invalid-params");
    }
    assert!(gateway.server("papers").answers().is_empty());
    // What does not answer leaves the call waiting; only what is the server's reaches it.
    let answer = json!({"question": {"action": "accept", "content": {"year": 7}, "resultType": "complete",
        "_meta": {"baggage": "x", "io.portcullis/receipt": {}}}});
    let heard =
        caller.call("tools/call", &again(answer)).await.result()["structuredContent"].clone();
    assert_eq!(
        heard["result"],
        json!({"action": "accept", "content": {"year": 7}})
    );
    gateway.finish().await;
}

#[tokio::test]
async fn a_state_is_good_for_its_call_and_its_principal_alone() {
    for speaks in Speaks::BOTH {
        let gateway = TestGateway::builder()
            .server("papers", asks(speaks, "elicitation/create", FORM))
            .without_loopback()
            .key("ada", "key-of-ada", "")
            .key("eve", "key-of-eve", "")
            .start()
            .await;
        let of = async |key: &str, params: &Value| {
            let caller = gateway.stranger(
                Speaks::Modern,
                "/mcp/main",
                &[("authorization", &format!("Bearer {key}"))],
            );
            let params = params.to_string();
            let call = caller.prepare("1", "tools/call", &params);
            let body = format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}}"#,
                portcullis_testkit::modern_params(&params).replacen(
                    r#"clientCapabilities":{}"#,
                    r#"clientCapabilities":{"elicitation":{}}"#,
                    1
                )
            );
            gateway.keep(call.body(body).send().await)
        };
        let asked = of("key-of-ada", &json!({"name": "t", "arguments": {"a": 1}})).await;
        let result = asked.result();
        let state = result["requestState"].as_str().unwrap().to_owned();
        let key = result["inputRequests"]
            .as_object()
            .unwrap()
            .keys()
            .next()
            .unwrap()
            .clone();
        let again = |name: &str, a: i32, state: &str| {
            json!({"name": name, "arguments": {"a": a}, "requestState": state,
                   "inputResponses": {&key: {"action": "decline"}}})
        };
        for (who, params) in [
            ("key-of-eve", again("t", 1, &state)),
            ("key-of-ada", again("t", 2, &state)),
            ("key-of-ada", again("plain", 1, &state)),
            ("key-of-ada", again("t", 1, &format!("{state}-TAMPERED"))),
            ("key-of-ada", again("t", 1, "state of the server")),
        ] {
            let reply = of(who, &params).await;
            assert_eq!(reply.reason(), "request-state-invalid", "{params}");
            assert_eq!(reply.json()["error"]["code"], -32602);
        }
        of("key-of-ada", &again("t", 1, &state)).await.result();
        gateway.finish().await;
    }
}

#[tokio::test]
async fn what_a_client_does_not_offer_is_not_asked() {
    for (speaks, profile, declared) in [
        (Speaks::Legacy, "", "{}"),
        (Speaks::Modern, "", "{}"),
        (Speaks::Legacy, "elicitation = false", ALL),
        (Speaks::Modern, "elicitation = false", ALL),
    ] {
        for server in Speaks::BOTH {
            let gateway = TestGateway::builder()
                .server("papers", asks(server, "elicitation/create", FORM))
                .section(
                    "profiles.main",
                    &format!("servers = [\"papers\"]\n{profile}"),
                )
                .start()
                .await;
            let caller = gateway.able(speaks, declared).await;
            let reply = caller.call("tools/call", CALL).await;
            assert!(!reply.body.contains("Which year"), "{reply:?}");
            match server {
                // It is told that nobody can be asked, and goes on.
                Speaks::Legacy => {
                    let heard = reply.result()["structuredContent"].clone();
                    assert_eq!(heard["error"]["code"], -32601, "{heard}");
                }
                Speaks::Modern => assert_eq!(reply.reason(), "question-not-offered"),
            }
            let greeting = match server {
                Speaks::Legacy => gateway.server("papers").last("initialize").json()["capabilities"].clone(),
                Speaks::Modern => gateway.server("papers").last("tools/call").json()["_meta"]
                    ["io.modelcontextprotocol/clientCapabilities"]
                    .clone(),
            };
            assert!(greeting.get("elicitation").is_none(), "{greeting}");
            gateway.finish().await;
        }
    }
}

#[tokio::test]
async fn a_question_that_nobody_should_be_asked_is_declined() {
    let form = FORM.replace("year", "password");
    for server in Speaks::BOTH {
        let gateway = gateway(asks(server, "elicitation/create", &form)).await;
        for speaks in Speaks::BOTH {
            let reply = gateway
                .able(speaks, ALL)
                .await
                .call("tools/call", CALL)
                .await;
            match server {
                Speaks::Legacy => {
                    let heard = reply.result()["structuredContent"].clone();
                    assert_eq!(heard["result"], json!({"action": "decline"}));
                }
                Speaks::Modern => assert_eq!(reply.reason(), "question-asks-for-secret"),
            }
            let entry = gateway.entry("elicitation/create").await.closed.unwrap();
            assert_eq!(entry.reason.as_deref(), Some("question-asks-for-secret"));
        }
        gateway.finish().await;
    }
}

#[tokio::test]
async fn nobody_answers_in_time() {
    for server in Speaks::BOTH {
        let gateway = TestGateway::builder()
            .server("papers", asks(server, "elicitation/create", FORM))
            .section("limits", "input-timeout = \"200ms\"")
            .start()
            .await;
        let legacy = gateway.able(Speaks::Legacy, ALL).await;
        let mut call = legacy.open("1", "tools/call", CALL).await;
        question(&mut call).await;
        let last = end(&mut call).await;
        match server {
            Speaks::Legacy => {
                let heard = &last["result"]["structuredContent"];
                assert_eq!(heard["result"], json!({"action": "decline"}), "{last}");
            }
            Speaks::Modern => {
                assert_eq!(
                    last["error"]["data"]["reason"], "question-unanswered",
                    "{last}"
                );
            }
        }
        if server == Speaks::Legacy {
            let modern = gateway.able(Speaks::Modern, ALL).await;
            let asked = modern.call("tools/call", CALL).await.result();
            assert_eq!(asked["resultType"], "input_required");
            // The call is cancelled at the server, and its question is answered with a no.
            gateway
                .server("papers")
                .arrived("notifications/cancelled", 1)
                .await;
            let state = asked["requestState"].clone();
            let late = json!({"name": "t", "arguments": {"a": 1}, "requestState": state,
                              "inputResponses": {"question": {"action": "decline"}}});
            let reply = modern.call("tools/call", &late.to_string()).await;
            assert_eq!(reply.reason(), "request-state-invalid");
        }
        gateway.finish().await;
    }
}

#[tokio::test]
async fn an_answer_is_the_sessions_own() {
    let gateway = gateway(asks(Speaks::Legacy, "elicitation/create", FORM)).await;
    let one = gateway.able(Speaks::Legacy, ALL).await;
    let two = gateway.able(Speaks::Legacy, ALL).await;
    let mut call = one.open("1", "tools/call", CALL).await;
    let asked = question(&mut call).await;
    tell(&two, &asked, r#"{"action":"accept","content":{"year":1}}"#).await;
    tell(
        &one,
        &json!({"id": "pc-99"}),
        r#"{"action":"accept","content":{"year":2}}"#,
    )
    .await;
    tell(&one, &asked, r#"{"action":"accept","content":{"year":3}}"#).await;
    tell(&one, &asked, r#"{"action":"accept","content":{"year":4}}"#).await;
    let last = end(&mut call).await;
    assert_eq!(
        last["result"]["structuredContent"]["result"]["content"]["year"],
        3
    );
    gateway.finish().await;
}

#[tokio::test]
async fn only_so_many_calls_wait() {
    let gateway = TestGateway::builder()
        .server("papers", asks(Speaks::Legacy, "elicitation/create", FORM))
        .section("limits", "max-waiting-calls = 2")
        .start()
        .await;
    let caller = gateway.able(Speaks::Modern, ALL).await;
    for _ in 0..2 {
        let result = caller.call("tools/call", CALL).await.result();
        assert_eq!(result["resultType"], "input_required");
    }
    let third = caller.call("tools/call", CALL).await;
    assert_eq!(third.reason(), "too-many-waiting-calls");
    gateway.finish().await;
}

#[tokio::test]
async fn a_page_that_a_legacy_server_requires_is_a_question_to_a_modern_host() {
    let data = r#"{"code":-32042,"message":"x","data":{"elicitations":[{"mode":"url","message":"Log in","url":"https://example.com/login","elicitationId":"e-1"}]}}"#;
    let script = Script::legacy()
        .tool("t")
        .on("tools/call", "t", [Step::Error(data.to_owned())]);
    let gateway = gateway(script).await;
    let legacy = gateway
        .able(Speaks::Legacy, ALL)
        .await
        .tool("t", "{}")
        .await;
    assert_eq!(legacy.json()["error"]["code"], -32042);
    assert_eq!(
        legacy.json()["error"]["data"]["elicitations"][0]["url"],
        "https://example.com/login"
    );
    let caller = gateway.able(Speaks::Modern, ALL).await;
    let asked = caller.tool("t", "{}").await.result();
    assert_eq!(asked["resultType"], "input_required");
    assert_eq!(
        asked["inputRequests"]["page-1"]["params"]["url"],
        "https://example.com/login"
    );
    // Called again, the call is made anew.
    gateway
        .server("papers")
        .change(|script| script.answers.clear());
    let again = json!({"name": "t", "arguments": {}, "requestState": asked["requestState"],
                       "inputResponses": {"page-1": {"action": "accept"}}});
    caller.call("tools/call", &again.to_string()).await.result();
    assert!(
        gateway
            .server("papers")
            .last("tools/call")
            .param("inputResponses")
            .is_none()
    );
    gateway.finish().await;
}

#[tokio::test]
async fn a_legacy_host_ends_its_call_by_its_id() {
    let script = Script::legacy().tool("t").on(
        "tools/call",
        "t",
        [
            Step::Notify(
                "notifications/progress".to_owned(),
                r#"{"progressToken":$TOKEN,"progress":1}"#.to_owned(),
            ),
            Step::Stall,
        ],
    );
    let gateway = gateway(script).await;
    let caller = gateway.legacy().await;
    let mut call = caller.open("17", "tools/call", CALL).await;
    call.json().await;
    caller
        .tell(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":17}}"#)
        .await;
    assert_eq!(call.next().await, None);
    gateway
        .server("papers")
        .arrived("notifications/cancelled", 1)
        .await;
    assert_eq!(
        gateway.entry("tools/call").await.closed.unwrap().outcome,
        "cancelled"
    );
    gateway.finish().await;
}

#[tokio::test]
async fn tasks_are_known_by_tickets() {
    let created = r#"{"resultType":"task","taskId":"t-1","status":"working","createdAt":"2026-11-22T00:00:00Z","lastUpdatedAt":"2026-11-22T00:00:00Z","ttlMs":null}"#;
    let done = r#"{"resultType":"complete","taskId":"t-1","status":"completed","createdAt":"2026-11-22T00:00:00Z","lastUpdatedAt":"2026-11-22T00:00:00Z","ttlMs":null,"result":{"content":[{"type":"text","text":"d\u200bone"}]}}"#;
    let script = Script::modern()
        .tool("t")
        .on("tools/call", "t", [Step::Result(created.to_owned())])
        .on("tasks/get", "*", [Step::Result(done.to_owned())]);
    let gateway = TestGateway::builder()
        .server("papers", script)
        .without_loopback()
        .key("ada", "key-of-ada", "")
        .key("eve", "key-of-eve", "")
        .start()
        .await;
    let tasks = r#"{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#;
    let of = |key: &str| {
        let mut caller = gateway.stranger(
            Speaks::Modern,
            "/mcp/main",
            &[("authorization", &format!("Bearer {key}"))],
        );
        caller.declare(tasks);
        caller
    };
    let (ada, eve) = (of("key-of-ada"), of("key-of-eve"));
    let started = ada.tool("t", "{}").await.result();
    assert_eq!(started["resultType"], "task");
    let id = started["taskId"].as_str().unwrap().to_owned();
    assert_ne!(id, "t-1");
    let get = json!({"taskId": id}).to_string();
    let got = ada.call("tasks/get", &get).await.result();
    assert_eq!(got["taskId"], id.as_str());
    assert_eq!(got["result"]["content"][0]["text"], "done");
    let sent = gateway.server("papers").last("tasks/get");
    assert_eq!(sent.json()["taskId"], "t-1");
    assert_eq!(sent.header("mcp-name"), Some("t-1"));
    assert_eq!(eve.call("tasks/get", &get).await.reason(), "target-unknown");
    let raw = ada.call("tasks/get", r#"{"taskId":"t-1"}"#).await;
    assert_eq!(raw.reason(), "target-unknown");
    // Whoever does not declare the extension has no tasks.
    let mut plain = of("key-of-ada");
    plain.declare("{}");
    let undeclared = plain.call("tasks/get", &get).await;
    assert_eq!(
        (
            undeclared.status,
            undeclared.json()["error"]["code"].clone()
        ),
        (400, json!(-32021))
    );
    assert_eq!(plain.tool("t", "{}").await.reason(), "not-bridged");
    gateway.finish().await;
}

#[tokio::test]
async fn mirrored_arguments_are_checked_and_made() {
    let tool = r#"{"name":"t","inputSchema":{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"},"n":{"type":"integer","x-mcp-header":"Count"}}}}"#;
    let broken = r#"{"name":"broken","inputSchema":{"type":"object","properties":{"a":{"type":"object","x-mcp-header":"A"}}}}"#;
    let script = Script::modern()
        .tool_json(tool)
        .tool_json(broken)
        .tool("plain");
    let gateway = gateway(script).await;
    let modern = gateway.modern().await;
    assert_eq!(modern.list("tools/list").await, ["t", "plain"]);
    let params = r#"{"name":"t","arguments":{"region":"eu","n":7}}"#;
    let call = || modern.prepare("1", "tools/call", params);
    let good = || {
        call()
            .header("mcp-param-region", "eu")
            .header("mcp-param-count", "7")
    };
    assert_eq!(good().send().await.status, 200);
    let sent = gateway.server("papers").last("tools/call");
    assert_eq!(sent.header("mcp-param-region"), Some("eu"));
    assert_eq!(sent.header("mcp-param-count"), Some("7"));
    for bad in [
        call(),
        good().header("mcp-param-region", "us"),
        good().another("mcp-param-region", "us"),
        good().header("mcp-param-region", "=?base64?!?="),
    ] {
        let reply = bad.send().await;
        assert_eq!(
            (reply.status, reply.reason().as_str()),
            (400, "header-mismatch")
        );
    }
    // A header that no argument is behind is the caller's own; it goes nowhere.
    assert_eq!(
        good().header("mcp-param-other", "x").send().await.status,
        200
    );
    assert_eq!(
        gateway
            .server("papers")
            .last("tools/call")
            .header("mcp-param-other"),
        None
    );
    // A legacy host sends none; they are made for the server.
    gateway
        .legacy()
        .await
        .call("tools/call", params)
        .await
        .result();
    let sent = gateway.server("papers").last("tools/call");
    assert_eq!(sent.header("mcp-param-region"), Some("eu"));
    gateway.finish().await;
}

#[tokio::test]
async fn without_header_agreement_mirrored_arguments_are_not_checked() {
    let tool = r#"{"name":"t","inputSchema":{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}}"#;
    let gateway = TestGateway::builder()
        .server("papers", Script::modern().tool_json(tool))
        .section("profiles.main", "servers = [\"papers\"]")
        .without("header-agreement")
        .start()
        .await;
    let modern = gateway.modern().await;
    assert_eq!(modern.list("tools/list").await, ["t"]);
    let reply = modern
        .prepare(
            "1",
            "tools/call",
            r#"{"name":"t","arguments":{"region":"eu"}}"#,
        )
        .header("mcp-param-region", "us")
        .send()
        .await;
    assert_eq!(reply.status, 200);
    // What goes to the server is made from the arguments all the same.
    let sent = gateway.server("papers").last("tools/call");
    assert_eq!(sent.header("mcp-param-region"), Some("eu"));
    gateway.finish().await;
}

#[tokio::test]
async fn a_server_that_asks_on_its_own_stream_means_its_only_call() {
    let ask = format!(
        r#"{{"jsonrpc":"2.0","id":"aside","method":"elicitation/create","params":{FORM}}}"#
    );
    let done = Step::Result(r#"{"content":[]}"#.to_owned());
    let script = Script::legacy()
        .tool("t")
        .on("tools/call", "t", [Step::Wait, done]);
    let gateway = gateway(script).await;
    let caller = gateway.able(Speaks::Legacy, ALL).await;
    let mut call = caller.open("1", "tools/call", CALL).await;
    gateway.server("papers").arrived("tools/call", 1).await;
    gateway.server("papers").say(&ask).await;
    let asked = question(&mut call).await;
    assert_eq!(asked["params"]["message"], "Which year?");
    tell(
        &caller,
        &asked,
        r#"{"action":"accept","content":{"year":7}}"#,
    )
    .await;
    portcullis_testkit::eventually("the answer", async || {
        let answers = gateway.server("papers").answers();
        answers
            .iter()
            .any(|answer| answer.contains("\"aside\"") && answer.contains("\"year\":7"))
            .then_some(())
    })
    .await;
    // With two calls it cannot be said whose question it is.
    let other = caller.open("2", "tools/call", CALL).await;
    gateway.server("papers").arrived("tools/call", 2).await;
    gateway
        .server("papers")
        .say(&ask.replace("aside", "beside"))
        .await;
    portcullis_testkit::eventually("a refusal", async || {
        let answers = gateway.server("papers").answers();
        answers
            .iter()
            .any(|answer| answer.contains("\"beside\"") && answer.contains("decline"))
            .then_some(())
    })
    .await;
    gateway.server("papers").go_on();
    end(&mut call).await;
    drop(other);
    gateway.finish().await;
}

#[tokio::test]
async fn what_a_task_asks_is_judged_like_any_question() {
    let task = |method: &str, params: &str| {
        format!(
            r#"{{"resultType":"complete","taskId":"t-1","status":"input_required","createdAt":"2026-11-22T00:00:00Z","lastUpdatedAt":"2026-11-22T00:00:00Z","ttlMs":null,"inputRequests":{{"year":{{"method":"{method}","params":{params}}}}}}}"#
        )
    };
    let created = r#"{"resultType":"task","taskId":"t-1","status":"working","createdAt":"2026-11-22T00:00:00Z","lastUpdatedAt":"2026-11-22T00:00:00Z","ttlMs":null}"#;
    let able = r#"{"elicitation":{"form":{},"url":{}},"sampling":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}"#;
    for (method, params, reason) in [
        ("elicitation/create", FORM.to_owned(), ""),
        (
            "elicitation/create",
            FORM.replace("year", "password"),
            "question-asks-for-secret",
        ),
        // The client can be asked for it, but the profile carries none.
        (
            "sampling/createMessage",
            r#"{"messages":[],"maxTokens":5}"#.to_owned(),
            "question-not-offered",
        ),
    ] {
        let script = Script::modern()
            .tool("t")
            .on("tools/call", "t", [Step::Result(created.to_owned())])
            .on("tasks/get", "*", [Step::Result(task(method, &params))]);
        let gateway = TestGateway::builder()
            .server("papers", script)
            .start()
            .await;
        let caller = gateway.able(Speaks::Modern, able).await;
        let id = caller.tool("t", "{}").await.result()["taskId"].clone();
        let got = caller
            .call("tasks/get", &json!({"taskId": id}).to_string())
            .await;
        assert_eq!(got.reason(), reason, "{method} {params}");
        if reason.is_empty() {
            assert_eq!(
                got.result()["inputRequests"]["year"]["params"]["message"],
                "Which year?"
            );
        }
        gateway.entry(method).await;
        gateway.finish().await;
    }
}
