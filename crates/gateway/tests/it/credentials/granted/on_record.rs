//! What users see of a server before they have an account there.

use super::*;

const BOB: [(&str, &str); 1] = [("authorization", "Bearer the-key-of-bob")];

async fn started(provider: &IdentityProvider, secret: &super::super::scene::Kept) -> TestGateway {
    granting(provider, secret, Speaks::Modern)
        .key("bob", "the-key-of-bob", "")
        .policy(
            "permit (principal, action, resource);\n\
             forbid (principal == User::\"bob\", action, resource == Tool::\"papers/delete\");",
        )
        .start()
        .await
}

/// Offers these tools from now on.
fn offer(gateway: &TestGateway, tools: &[&str]) {
    let tools: Vec<String> = tools.iter().map(|&tool| tool.to_owned()).collect();
    gateway
        .server("papers")
        .change(|script| script.tools = tools);
}

const SEARCH: &str = r#"{"name":"search","description":"does it","inputSchema":{"type":"object"}}"#;
const DELETE: &str = r#"{"name":"delete","inputSchema":{"type":"object"}}"#;

#[tokio::test]
async fn what_others_have_there_is_listed_and_leads_to_the_sign_in() {
    let provider = provider().await;
    let secret = kept(SECRET);
    let gateway = started(&provider, &secret).await;
    offer(&gateway, &[SEARCH, DELETE]);
    let mut bob = gateway.stranger(Speaks::Modern, "/mcp/main", &BOB);
    bob.declare(PAGES);
    // Nobody has been there: nothing is known.
    assert!(bob.list("tools/list").await.is_empty());

    let local = gateway.able(Speaks::Modern, PAGES).await;
    let address = page(Speaks::Modern, &search(&local).await);
    Browser::default().connect(&gateway, &address).await;
    assert_eq!(local.list("tools/list").await, ["search", "delete"]);

    // Policies say what of it is for whom.
    assert_eq!(bob.list("tools/list").await, ["search"]);
    let closed = gateway.entry("tools/list").await.closed.unwrap();
    assert_eq!(closed.reason.as_deref(), Some("sign-in-needed"));
    let shown = bob.call("tools/list", "{}").await.result();
    assert_eq!(shown["tools"][0]["description"], "does it");
    page(Speaks::Modern, &search(&bob).await);
    assert_eq!(bob.tool("delete", "{}").await.reason(), "target-unknown");

    // What the server says otherwise by now waits for a review, and is not shown meanwhile.
    let changed = SEARCH.replace("does it", "does another thing");
    offer(&gateway, &[&changed, DELETE]);
    assert_eq!(local.list("tools/list").await, ["delete"]);
    assert!(bob.list("tools/list").await.is_empty());
    gateway
        .decide("papers", "tool", "search", State::Approved)
        .await;
    eventually("the decision is known", async || {
        let shown = bob.call("tools/list", "{}").await.result();
        (shown["tools"][0]["description"] == "does another thing").then_some(())
    })
    .await;
    finish(gateway, &["the-key-of-bob", SECRET]).await;
}

#[tokio::test]
async fn without_pins_nothing_is_on_record() {
    let provider = provider().await;
    let secret = kept(SECRET);
    let gateway = started(&provider, &secret).await;
    let local = gateway.able(Speaks::Modern, PAGES).await;
    let address = page(Speaks::Modern, &search(&local).await);
    Browser::default().connect(&gateway, &address).await;
    assert_eq!(local.list("tools/list").await, ["search"]);
    let bob = gateway.stranger(Speaks::Modern, "/mcp/main", &BOB);
    assert_eq!(bob.list("tools/list").await, ["search"]);
    let off = gateway.reload("controls", "definition-pins = false");
    off.await.unwrap();
    assert!(bob.list("tools/list").await.is_empty());
    finish(gateway, &["the-key-of-bob", SECRET]).await;
}
