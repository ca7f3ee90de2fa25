//! Answers in several messages, and callers that do not wait for them.

use futures_util::FutureExt;
use portcullis_testkit::{Script, Speaks, Step, TestGateway};

fn talkative(speaks: Speaks) -> Script {
    let notify = |method: &str, params: &str| {
        Step::Notify(format!("notifications/{method}"), params.to_owned())
    };
    let steps = [
        notify(
            "progress",
            r#"{"progressToken":$TOKEN,"progress":1,"total":2,"message":"half"}"#,
        ),
        notify("message", r#"{"level":"info","data":"log\u200bged"}"#),
        notify(
            "progress",
            r#"{"progressToken":"somebody-elses","progress":1}"#,
        ),
        notify("resources/updated", r#"{"uri":"x://y"}"#),
        Step::Result("{\n \"content\": [\n ]\n}".to_owned()),
    ];
    Script::of(speaks)
        .tool("t")
        .tool("quick")
        .tool("stalls")
        .tool("talks-and-stalls")
        .on("tools/call", "t", steps)
        .on("tools/call", "stalls", [Step::Stall])
        .on(
            "tools/call",
            "talks-and-stalls",
            [
                notify("progress", r#"{"progressToken":$TOKEN,"progress":1}"#),
                Step::Stall,
            ],
        )
}

async fn gateway(speaks: Speaks) -> TestGateway {
    TestGateway::builder()
        .server("papers", talkative(speaks))
        .start()
        .await
}

fn kinds(messages: &[String]) -> Vec<&'static str> {
    let kind = |message: &String| match message {
        message if message.contains("notifications/progress") => "progress",
        message if message.contains("notifications/message") => "log",
        message if message.contains("\"result\"") => "result",
        _ => "other",
    };
    messages.iter().map(kind).collect()
}

#[tokio::test]
async fn progress_carries_the_callers_own_token() {
    for speaks in Speaks::BOTH {
        let gateway = gateway(speaks).await;
        for (token, caller) in [
            ("\"mine\"", gateway.legacy().await),
            ("7.0", gateway.modern().await),
        ] {
            let params = format!(r#"{{"name":"t","_meta":{{"progressToken":{token}}}}}"#);
            let reply = caller.call("tools/call", &params).await;
            assert_eq!(reply.header("content-type"), Some("text/event-stream"));
            assert_eq!(reply.header("x-accel-buffering"), Some("no"));
            let messages = reply.messages();
            assert!(
                messages[0].contains(&format!(
                    r#""progressToken":{token},"progress":1,"total":2,"message":"half""#
                )),
                "{messages:?}"
            );
            assert!(!reply.body.contains("somebody"), "{messages:?}");
            reply.result();
        }
        gateway.finish().await;
    }
}

#[tokio::test]
async fn log_messages_are_passed_as_the_era_says_and_screened() {
    for speaks in Speaks::BOTH {
        let gateway = gateway(speaks).await;
        let legacy = gateway.legacy().await.tool("t", "{}").await;
        assert_eq!(kinds(&legacy.messages()), ["log", "result"]);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&legacy.messages()[0]).unwrap()["params"]["data"],
            "logged"
        );
        let modern = gateway.modern().await;
        assert_eq!(kinds(&modern.tool("t", "{}").await.messages()), ["result"]);
        let params = r#"{"name":"t","_meta":{"io.modelcontextprotocol/logLevel":"info"}}"#;
        assert_eq!(
            kinds(&modern.call("tools/call", params).await.messages()),
            ["log", "result"]
        );
        gateway.finish().await;
    }
}

#[tokio::test]
async fn a_client_gets_the_media_type_that_it_takes() {
    let gateway = gateway(Speaks::Modern).await;
    let caller = gateway.modern().await;
    let params = r#"{"name":"t","_meta":{"progressToken":1}}"#;
    let only = |accept: &'static str| {
        caller
            .prepare("1", "tools/call", params)
            .header("accept", accept)
            .send()
    };
    let json = only("application/json").await;
    assert_eq!(json.header("content-type"), Some("application/json"));
    assert_eq!(kinds(&json.messages()), ["result"]);
    let events = only("text/event-stream").await;
    assert_eq!(kinds(&events.messages()), ["progress", "result"]);
    let refused = caller
        .prepare("1", "tools/list", "{}")
        .header("accept", "text/event-stream")
        .send()
        .await;
    assert_eq!(
        (refused.header("content-type"), refused.messages().len()),
        (Some("text/event-stream"), 1)
    );
    // A pretty-printed result is one event of several lines.
    assert!(events.body.contains("data:  ]"), "{}", events.body);
    gateway.finish().await;
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_its_call() {
    for (speaks, tool) in [
        (Speaks::Legacy, "stalls"),
        (Speaks::Modern, "stalls"),
        (Speaks::Legacy, "talks-and-stalls"),
        (Speaks::Modern, "talks-and-stalls"),
    ] {
        let gateway = gateway(speaks).await;
        let caller = gateway.modern().await;
        let params = format!(r#"{{"name":"{tool}","_meta":{{"progressToken":1}}}}"#);
        tokio::select! {
            reply = caller.call("tools/call", &params) => panic!("answered: {reply:?}"),
            () = gateway.server("papers").arrived("tools/call", 1) => {}
        }
        gateway.server("papers").abandoned(1).await;
        let closed = gateway.entry("tools/call").await.closed.unwrap();
        assert_eq!(
            (closed.outcome.as_str(), closed.decision.as_str()),
            ("cancelled", "permit"),
            "{speaks:?} {tool}"
        );
        if speaks == Speaks::Legacy {
            gateway
                .server("papers")
                .arrived("notifications/cancelled", 1)
                .await;
            let call = gateway.server("papers").last("tools/call");
            assert_eq!(
                gateway
                    .server("papers")
                    .last("notifications/cancelled")
                    .param("requestId"),
                call.id
            );
        }
        gateway.finish().await;
    }
}

#[tokio::test]
async fn a_legacy_client_that_loses_its_connection_cancels_nothing() {
    for (server, tool) in [
        (Speaks::Legacy, "slow"),
        (Speaks::Modern, "slow"),
        (Speaks::Legacy, "talks-slowly"),
        (Speaks::Modern, "talks-slowly"),
    ] {
        let progress = Step::Notify(
            "notifications/progress".to_owned(),
            r#"{"progressToken":$TOKEN,"progress":1}"#.to_owned(),
        );
        let done = Step::Result(r#"{"resultType":"complete","content":[]}"#.to_owned());
        let script = Script::of(server)
            .tool("slow")
            .tool("talks-slowly")
            .on("tools/call", "slow", [Step::Wait, done.clone()])
            .on("tools/call", "talks-slowly", [progress, Step::Wait, done]);
        let gateway = TestGateway::builder()
            .server("papers", script)
            .start()
            .await;
        let caller = gateway.legacy().await;
        let params = format!(r#"{{"name":"{tool}","_meta":{{"progressToken":1}}}}"#);
        tokio::select! {
            reply = caller.call("tools/call", &params) => panic!("answered: {reply:?}"),
            () = gateway.server("papers").arrived("tools/call", 1) => {}
        }
        gateway.server("papers").go_on();
        let closed = gateway.entry("tools/call").await.closed.unwrap();
        assert_eq!(closed.outcome, "ok", "{server:?} {tool}");
        assert!(
            gateway
                .server("papers")
                .calls("notifications/cancelled")
                .is_empty()
        );
        gateway.finish().await;
    }
}

#[tokio::test]
async fn stopping_the_gateway_cancels_what_does_not_end() {
    let gateway = gateway(Speaks::Modern).await;
    let caller = gateway.modern().await;
    let params = r#"{"name":"talks-and-stalls","_meta":{"progressToken":1}}"#;
    let address = gateway.address();
    let call = caller.prepare("1", "tools/call", params).at(address).send();
    // The connection breaks, which the client takes for an error of its own.
    let call = std::panic::AssertUnwindSafe(call).catch_unwind();
    let stop = async {
        gateway.server("papers").arrived("tools/call", 1).await;
        gateway.stop().await;
    };
    let (broken, ()) = tokio::join!(call, stop);
    assert!(broken.is_err());
    let closed = gateway.entry("tools/call").await.closed.unwrap();
    assert_eq!(closed.outcome, "cancelled");
    gateway.server("papers").abandoned(1).await;
    gateway.finish().await;
}

#[tokio::test]
async fn the_level_of_a_legacy_host_reaches_a_modern_server() {
    let gateway = gateway(Speaks::Modern).await;
    let caller = gateway.legacy().await;
    assert_eq!(
        kinds(&caller.tool("t", "{}").await.messages()),
        ["log", "result"]
    );
    let sent = gateway.server("papers").last("tools/call");
    assert_eq!(sent.meta("io.modelcontextprotocol/logLevel"), None);
    caller
        .call("logging/setLevel", r#"{"level":"warning"}"#)
        .await
        .result();
    caller.tool("t", "{}").await.result();
    let sent = gateway.server("papers").last("tools/call");
    assert_eq!(
        sent.meta("io.modelcontextprotocol/logLevel").as_deref(),
        Some("\"warning\"")
    );
    gateway.finish().await;
}

#[tokio::test]
async fn a_client_that_names_streams_first_gets_one() {
    let gateway = gateway(Speaks::Modern).await;
    for caller in [gateway.legacy().await, gateway.modern().await] {
        let call = caller
            .prepare("1", "prompts/get", r#"{"name":"none"}"#)
            .header("accept", "text/event-stream, application/json");
        // An error has a status of its own.
        assert_ne!(
            call.send().await.header("content-type"),
            Some("text/event-stream")
        );
        let quick = caller
            .prepare("1", "tools/call", r#"{"name":"quick"}"#)
            .header("accept", "text/event-stream, application/json")
            .send()
            .await;
        assert_eq!(quick.header("content-type"), Some("text/event-stream"));
        assert_eq!(kinds(&quick.messages()), ["result"]);
    }
    gateway.finish().await;
}
