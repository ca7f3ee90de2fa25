use portcullis_store::State;
use portcullis_testkit::{Caller, Script, TestGateway, eventually};

const FORBID: &str = r#"
permit (principal, action, resource);
@id("no-delete") forbid (principal, action == Action::"tools/call", resource == Tool::"papers/delete");
"#;

async fn gateway(mode: &str, policy: &str, off: Option<&str>) -> TestGateway {
    let builder = TestGateway::builder()
        .server("papers", Script::legacy().tool("search").tool("delete"))
        .section("registry", &format!("mode = \"{mode}\""))
        .policy(policy);
    match off {
        Some(control) => builder.without(control).start().await,
        None => builder.start().await,
    }
}

async fn outcome(caller: &Caller<'_>, tool: &str) -> (Vec<String>, String) {
    let listed = caller.list("tools/list").await;
    (listed, caller.tool(tool, "{}").await.reason())
}

#[tokio::test]
async fn definition_pins_let_an_approved_definition_through() {
    let gateway = gateway("review", FORBID, None).await;
    let caller = gateway.modern().await;
    assert_eq!(caller.list("tools/list").await, Vec::<String>::new());
    gateway
        .decide("papers", "tool", "search", State::Approved)
        .await;
    eventually("the approval is seen", async || {
        (caller.list("tools/list").await == ["search"]).then_some(())
    })
    .await;
    assert_eq!(caller.tool("search", "{}").await.reason(), "");
    gateway.finish().await;
}

#[tokio::test]
async fn definition_pins_stop_what_nobody_approved() {
    let gateway = gateway("review", FORBID, None).await;
    let caller = gateway.modern().await;
    assert_eq!(
        outcome(&caller, "search").await,
        (Vec::new(), "target-unknown".to_owned())
    );
    assert_eq!(
        gateway
            .entry("tools/call")
            .await
            .closed
            .unwrap()
            .reason
            .as_deref(),
        Some("definition-held")
    );
    assert_eq!(gateway.server("papers").calls("tools/call").len(), 0);
    gateway.finish().await;
}

#[tokio::test]
async fn without_definition_pins_everything_is_shown_and_callable() {
    let gateway = gateway("review", FORBID, Some("definition-pins")).await;
    let caller = gateway.modern().await;
    assert_eq!(
        outcome(&caller, "search").await,
        (vec!["search".to_owned()], String::new())
    );
    gateway.finish().await;
}

#[tokio::test]
async fn authorization_lets_a_permitted_call_through() {
    let gateway = gateway("trust-on-first-use", FORBID, None).await;
    let caller = gateway.modern().await;
    assert_eq!(
        outcome(&caller, "search").await,
        (vec!["search".to_owned()], String::new())
    );
    assert_eq!(
        gateway.entry("tools/call").await.closed.unwrap().decision,
        "permit"
    );
    gateway.finish().await;
}

#[tokio::test]
async fn authorization_stops_a_forbidden_call() {
    let gateway = gateway("trust-on-first-use", FORBID, None).await;
    let caller = gateway.modern().await;
    assert_eq!(
        outcome(&caller, "delete").await,
        (vec!["search".to_owned()], "target-unknown".to_owned())
    );
    let closed = gateway.entry("tools/call").await.closed.unwrap();
    assert_eq!(
        (closed.decision.as_str(), closed.reason.as_deref()),
        ("deny", Some("policy-denied"))
    );
    assert_eq!(closed.policies, ["no-delete"]);
    assert_eq!(gateway.server("papers").calls("tools/call").len(), 0);
    gateway.finish().await;
}

#[tokio::test]
async fn without_authorization_a_forbidden_call_passes() {
    let gateway = gateway("trust-on-first-use", FORBID, Some("authorization")).await;
    let caller = gateway.modern().await;
    assert_eq!(
        outcome(&caller, "delete").await,
        (
            vec!["search".to_owned(), "delete".to_owned()],
            String::new()
        )
    );
    gateway.finish().await;
}
