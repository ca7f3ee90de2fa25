//! Reload: a good configuration takes over, a bad one changes nothing.

use portcullis_testkit::{Script, Step, TestGateway, eventually};

async fn gateway() -> TestGateway {
    let script = Script::legacy().tool("a").tool("b").on(
        "tools/call",
        "b",
        [
            Step::Notify(
                "notifications/progress".to_owned(),
                r#"{"progressToken":$TOKEN,"progress":1}"#.to_owned(),
            ),
            Step::Stall,
        ],
    );
    TestGateway::builder()
        .server("papers", script)
        .start()
        .await
}

#[tokio::test]
async fn a_new_configuration_takes_over() {
    let gateway = gateway().await;
    let caller = gateway.modern().await;
    assert_eq!(caller.list("tools/list").await, ["a", "b"]);
    gateway
        .reload(
            "profiles.main",
            "servers = [\"papers\"]\ntools.papers = [\"b\"]",
        )
        .await
        .unwrap();
    assert_eq!(caller.list("tools/list").await, ["b"]);
    assert_eq!(caller.tool("a", "{}").await.reason(), "target-unknown");
    gateway
        .reload(
            "profiles.main",
            "servers = [\"papers\"]\npath = \"/elsewhere\"",
        )
        .await
        .unwrap();
    assert_eq!(
        caller.call("tools/list", "{}").await.reason(),
        "profile-unknown"
    );
    gateway.finish().await;
}

#[tokio::test]
async fn a_bad_configuration_changes_nothing() {
    let gateway = gateway().await;
    let caller = gateway.modern().await;
    let before = gateway.gateway().config();
    for (section, body) in [
        ("profiles.main", "servers = [\"nobody\"]"),
        ("listen", "adress = 1"),
        ("limits", "max-depth = \"deep\""),
    ] {
        let problems = gateway.reload(section, body).await.unwrap_err().problems();
        assert!(!problems.is_empty());
        assert_eq!(gateway.gateway().config(), before);
        assert_eq!(caller.list("tools/list").await, ["a", "b"]);
    }
    gateway.finish().await;
}

#[tokio::test]
async fn a_bad_policy_changes_nothing() {
    let gateway = gateway().await;
    let caller = gateway.modern().await;
    let error = gateway
        .reload_policies("permit (principal, action == Action::\"fly\", resource);")
        .await
        .unwrap_err();
    assert!(error.problems()[0].contains("test.cedar"), "{error:?}");
    assert_eq!(caller.list("tools/list").await, ["a", "b"]);
    gateway.reload_policies("").await.unwrap();
    assert_eq!(
        caller.call("tools/list", "{}").await.reason(),
        "profile-unknown"
    );
    gateway.finish().await;
}

#[tokio::test]
async fn a_server_that_is_configured_anew_is_connected_anew() {
    let gateway = gateway().await;
    let caller = gateway.modern().await;
    caller.tool("a", "{}").await.result();
    let url = gateway.server("papers").url();
    gateway
        .reload(
            "servers.papers",
            &format!("url = \"{url}\"\nplain-headers = {{ X-New = \"1\" }}"),
        )
        .await
        .unwrap();
    caller.tool("a", "{}").await.result();
    let server = gateway.server("papers");
    assert_eq!(server.calls("initialize").len(), 2);
    assert_eq!(server.last("tools/call").header("x-new"), Some("1"));
    // The old session was ended.
    eventually("the old session ends", async || {
        server
            .received()
            .iter()
            .any(|request| request.verb == "DELETE")
            .then_some(())
    })
    .await;
    gateway.finish().await;
}

#[tokio::test]
async fn a_call_under_way_keeps_the_configuration_it_started_with() {
    let gateway = gateway().await;
    let caller = gateway.modern().await;
    let calling = caller.call("tools/call", r#"{"name":"b","_meta":{"progressToken":1}}"#);
    tokio::select! {
        reply = calling => panic!("answered: {reply:?}"),
        () = async {
            gateway.server("papers").arrived("tools/call", 1).await;
            gateway.reload_policies("").await.unwrap();
            assert_eq!(caller.tool("a", "{}").await.reason(), "profile-unknown");
        } => {}
    }
    let entries = gateway.entries().await;
    let call = entries
        .iter()
        .find(|entry| entry.opened.target.as_deref() == Some("b"))
        .unwrap();
    assert_eq!(call.opened.server.as_deref(), Some("papers"));
    gateway.finish().await;
}
