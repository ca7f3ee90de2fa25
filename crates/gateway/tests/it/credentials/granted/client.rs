//! Which client the gateway is at the authorization servers of servers.

use portcullis_testkit::{Speaks, TestGateway};
use serde_json::{Value, json};

use super::super::scene::{BASE, SECRET, kept, provider};
use super::granting;

async fn published(gateway: &TestGateway) -> (u16, String) {
    let reply = gateway.http("GET", "/connect/client.json").send().await;
    (reply.status, reply.body)
}

#[tokio::test]
async fn the_gateway_says_which_client_it_is_where_others_can_read_it() {
    let provider = provider().await;
    let secret = kept(SECRET);
    let gateway = granting(&provider, &secret, Speaks::Modern).start().await;
    let (status, body) = published(&gateway).await;
    assert_eq!(status, 200, "{body}");
    let document: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(document["client_id"], format!("{BASE}/connect/client.json"));
    let callback = format!("{BASE}/connect/callback");
    assert_eq!(document["redirect_uris"], json!([callback]));
    assert_eq!(document["token_endpoint_auth_method"], "none");
    gateway.finish().await;
    // An address that only this machine can read is no client id.
    for address in [
        "https://localhost",
        "https://127.0.0.1:8642",
        "http://[::1]:8642",
    ] {
        let gateway = granting(&provider, &secret, Speaks::Modern)
            .section("listen", &format!("public-url = \"{address}\""))
            .start()
            .await;
        assert_eq!(published(&gateway).await.0, 404, "{address}");
        gateway.finish().await;
    }
}
