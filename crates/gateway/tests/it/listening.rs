//! What servers announce, on its way to hosts: both forms of stream, both eras of servers.

use portcullis_store::State;
use portcullis_testkit::{
    Caller, Opened, Script, Speaks, Step, TestGateway, eventually, modern_params,
};
use serde_json::{Value, json};

const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

fn offering(speaks: Speaks) -> Script {
    Script::of(speaks)
        .tool("t")
        .prompt("p")
        .resource("file:///seen")
        .resource("file:///hidden")
        .resource("file:///left-out")
        .subscribable()
}

/// One server, with a resource that the policies hide and one that the profile leaves out.
async fn gateway(speaks: Speaks) -> TestGateway {
    TestGateway::builder()
        .server("papers", offering(speaks))
        .section("profiles.main", "servers = [\"papers\"]")
        .section(
            "profiles.main.resources",
            "papers = [\"file:///seen\", \"file:///hidden\"]",
        )
        .policy(
            r#"permit (principal, action, resource);
            forbid (principal, action == Action::"resources/read", resource)
            when { resource has uri && resource.uri == "file:///hidden" };"#,
        )
        .start()
        .await
}

async fn listen(caller: &Caller<'_>, id: &str, filter: &Value) -> Opened {
    let params = json!({ "notifications": filter }).to_string();
    caller
        .prepare(id, "subscriptions/listen", &params)
        .open()
        .await
}

async fn session_stream(gateway: &TestGateway, caller: &Caller<'_>) -> Opened {
    gateway
        .http("GET", "/mcp/main")
        .header("accept", "text/event-stream")
        .header("mcp-session-id", caller.session().unwrap())
        .open()
        .await
}

async fn hear(stream: &mut Opened) -> Value {
    stream.next().await.expect("a message")
}

fn method(message: &Value) -> &str {
    message["method"].as_str().unwrap_or_default()
}

/// Waits until nobody listens any more, and nothing is left of it.
async fn silence(gateway: &TestGateway) {
    eventually("no stream and no feed", async || {
        let gateway = gateway.gateway();
        (gateway.open_streams() == 0 && gateway.running_feeds() == 0).then_some(())
    })
    .await;
}

/// Waits until the gateway listens to the server, so that nothing announced from now on is missed.
async fn attended(gateway: &TestGateway, speaks: Speaks, subscribed: bool) {
    let streams = match (speaks, subscribed) {
        // One for list changes, and one for the resources of all who listen.
        (Speaks::Modern, true) => 2,
        _ => 1,
    };
    eventually("streams to the server", async || {
        (gateway.server("papers").streams() >= streams && gateway.gateway().running_feeds() == 1)
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_subscription_is_acknowledged_first_and_every_message_carries_its_id() {
    for speaks in Speaks::BOTH {
        let gateway = gateway(speaks).await;
        let caller = gateway.modern().await;
        let filter = json!({
            "toolsListChanged": true,
            "resourceSubscriptions": ["file:///seen"],
        });
        for id in ["7.0", "\"mine\""] {
            let mut stream = listen(&caller, id, &filter).await;
            assert_eq!(stream.status, 200);
            assert_eq!(stream.headers["content-type"], "text/event-stream");
            assert_eq!(stream.headers["x-accel-buffering"], "no");
            let id: Value = serde_json::from_str(id).unwrap();
            let first = hear(&mut stream).await;
            assert_eq!(method(&first), "notifications/subscriptions/acknowledged");
            assert_eq!(first["params"]["notifications"], filter, "{speaks:?}");
            assert_eq!(first["params"]["_meta"][SUBSCRIPTION], id);

            attended(&gateway, speaks, true).await;
            gateway.server("papers").announce("tools").await;
            let changed = hear(&mut stream).await;
            assert_eq!(method(&changed), "notifications/tools/list_changed");
            assert_eq!(changed["params"]["_meta"][SUBSCRIPTION], id);

            gateway.server("papers").update("file:///seen").await;
            let updated = hear(&mut stream).await;
            assert_eq!(method(&updated), "notifications/resources/updated");
            assert_eq!(
                updated["params"],
                json!({ "uri": "file:///seen", "_meta": { SUBSCRIPTION: id } })
            );
            drop(stream);
            silence(&gateway).await;
        }
        gateway.finish().await;
    }
}

#[tokio::test]
async fn only_what_was_asked_for_and_may_be_seen_is_granted() {
    for speaks in Speaks::BOTH {
        let gateway = gateway(speaks).await;
        let caller = gateway.modern().await;
        let filter = json!({
            "promptsListChanged": true,
            "resourceSubscriptions":
                ["file:///hidden", "file:///left-out", "file:///none", "file:///seen"],
            "taskIds": ["any"],
        });
        let mut stream = listen(&caller, "1", &filter).await;
        // What is hidden, what is left out and what does not exist are left out alike.
        assert_eq!(
            hear(&mut stream).await["params"]["notifications"],
            json!({ "promptsListChanged": true, "resourceSubscriptions": ["file:///seen"] })
        );
        attended(&gateway, speaks, true).await;
        let server = gateway.server("papers");
        assert!(!server.transcript().contains("file:///hidden"));
        server.announce("tools").await;
        server.announce("resources").await;
        for uri in [
            "file:///hidden",
            "file:///left-out",
            "file:///other",
            "file:///seen",
        ] {
            server.update(uri).await;
        }
        assert_eq!(hear(&mut stream).await["params"]["uri"], "file:///seen");
        server.announce("prompts").await;
        assert_eq!(
            method(&hear(&mut stream).await),
            "notifications/prompts/list_changed"
        );
        drop(stream);
        silence(&gateway).await;
        gateway.finish().await;
    }
}

#[tokio::test]
async fn what_changed_is_judged_before_a_host_hears_of_it() {
    for speaks in Speaks::BOTH {
        let gateway = gateway(speaks).await;
        let caller = gateway.modern().await;
        assert_eq!(caller.list("tools/list").await, ["t"]);
        let mut stream = listen(&caller, "1", &json!({ "toolsListChanged": true })).await;
        hear(&mut stream).await;
        attended(&gateway, speaks, false).await;
        gateway.server("papers").change(|script| {
            script.tools = vec![
                r#"{"name":"t","description":"does something else","inputSchema":{"type":"object"}}"#
                    .to_owned(),
            ];
        });
        gateway.server("papers").announce("tools").await;
        hear(&mut stream).await;
        // Read again, recorded and held by now, though no host has asked yet.
        let held = gateway.definitions().await;
        assert!(
            held.iter()
                .any(|record| record.key.name == "t" && record.state == State::Quarantined),
            "{held:?}"
        );
        assert!(caller.list("tools/list").await.is_empty());
        // An operator approves it: nobody but the gateway could say so.
        gateway.decide("papers", "tool", "t", State::Approved).await;
        assert_eq!(
            method(&hear(&mut stream).await),
            "notifications/tools/list_changed"
        );
        assert_eq!(caller.list("tools/list").await, ["t"]);
        drop(stream);
        silence(&gateway).await;
        gateway.finish().await;
    }
}

#[tokio::test]
async fn a_session_hears_on_its_stream_what_it_subscribed_to() {
    for speaks in Speaks::BOTH {
        let gateway = gateway(speaks).await;
        let caller = gateway.legacy().await;
        let subscribe = |method: &'static str, uri: &'static str| {
            let caller = &caller;
            async move {
                let params = json!({ "uri": uri }).to_string();
                caller.call(method, &params).await
            }
        };
        let hidden = subscribe("resources/subscribe", "file:///hidden").await;
        let missing = subscribe("resources/subscribe", "file:///none").await;
        for refused in [&hidden, &missing] {
            assert_eq!(refused.reason(), "target-unknown");
            assert_eq!(refused.json()["error"]["code"], -32002);
        }
        let taken = subscribe("resources/subscribe", "file:///seen").await;
        assert_eq!(
            taken.result()["_meta"]["io.portcullis/receipt"]["server"],
            "papers"
        );
        let mut stream = session_stream(&gateway, &caller).await;
        assert_eq!(stream.status, 200);
        attended(&gateway, speaks, true).await;
        gateway.server("papers").update("file:///other").await;
        gateway.server("papers").update("file:///seen").await;
        let updated = hear(&mut stream).await;
        assert_eq!(
            (method(&updated), &updated["params"]),
            (
                "notifications/resources/updated",
                &json!({ "uri": "file:///seen" })
            )
        );
        gateway.server("papers").announce("resources").await;
        assert_eq!(
            hear(&mut stream).await,
            json!({ "jsonrpc": "2.0", "method": "notifications/resources/list_changed" })
        );
        subscribe("resources/unsubscribe", "file:///seen")
            .await
            .result();
        if speaks == Speaks::Legacy {
            gateway
                .server("papers")
                .arrived("resources/unsubscribe", 1)
                .await;
            assert_eq!(
                gateway.server("papers").calls("resources/subscribe").len(),
                1
            );
        }
        assert_eq!(
            subscribe("resources/unsubscribe", "file:///seen")
                .await
                .reason(),
            "target-unknown"
        );
        gateway.server("papers").announce("tools").await;
        assert_eq!(
            method(&hear(&mut stream).await),
            "notifications/tools/list_changed"
        );
        drop(stream);
        silence(&gateway).await;
        gateway.finish().await;
    }
}

#[tokio::test]
async fn one_subscription_at_the_server_serves_all_who_listen() {
    let gateway = gateway(Speaks::Legacy).await;
    let (one, two) = (gateway.legacy().await, gateway.legacy().await);
    let params = r#"{"uri":"file:///seen"}"#;
    for caller in [&one, &two, &one] {
        caller.call("resources/subscribe", params).await.result();
    }
    let server = gateway.server("papers");
    assert_eq!(server.calls("resources/subscribe").len(), 1);
    one.call("resources/unsubscribe", params).await.result();
    let mut stream = session_stream(&gateway, &two).await;
    server.update("file:///seen").await;
    assert_eq!(hear(&mut stream).await["params"]["uri"], "file:///seen");
    assert!(server.calls("resources/unsubscribe").is_empty());
    drop(stream);
    // The last one lets go by ending its session.
    let ended = gateway
        .http("DELETE", "/mcp/main")
        .header("mcp-session-id", two.session().unwrap())
        .send()
        .await;
    assert_eq!(ended.status, 204);
    server.arrived("resources/unsubscribe", 1).await;
    silence(&gateway).await;
    gateway.finish().await;
}

#[tokio::test]
async fn log_messages_outside_of_calls_follow_the_level_and_are_screened() {
    let gateway = gateway(Speaks::Legacy).await;
    let caller = gateway.legacy().await;
    let mut stream = session_stream(&gateway, &caller).await;
    attended(&gateway, Speaks::Legacy, false).await;
    let log = |level: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":"{level}","data":"log\u200bged","_meta":{{"io.portcullis/receipt":{{}},"io.modelcontextprotocol/subscriptionId":1,"kept":1}}}}}}"#
        )
    };
    gateway.server("papers").say(&log("debug")).await;
    assert_eq!(
        hear(&mut stream).await["params"],
        json!({ "level": "debug", "data": "logged", "_meta": { "kept": 1 } })
    );
    caller
        .call("logging/setLevel", r#"{"level":"error"}"#)
        .await
        .result();
    for level in ["debug", "warning", "error"] {
        gateway.server("papers").say(&log(level)).await;
    }
    assert_eq!(hear(&mut stream).await["params"]["level"], "error");
    drop(stream);
    silence(&gateway).await;
    gateway.finish().await;
}

#[tokio::test]
async fn every_message_that_a_server_started_has_an_entry() {
    let gateway = gateway(Speaks::Legacy).await;
    let caller = gateway.legacy().await;
    let mut stream = session_stream(&gateway, &caller).await;
    attended(&gateway, Speaks::Legacy, false).await;
    gateway.server("papers").announce("tools").await;
    hear(&mut stream).await;
    let entry = gateway.entry("notifications/tools/list_changed").await;
    let opened = entry.opened;
    assert_eq!(
        (opened.direction.as_str(), opened.server.as_deref()),
        ("server", Some("papers"))
    );
    assert_eq!(
        (opened.principal.as_deref(), opened.profile.as_deref()),
        (Some("local"), Some("main"))
    );
    assert_eq!(entry.closed.unwrap().outcome, "ok");
    // The stream itself is on record while it is open, and closes with it.
    let entries = gateway.entries().await;
    let open: Vec<_> = entries
        .iter()
        .filter(|entry| entry.opened.method == "session/listen")
        .collect();
    assert!(matches!(open[..], [entry] if entry.closed.is_none()));
    drop(stream);
    assert!(gateway.entry("session/listen").await.closed.is_some());
    silence(&gateway).await;
    gateway.finish().await;
}

#[tokio::test]
async fn a_second_stream_of_a_session_takes_the_place_of_the_first() {
    let gateway = gateway(Speaks::Legacy).await;
    let caller = gateway.legacy().await;
    let mut first = session_stream(&gateway, &caller).await;
    attended(&gateway, Speaks::Legacy, false).await;
    let mut second = session_stream(&gateway, &caller).await;
    assert_eq!(first.next().await, None);
    // What changed between the two was announced to nobody.
    let mut kinds = Vec::new();
    for _ in 0..3 {
        kinds.push(method(&hear(&mut second).await).to_owned());
    }
    assert_eq!(
        kinds,
        [
            "notifications/tools/list_changed",
            "notifications/prompts/list_changed",
            "notifications/resources/list_changed"
        ]
    );
    drop((first, second));
    silence(&gateway).await;
    gateway.finish().await;
}

#[tokio::test]
async fn a_flood_of_announcements_is_merged() {
    for speaks in Speaks::BOTH {
        let gateway = gateway(speaks).await;
        let caller = gateway.modern().await;
        let mut stream = listen(&caller, "1", &json!({ "toolsListChanged": true })).await;
        hear(&mut stream).await;
        attended(&gateway, speaks, false).await;
        let server = gateway.server("papers").clone();
        let before = server.calls("tools/list").len();
        let start = std::time::Instant::now();
        let flood = tokio::spawn(async move {
            for _ in 0..1_000 {
                server.announce("tools").await;
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            server.change(|script| {
                let last = r#"{"name":"last","inputSchema":{"type":"object"}}"#;
                script.tools.push(last.to_owned());
            });
            server.announce("tools").await;
        });
        let mut heard = 0;
        while !flood.is_finished() {
            hear(&mut stream).await;
            heard += 1;
        }
        // The last change is never lost.
        let mut asked = 1;
        while !caller.list("tools/list").await.contains(&"last".to_owned()) {
            hear(&mut stream).await;
            heard += 1;
            asked += 1;
        }
        // Read at most once in 250 ms, and once for each time this test asked.
        let most = usize::try_from(start.elapsed().as_millis() / 250).unwrap() + 2;
        let read = gateway.server("papers").calls("tools/list").len() - before - asked;
        assert!(
            (2..=most).contains(&heard) && read <= most,
            "{heard} heard, {read} read, {most}"
        );
        drop(stream);
        silence(&gateway).await;
        gateway.finish().await;
    }
}

#[tokio::test]
async fn a_reader_that_does_not_read_loses_no_list_change_and_bounds_the_rest() {
    let gateway = gateway(Speaks::Legacy).await;
    let caller = gateway.legacy().await;
    let mut stream = session_stream(&gateway, &caller).await;
    attended(&gateway, Speaks::Legacy, false).await;
    let data = "x".repeat(64 * 1024);
    let log = format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":"info","data":"{data}"}}}}"#
    );
    for _ in 0..500 {
        gateway.server("papers").say(&log).await;
    }
    gateway.server("papers").announce("tools").await;
    let mut logs = 0;
    loop {
        match method(&hear(&mut stream).await) {
            "notifications/message" => logs += 1,
            other => break assert_eq!(other, "notifications/tools/list_changed"),
        }
    }
    assert!(logs < 500, "{logs}");
    drop(stream);
    silence(&gateway).await;
    gateway.finish().await;
}

#[tokio::test]
async fn a_server_that_comes_back_is_listened_to_again() {
    for speaks in Speaks::BOTH {
        let gateway = gateway(speaks).await;
        let caller = gateway.modern().await;
        let filter = json!({ "toolsListChanged": true, "resourceSubscriptions": ["file:///seen"] });
        let mut stream = listen(&caller, "1", &filter).await;
        hear(&mut stream).await;
        attended(&gateway, speaks, true).await;
        let server = gateway.server("papers");
        let opened = server.calls(if speaks == Speaks::Modern {
            "subscriptions/listen"
        } else {
            "initialize"
        });
        assert!(!opened.is_empty());
        server.hang_up();
        // What was announced meanwhile is unknown, so that everything counts as changed.
        let mut heard = std::collections::BTreeSet::new();
        while heard.len() < 1 + usize::from(speaks == Speaks::Modern) {
            heard.insert(method(&hear(&mut stream).await).to_owned());
        }
        assert!(
            heard.contains("notifications/tools/list_changed"),
            "{heard:?}"
        );
        attended(&gateway, speaks, true).await;
        server.update("file:///seen").await;
        while method(&hear(&mut stream).await) != "notifications/resources/updated" {}
        drop(stream);
        silence(&gateway).await;
        gateway.finish().await;
    }
}

#[tokio::test]
async fn who_leaves_leaves_nothing_behind() {
    for speaks in Speaks::BOTH {
        let gateway = gateway(speaks).await;
        let (modern, legacy) = (gateway.modern().await, gateway.legacy().await);
        let filter = json!({ "resourceSubscriptions": ["file:///seen"] });
        let mut streams = vec![session_stream(&gateway, &legacy).await];
        for id in 0..10 {
            let mut stream = listen(&modern, &id.to_string(), &filter).await;
            hear(&mut stream).await;
            streams.push(stream);
        }
        assert_eq!(gateway.gateway().open_streams(), 11);
        assert_eq!(gateway.gateway().running_feeds(), 1);
        drop(streams);
        silence(&gateway).await;
        let server = gateway.server("papers");
        if speaks == Speaks::Legacy {
            assert_eq!(server.calls("resources/subscribe").len(), 1);
            server.arrived("resources/unsubscribe", 1).await;
        } else {
            // The subscription is let go; the connection still watches its lists.
            eventually("no subscription", async || {
                (server.streams() == 1).then_some(())
            })
            .await;
        }
        gateway.finish().await;
    }
}

#[tokio::test]
async fn streams_are_bounded_and_told_so() {
    let gateway = TestGateway::builder()
        .server("papers", offering(Speaks::Legacy))
        .section("limits", "max-streams = 2")
        .key("ana", "ana-key-with-enough-letters", "")
        .start()
        .await;
    let caller = gateway.modern().await;
    let filter = json!({ "toolsListChanged": true });
    let one = listen(&caller, "1", &filter).await;
    let two = listen(&caller, "2", &filter).await;
    let params = json!({ "notifications": filter }).to_string();
    let refused = caller.call("subscriptions/listen", &params).await;
    assert_eq!(
        (refused.status, refused.reason().as_str()),
        (429, "too-many-streams")
    );
    // Others have a bound of their own.
    let other = gateway
        .caller(
            Speaks::Modern,
            "/mcp/main",
            &[("authorization", "Bearer ana-key-with-enough-letters")],
        )
        .await;
    let mut third = listen(&other, "1", &filter).await;
    hear(&mut third).await;
    drop(one);
    eventually("room for another", async || {
        (gateway.gateway().open_streams() == 2).then_some(())
    })
    .await;
    let mut again = listen(&caller, "3", &filter).await;
    hear(&mut again).await;
    drop((two, third, again));
    silence(&gateway).await;
    gateway.finish().await;
}

#[tokio::test]
async fn a_stream_needs_the_session_of_its_own_principal() {
    let gateway = TestGateway::builder()
        .server("papers", offering(Speaks::Legacy))
        .key("ana", "ana-key-with-enough-letters", "")
        .key("ben", "ben-key-with-enough-letters", "")
        .start()
        .await;
    let bearer = |key: &str| ("authorization".to_owned(), format!("Bearer {key}"));
    let (_, anas) = bearer("ana-key-with-enough-letters");
    let (_, bens) = bearer("ben-key-with-enough-letters");
    let ana = gateway
        .caller(Speaks::Legacy, "/mcp/main", &[("authorization", &anas)])
        .await;
    let open = |key: String, session: String, accept: &'static str, version: &'static str| {
        let call = gateway
            .http("GET", "/mcp/main")
            .header("accept", accept)
            .header("authorization", &key)
            .header("mcp-protocol-version", version);
        match session.is_empty() {
            true => call,
            false => call.header("mcp-session-id", &session),
        }
    };
    let session = ana.session().unwrap().to_owned();
    for (key, session, accept, version, status) in [
        (
            &bens,
            session.as_str(),
            "text/event-stream",
            "2025-11-25",
            404,
        ),
        (&anas, "forged", "text/event-stream", "2025-11-25", 404),
        (&anas, "", "text/event-stream", "2025-11-25", 405),
        (&anas, &session, "text/event-stream", "2026-07-28", 405),
        (&anas, &session, "application/json", "2025-11-25", 406),
        (
            &"Bearer wrong".to_owned(),
            &session,
            "text/event-stream",
            "2025-11-25",
            401,
        ),
    ] {
        let reply = open(key.clone(), session.to_owned(), accept, version)
            .send()
            .await;
        assert_eq!(reply.status, status, "{reply:?}");
    }
    let mut stream = open(
        anas.clone(),
        session.clone(),
        "text/event-stream",
        "2025-11-25",
    )
    .open()
    .await;
    assert_eq!(stream.status, 200);
    // Its end is the end of its session.
    let ended = gateway
        .http("DELETE", "/mcp/main")
        .header("authorization", &anas)
        .header("mcp-session-id", &session)
        .send()
        .await;
    assert_eq!(ended.status, 204);
    assert_eq!(stream.next().await, None);
    let again = open(anas.clone(), session, "text/event-stream", "2025-11-25");
    assert_eq!(again.send().await.status, 404);
    silence(&gateway).await;
    gateway.finish().await;
}

#[tokio::test]
async fn a_host_that_takes_no_events_cannot_listen() {
    let gateway = gateway(Speaks::Legacy).await;
    let refused = gateway
        .modern()
        .await
        .prepare("1", "subscriptions/listen", r#"{"notifications":{}}"#)
        .header("accept", "application/json")
        .send()
        .await;
    assert_eq!(
        (refused.status, refused.reason().as_str()),
        (406, "not-acceptable")
    );
    silence(&gateway).await;
    gateway.finish().await;
}

#[tokio::test]
async fn stopping_the_gateway_ends_streams_in_an_orderly_way() {
    let gateway = gateway(Speaks::Modern).await;
    let caller = gateway.modern().await;
    let mut modern = listen(&caller, "\"m\"", &json!({ "toolsListChanged": true })).await;
    hear(&mut modern).await;
    let mut legacy = session_stream(&gateway, &gateway.legacy().await).await;
    let start = std::time::Instant::now();
    let reading = async {
        let last = hear(&mut modern).await;
        assert_eq!(
            (&last["id"], &last["result"]["resultType"]),
            (&json!("m"), &json!("complete"))
        );
        assert_eq!(last["result"]["_meta"][SUBSCRIPTION], "m");
        assert_eq!((modern.next().await, legacy.next().await), (None, None));
    };
    tokio::join!(gateway.stop(), reading);
    // Not the time limit for connections that do not end.
    assert!(start.elapsed() < std::time::Duration::from_secs(4));
    let entry = gateway.entry("subscriptions/listen").await;
    assert_eq!(entry.closed.unwrap().outcome, "ok");
    gateway.finish().await;
}

#[tokio::test]
async fn a_stream_is_judged_by_every_new_configuration() {
    let gateway = gateway(Speaks::Legacy).await;
    let caller = gateway.modern().await;
    let filter = json!({ "toolsListChanged": true, "resourceSubscriptions": ["file:///seen"] });
    let mut stream = listen(&caller, "1", &filter).await;
    hear(&mut stream).await;
    attended(&gateway, Speaks::Legacy, true).await;
    // What may be read is another: lists are others, and the subscription ends.
    gateway
        .reload_policies(
            r#"permit (principal, action, resource);
            forbid (principal, action == Action::"resources/read", resource);"#,
        )
        .await
        .unwrap();
    assert_eq!(
        method(&hear(&mut stream).await),
        "notifications/tools/list_changed"
    );
    gateway
        .server("papers")
        .arrived("resources/unsubscribe", 1)
        .await;
    gateway.server("papers").update("file:///seen").await;
    gateway.server("papers").announce("tools").await;
    assert_eq!(
        method(&hear(&mut stream).await),
        "notifications/tools/list_changed"
    );
    // The profile is closed to the caller.
    gateway.reload_policies("").await.unwrap();
    assert_eq!(hear(&mut stream).await["result"]["resultType"], "complete");
    assert_eq!(stream.next().await, None);
    silence(&gateway).await;
    gateway.finish().await;
}

#[tokio::test]
async fn a_subscription_over_stdio_ends_when_it_is_cancelled() {
    let gateway = gateway(Speaks::Legacy).await;
    let mut host = crate::stdio::Host::start(&gateway);
    let params = modern_params(r#"{"notifications":{"toolsListChanged":true}}"#);
    let listen = |id: usize| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"subscriptions/listen","params":{params}}}"#
        )
    };
    // More of them than run at a time do not keep anybody waiting.
    for id in 0..64 {
        let first = host.ask(&listen(id)).await;
        assert_eq!(first["params"]["_meta"][SUBSCRIPTION], id);
    }
    let refused = host.ask(&listen(64)).await;
    assert_eq!(refused["error"]["data"]["reason"], "too-many-streams");
    let list = format!(
        r#"{{"jsonrpc":"2.0","id":"list","method":"tools/list","params":{}}}"#,
        modern_params("{}")
    );
    assert_eq!(host.ask(&list).await["id"], "list");
    for id in 1..64 {
        host.say(&format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id},"_meta":{}}}}}"#,
            meta(&params)
        ))
        .await;
    }
    eventually("one stream", async || {
        (gateway.gateway().open_streams() == 1).then_some(())
    })
    .await;
    attended(&gateway, Speaks::Legacy, false).await;
    gateway.server("papers").announce("tools").await;
    let changed = host.hear().await;
    assert_eq!(changed["params"]["_meta"][SUBSCRIPTION], 0);
    assert!(host.leave().await.is_empty());
    silence(&gateway).await;
    gateway.finish().await;
}

fn meta(params: &str) -> String {
    let params: Value = serde_json::from_str(params).unwrap();
    params["_meta"].to_string()
}

#[tokio::test]
async fn a_legacy_host_over_stdio_hears_without_asking() {
    let gateway = gateway(Speaks::Legacy).await;
    let mut host = crate::stdio::Host::start(&gateway);
    let greeting = host.ask(crate::stdio::GREETING).await;
    let capabilities = &greeting["result"]["capabilities"];
    assert_eq!(capabilities["tools"], json!({ "listChanged": true }));
    assert_eq!(
        capabilities["resources"],
        json!({ "listChanged": true, "subscribe": true })
    );
    host.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
        .await;
    let subscribe = r#"{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"file:///seen"}}"#;
    assert!(host.ask(subscribe).await["result"].is_object());
    attended(&gateway, Speaks::Legacy, false).await;
    eventually("a stream", async || {
        (gateway.gateway().open_streams() == 1).then_some(())
    })
    .await;
    gateway.server("papers").update("file:///seen").await;
    assert_eq!(
        host.hear().await["params"],
        json!({ "uri": "file:///seen" })
    );
    gateway.server("papers").announce("prompts").await;
    assert_eq!(
        method(&host.hear().await),
        "notifications/prompts/list_changed"
    );
    assert!(host.leave().await.is_empty());
    // Its session is over with its input.
    gateway
        .server("papers")
        .arrived("resources/unsubscribe", 1)
        .await;
    silence(&gateway).await;
    gateway.finish().await;
}

#[tokio::test]
async fn what_changed_before_a_stream_was_opened_is_not_missed() {
    for speaks in Speaks::BOTH {
        let gateway = gateway(speaks).await;
        let caller = gateway.modern().await;
        assert_eq!(caller.list("tools/list").await, ["t"]);
        assert_eq!(caller.list("prompts/list").await, ["p"]);
        gateway.server("papers").announce("prompts").await;
        gateway.server("papers").announce("tools").await;
        // The second announcement is known once a call finds its list outdated; so is the first.
        eventually("a list that is read again", async || {
            caller.tool("t", "{}").await.result();
            (gateway.server("papers").calls("tools/list").len() > 1).then_some(())
        })
        .await;
        let filter = json!({ "toolsListChanged": true, "promptsListChanged": true });
        let mut stream = listen(&caller, "1", &filter).await;
        hear(&mut stream).await;
        assert_eq!(
            method(&hear(&mut stream).await),
            "notifications/prompts/list_changed"
        );
        drop(stream);
        silence(&gateway).await;
        gateway.finish().await;
    }
}

#[tokio::test]
async fn the_end_of_an_elicitation_reaches_the_host_that_was_asked() {
    let ask = r#"{"jsonrpc":"2.0","id":"e1","method":"elicitation/create","params":{"mode":"url","message":"go","url":"https://papers.example/login","elicitationId":"theirs"}}"#;
    let script = Script::legacy().tool("asks").on(
        "tools/call",
        "asks",
        [Step::Message(ask.to_owned()), Step::Stall],
    );
    let gateway = TestGateway::builder()
        .server("papers", script)
        .start()
        .await;
    let greeting = r#"{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{"form":{},"url":{}}},"clientInfo":{"name":"tester","version":"1"}}"#;
    let greeted = gateway
        .stranger(Speaks::Legacy, "/mcp/main", &[])
        .call("initialize", greeting)
        .await;
    let session = greeted.header("mcp-session-id").unwrap().to_owned();
    let host = gateway.stranger(Speaks::Legacy, "/mcp/main", &[("mcp-session-id", &session)]);
    let bystander = gateway.legacy().await;
    let mut stream = session_stream(&gateway, &host).await;
    let mut other = session_stream(&gateway, &bystander).await;
    let mut call = host
        .prepare("1", "tools/call", r#"{"name":"asks"}"#)
        .open()
        .await;
    let asked = hear(&mut call).await;
    assert_eq!(
        (method(&asked), &asked["params"]["elicitationId"]),
        ("elicitation/create", &json!("theirs"))
    );
    let answer = json!({ "jsonrpc": "2.0", "id": asked["id"], "result": { "action": "accept" } });
    let answered = host.http().body(answer.to_string()).send().await;
    assert_eq!(answered.status, 202);
    eventually("the answer", async || {
        let received = gateway.server("papers").received();
        received
            .iter()
            .any(|post| post.body.contains("accept") && post.body.contains("\"e1\""))
            .then_some(())
    })
    .await;
    let complete = |id: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{{"elicitationId":"{id}"}}}}"#
        )
    };
    gateway.server("papers").say(&complete("others")).await;
    gateway.server("papers").say(&complete("theirs")).await;
    assert_eq!(
        hear(&mut stream).await["params"],
        json!({ "elicitationId": "theirs" })
    );
    // Nobody else hears of it.
    gateway.server("papers").announce("tools").await;
    assert_eq!(
        method(&hear(&mut other).await),
        "notifications/tools/list_changed"
    );
    // A lost connection would not end the call.
    host.tell(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#)
        .await;
    drop((call, stream, other));
    silence(&gateway).await;
    gateway.finish().await;
}
