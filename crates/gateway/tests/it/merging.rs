//! Profiles: merged lists, names, pages, patterns and owners.

use portcullis_testkit::{Script, Speaks, TestGateway};

fn offering(speaks: Speaks, names: &[&str]) -> Script {
    names.iter().fold(Script::of(speaks), |script, name| {
        script.tool(name).prompt(name)
    })
}

#[tokio::test]
async fn two_servers_merge_under_their_names_in_a_stable_order() {
    let gateway = TestGateway::builder()
        .server(
            "zeta",
            offering(Speaks::Legacy, &["b", "a"]).resource("note://z"),
        )
        .server(
            "alpha",
            offering(Speaks::Modern, &["a"])
                .resource("note://a")
                .resource("note://z"),
        )
        .start()
        .await;
    for caller in [gateway.legacy().await, gateway.modern().await] {
        for _ in 0..3 {
            assert_eq!(
                caller.list("tools/list").await,
                ["zeta__b", "zeta__a", "alpha__a"]
            );
            assert_eq!(
                caller.list("prompts/list").await,
                ["zeta__b", "zeta__a", "alpha__a"]
            );
            assert_eq!(
                caller.list("resources/list").await,
                ["note://z", "note://a"]
            );
        }
        caller.tool("alpha__a", "{}").await.result();
        assert_eq!(gateway.server("alpha").last("tools/call").name(), "a");
        assert_eq!(gateway.server("zeta").calls("tools/call").len(), 0);
        for name in [
            "a",
            "alpha__b",
            "alpha__",
            "__a",
            "beta__a",
            "zeta__alpha__a",
            "ALPHA__a",
        ] {
            assert_eq!(
                caller.tool(name, "{}").await.reason(),
                "target-unknown",
                "{name}"
            );
        }
    }
    gateway.finish().await;
}

#[tokio::test]
async fn many_items_come_in_pages_each_of_them_once() {
    let names: Vec<String> = (0..610).map(|number| format!("tool-{number:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut first = offering(Speaks::Legacy, &names[..300]);
    first.page = 7;
    let gateway = TestGateway::builder()
        .server("one", first)
        .server("two", offering(Speaks::Modern, &names[300..]))
        .start()
        .await;
    let expected: Vec<String> = names
        .iter()
        .enumerate()
        .map(|(at, name)| format!("{}__{name}", if at < 300 { "one" } else { "two" }))
        .collect();
    for caller in [gateway.legacy().await, gateway.modern().await] {
        let asked = || gateway.server("one").calls("tools/list").len();
        let before = asked();
        assert_eq!(caller.list("tools/list").await, expected);
        // The first of our pages reads all 43 of the server's, the others read on in what it got.
        assert_eq!(asked() - before, 43);
        let page = caller.call("tools/list", "{}").await.result();
        assert_eq!(page["tools"].as_array().unwrap().len(), 250);
        // A cursor of one list is none of another.
        let cursor = serde_json::json!({"cursor": page["nextCursor"]}).to_string();
        assert_eq!(
            caller.call("prompts/list", &cursor).await.reason(),
            "invalid-params"
        );
    }
    gateway.finish().await;
}

#[tokio::test]
async fn patterns_choose_what_a_profile_has() {
    let gateway = TestGateway::builder()
        .server("one", offering(Speaks::Legacy, &["get_a", "get_b", "set_a"]).resource("note://x/1").resource("note://y/1"))
        .server("two", offering(Speaks::Legacy, &["get_a"]))
        .section("profiles.main", "servers = [\"one\", \"two\"]\ntools.one = [\"get_*\"]\nprompts.two = []\nresources.one = [\"note://x/*\"]")
        .start()
        .await;
    let caller = gateway.modern().await;
    assert_eq!(
        caller.list("tools/list").await,
        ["one__get_a", "one__get_b", "two__get_a"]
    );
    assert_eq!(
        caller.list("prompts/list").await,
        ["one__get_a", "one__get_b", "one__set_a"]
    );
    assert_eq!(caller.list("resources/list").await, ["note://x/1"]);
    assert_eq!(
        caller.tool("one__set_a", "{}").await.reason(),
        "target-unknown"
    );
    assert_eq!(
        caller
            .call("resources/read", r#"{"uri":"note://y/1"}"#)
            .await
            .reason(),
        "target-unknown"
    );
    gateway.finish().await;
}

#[tokio::test]
async fn one_server_that_is_down_leaves_the_others() {
    let gateway = TestGateway::builder()
        .server("one", offering(Speaks::Legacy, &["a"]))
        .server("two", offering(Speaks::Legacy, &["a"]))
        .start()
        .await;
    gateway.server("one").set_down(true);
    let caller = gateway.legacy().await;
    assert_eq!(caller.list("tools/list").await, ["two__a"]);
    assert_eq!(caller.tool("two__a", "{}").await.reason(), "");
    assert_eq!(
        caller.tool("one__a", "{}").await.reason(),
        "upstream-unavailable"
    );
    gateway.server("one").set_down(false);
    gateway.finish().await;
}

#[tokio::test]
async fn one_server_alone_is_transparent() {
    let odd = "{ \"name\" : \"odd\",\n \"description\":\"caf\\u00e9\", \"inputSchema\":{\"type\":\"object\",\"properties\":{\"z\":{\"maximum\":1e400},\"a\":{\"default\":1.0}}}, \"x-vendor\" : [ ] }";
    let script = Script::legacy()
        .tool_json(odd)
        .tool("plain")
        .prompt("p")
        .resource("note://r")
        .template("made://{id}");
    let gateway = TestGateway::builder()
        .server("papers", script.clone())
        .without("receipts")
        .start()
        .await;
    let caller = gateway.legacy().await;
    for (method, member, items) in [
        ("tools/list", "tools", &script.tools),
        ("prompts/list", "prompts", &script.prompts),
        ("resources/list", "resources", &script.resources),
        (
            "resources/templates/list",
            "resourceTemplates",
            &script.templates,
        ),
    ] {
        assert_eq!(
            caller.call(method, "{}").await.raw_result(),
            format!("{{\"{member}\":[{}]}}", items.join(","))
        );
    }
    gateway.finish().await;
}

#[tokio::test]
async fn resources_and_templates_go_to_their_owner() {
    let gateway = TestGateway::builder()
        .server(
            "one",
            Script::legacy()
                .resource("note://shared")
                .template("one://{id}"),
        )
        .server(
            "two",
            Script::modern()
                .resource("note://shared")
                .resource("note://two")
                .template("two://{+path}"),
        )
        .start()
        .await;
    let caller = gateway.modern().await;
    for (uri, owner) in [
        ("note://shared", "one"),
        ("note://two", "two"),
        ("one://7", "one"),
        ("two://a/b", "two"),
    ] {
        let result = caller
            .call("resources/read", &format!(r#"{{"uri":"{uri}"}}"#))
            .await
            .result();
        assert_eq!(result["contents"][0]["uri"], uri);
        assert_eq!(gateway.server(owner).last("resources/read").name(), uri);
        assert_eq!(
            gateway
                .entry("resources/read")
                .await
                .opened
                .server
                .as_deref(),
            Some(owner)
        );
    }
    for uri in ["note://none", "one://a/b", "two://a/../b", "one://"] {
        let reply = caller
            .call("resources/read", &format!(r#"{{"uri":"{uri}"}}"#))
            .await;
        assert_eq!(
            (
                reply.reason().as_str(),
                reply.json()["error"]["code"].as_i64()
            ),
            ("target-unknown", Some(-32602)),
            "{uri}"
        );
        let reply = gateway
            .legacy()
            .await
            .call("resources/read", &format!(r#"{{"uri":"{uri}"}}"#))
            .await;
        assert_eq!(reply.json()["error"]["code"], -32002, "{uri}");
    }
    assert_eq!(
        caller.list("resources/templates/list").await,
        ["one://{id}", "two://{+path}"]
    );
    gateway.finish().await;
}

#[tokio::test]
async fn prompts_and_completions_go_to_their_owner() {
    let gateway = TestGateway::builder()
        .server("one", Script::legacy().prompt("ask"))
        .server(
            "two",
            Script::modern().prompt("ask").template("made://{id}"),
        )
        .start()
        .await;
    let caller = gateway.legacy().await;
    caller
        .call(
            "prompts/get",
            r#"{"name":"two__ask","arguments":{"topic":"x"}}"#,
        )
        .await
        .result();
    let got = gateway.server("two").last("prompts/get");
    assert_eq!(
        (got.name().as_str(), got.param("arguments").as_deref()),
        ("ask", Some(r#"{"topic":"x"}"#))
    );
    let completion = r#"{"ref":{"type":"ref/prompt","name":"one__ask"},"argument":{"name":"topic","value":"o"}}"#;
    let result = caller
        .call("completion/complete", completion)
        .await
        .result();
    assert_eq!(
        result["completion"]["values"],
        serde_json::json!(["one", "two"])
    );
    assert_eq!(
        gateway
            .server("one")
            .last("completion/complete")
            .param("ref")
            .unwrap(),
        r#"{"type":"ref/prompt","name":"ask"}"#
    );
    let completion = r#"{"ref":{"type":"ref/resource","uri":"made://{id}"},"argument":{"name":"id","value":""}}"#;
    caller
        .call("completion/complete", completion)
        .await
        .result();
    assert_eq!(gateway.server("two").calls("completion/complete").len(), 1);
    gateway.finish().await;
}

#[tokio::test]
async fn the_greeting_says_what_the_servers_offer_together() {
    let gateway = TestGateway::builder()
        .server("one", Script::legacy().tool("t").instructions("Be quick."))
        .server("two", Script::modern().prompt("p"))
        .start()
        .await;
    let discovered = gateway
        .modern()
        .await
        .call("server/discover", "{}")
        .await
        .result();
    assert_eq!(
        discovered["supportedVersions"],
        serde_json::json!(["2026-07-28"])
    );
    assert_eq!(
        discovered["capabilities"],
        serde_json::json!({"tools":{"listChanged":true},"prompts":{"listChanged":true},"completions":{},"logging":{}})
    );
    assert_eq!(discovered["cacheScope"], "private");
    assert_eq!(
        discovered["_meta"]["io.modelcontextprotocol/serverInfo"]["name"],
        "portcullis"
    );
    assert!(
        discovered["instructions"]
            .as_str()
            .unwrap()
            .contains("Be quick.")
    );
    gateway.finish().await;
}

#[tokio::test]
async fn what_is_shown_may_only_be_cached_for_the_caller() {
    let gateway = TestGateway::builder()
        .server("papers", Script::modern().tool("t").resource("note://r"))
        .start()
        .await;
    let caller = gateway.modern().await;
    for (method, params) in [
        ("tools/list", "{}"),
        ("resources/read", r#"{"uri":"note://r"}"#),
    ] {
        let result = caller.call(method, params).await.result();
        assert_eq!(
            (&result["cacheScope"], &result["resultType"]),
            (&"private".into(), &"complete".into()),
            "{method}"
        );
        assert!(result["ttlMs"].is_u64(), "{method}");
    }
    let legacy = gateway
        .legacy()
        .await
        .call("resources/read", r#"{"uri":"note://r"}"#)
        .await
        .result();
    assert_eq!(
        (
            legacy.get("cacheScope"),
            legacy.get("resultType"),
            legacy.get("ttlMs")
        ),
        (None, None, None)
    );
    gateway.finish().await;
}
