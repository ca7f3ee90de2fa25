//! What a server says no to, and what follows.

use portcullis_testkit::{Script, Speaks, TestGateway};

/// A laptop without any server that gets a token has no vault and no key to look after.
#[tokio::test]
async fn nothing_is_opened_that_nobody_needs() {
    let gateway = TestGateway::builder()
        .server("papers", Script::modern().tool("search"))
        .start()
        .await;
    let caller = gateway.caller(Speaks::Modern, "/mcp/main", &[]).await;
    caller.tool("search", "{}").await.result();
    assert!(!gateway.folder().join("vault.key").exists());
    gateway.finish().await;
}
