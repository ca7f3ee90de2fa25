use std::sync::Arc;

use portcullis_testkit::{Script, TestGateway};

use crate::failing_store::FailingStore;

async fn gateway(off: Option<&str>) -> (TestGateway, Arc<FailingStore>) {
    let (wrap, store) = FailingStore::wrapper();
    let builder = TestGateway::builder()
        .server("papers", Script::legacy().tool("search"))
        .audit(wrap);
    let gateway = match off {
        Some(control) => builder.without(control).start().await,
        None => builder.start().await,
    };
    (gateway, store.get().unwrap().clone())
}

#[tokio::test]
async fn audit_lets_a_call_through_that_it_can_record() {
    let (gateway, _) = gateway(None).await;
    assert_eq!(
        gateway.modern().await.tool("search", "{}").await.reason(),
        ""
    );
    let entries = gateway.entries().await;
    assert_eq!(
        entries
            .iter()
            .filter(|entry| entry.opened.method == "tools/call")
            .count(),
        1
    );
    gateway.finish().await;
}

#[tokio::test]
async fn audit_stops_a_call_that_it_cannot_record() {
    let (gateway, store) = gateway(None).await;
    store.fail(true);
    let reply = gateway.modern().await.tool("search", "{}").await;
    assert_eq!(
        (reply.status, reply.reason().as_str()),
        (503, "audit-unavailable")
    );
    assert_eq!(gateway.server("papers").calls("tools/call").len(), 0);
    store.fail(false);
    gateway.finish().await;
}

#[tokio::test]
async fn without_audit_the_call_passes_and_nothing_is_on_record() {
    let (gateway, store) = gateway(Some("audit")).await;
    store.fail(true);
    assert_eq!(
        gateway.modern().await.tool("search", "{}").await.reason(),
        ""
    );
    store.fail(false);
    assert_eq!(gateway.entries().await.len(), 0);
    gateway.finish().await;
}
