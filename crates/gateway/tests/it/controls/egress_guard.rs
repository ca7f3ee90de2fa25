//! An address on this machine that somebody else named.

use http::Request;
use http_body_util::Full;
use portcullis_egress::{EgressError, Naming};
use portcullis_testkit::{Script, ScriptedServer, TestGateway};

/// Fetches from a server with the gateway's own client, as it does with what metadata names.
async fn fetch(gateway: &TestGateway, server: &ScriptedServer) -> Result<u16, EgressError> {
    let request = Request::get(server.url()).body(Full::default()).unwrap();
    let fetched = gateway
        .gateway()
        .egress()
        .open(request, Naming::Found)
        .await;
    fetched.map(|response| response.status().as_u16())
}

async fn server() -> ScriptedServer {
    ScriptedServer::start(Script::modern()).await
}

fn refusal(fetched: &Result<u16, EgressError>) -> Option<&'static str> {
    let rule = fetched.as_ref().err().and_then(EgressError::rule);
    rule.map(|rule| rule.as_str())
}

#[tokio::test]
async fn egress_guard_lets_an_allowed_address_through() {
    let server = server().await;
    let allowed = server.url();
    let allowed = allowed
        .trim_start_matches("http://")
        .trim_end_matches("/mcp");
    let gateway = TestGateway::builder()
        .section("outbound", &format!("allow = [{allowed:?}]"))
        .start()
        .await;
    fetch(&gateway, &server).await.unwrap();
    assert_eq!(server.received().len(), 1);
    gateway.finish().await;
}

#[tokio::test]
async fn egress_guard_stops_an_address_on_this_machine() {
    let server = server().await;
    let gateway = TestGateway::builder().start().await;
    let fetched = fetch(&gateway, &server).await;
    assert_eq!(refusal(&fetched), Some("address-loopback"), "{fetched:?}");
    assert_eq!(server.received().len(), 0);
    // What is allowed later counts from then on.
    gateway
        .reload("outbound", "allow = [\"127.0.0.0/8\"]")
        .await
        .unwrap();
    fetch(&gateway, &server).await.unwrap();
    gateway.finish().await;
}

#[tokio::test]
async fn without_egress_guard_an_address_on_this_machine_is_reached() {
    let server = server().await;
    let gateway = TestGateway::builder().without("egress-guard").start().await;
    fetch(&gateway, &server).await.unwrap();
    assert_eq!(server.received().len(), 1);
    gateway.finish().await;
}
