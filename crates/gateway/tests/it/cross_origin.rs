//! Scripts in web pages: which may ask what, and read the answer.

use portcullis_lab::identity_provider::{IdentityProvider, ProviderSettings};
use portcullis_testkit::{Reply, Script, TestGateway};

const NAMED: &str = "https://inspector.example";
const FOREIGN: &str = "https://evil.example";

async fn gateway(control_off: Option<&str>) -> TestGateway {
    let provider = IdentityProvider::start(ProviderSettings::default());
    let provider = provider.await.unwrap();
    let builder = TestGateway::builder()
        .server("papers", Script::legacy().tool("search"))
        .section("listen", &format!("allowed-origins = [{NAMED:?}]"))
        .section(
            "authn.issuers.idp",
            &format!("kind = \"oidc\"\nissuer = \"{}\"", provider.issuer()),
        );
    match control_off {
        Some(control) => builder.without(control).start().await,
        None => builder.start().await,
    }
}

async fn preflight(gateway: &TestGateway, path: &str, origin: &str) -> Reply {
    gateway
        .http("OPTIONS", path)
        .without("content-type")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type,mcp-protocol-version,mcp-param-region,x-other",
        )
        .send()
        .await
}

async fn greet(gateway: &TestGateway, origin: &str, key: &str) -> Reply {
    gateway
        .http("POST", "/mcp/main")
        .header("origin", origin)
        .header("authorization", key)
        .body(r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"page","version":"1"}}}"#)
        .send()
        .await
}

/// Nothing that lets a script of another origin read the answer.
#[track_caller]
fn is_closed(reply: &Reply) {
    for name in reply.headers.keys() {
        let name = name.as_str();
        assert!(!name.starts_with("access-control-"), "{name}");
    }
}

#[tokio::test]
async fn a_named_origin_may_ask_and_read() {
    let gateway = gateway(None).await;
    let asked = preflight(&gateway, "/mcp/main", NAMED).await;
    assert_eq!(asked.status, 204, "{}", asked.body);
    assert_eq!(asked.header("access-control-allow-origin"), Some(NAMED));
    let sent = asked.header("access-control-allow-headers").unwrap();
    let names: Vec<&str> = sent.split(", ").collect();
    for name in [
        "authorization",
        "content-type",
        "mcp-protocol-version",
        "mcp-session-id",
        "mcp-param-region",
    ] {
        assert!(names.contains(&name), "{name}: {sent}");
    }
    assert!(!names.contains(&"x-other"), "{sent}");
    let verbs = asked.header("access-control-allow-methods").unwrap();
    assert_eq!(verbs, "GET, POST, DELETE");

    // The browser's own credentials play no part.
    assert_eq!(asked.header("access-control-allow-credentials"), None);
    let read = "Mcp-Session-Id, WWW-Authenticate, DPoP-Nonce";
    let refused = greet(&gateway, NAMED, "Bearer x").await;
    assert_eq!(refused.status, 401, "{}", refused.body);
    assert!(refused.header("www-authenticate").is_some());
    let greeted = gateway
        .http("POST", "/mcp/main")
        .header("origin", NAMED)
        .body(r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"page","version":"1"}}}"#)
        .send()
        .await;
    assert_eq!(greeted.status, 200, "{}", greeted.body);
    assert!(greeted.header("mcp-session-id").is_some());
    for reply in [&refused, &greeted] {
        assert_eq!(reply.header("access-control-allow-origin"), Some(NAMED));
        assert_eq!(reply.header("access-control-expose-headers"), Some(read));
        assert_eq!(reply.header("vary"), Some("Origin"));
    }
    gateway.finish().await;
}

#[tokio::test]
async fn another_origin_may_not() {
    // A page of this machine may call, and is no reader by that.
    for (off, origin, status) in [
        (None, FOREIGN, 403),
        (None, "http://localhost:3000", 401),
        (Some("origin-check"), FOREIGN, 401),
    ] {
        let gateway = gateway(off).await;
        let reply = greet(&gateway, origin, "Bearer x").await;
        assert_eq!(reply.status, status, "{origin} without {off:?}");
        is_closed(&reply);
        let asked = preflight(&gateway, "/mcp/main", origin).await;
        assert_ne!(asked.status, 204, "{origin} without {off:?}");
        is_closed(&asked);
        gateway.finish().await;
    }
    let gateway = gateway(None).await;
    let two = gateway
        .http("POST", "/mcp/main")
        .header("origin", NAMED)
        .another("origin", FOREIGN);
    is_closed(&two.send().await);
    gateway.finish().await;
}

#[tokio::test]
async fn documents_are_for_every_origin_and_pages_for_none() {
    const DOCUMENT: &str = "/.well-known/oauth-protected-resource/mcp/main";
    let gateway = gateway(None).await;
    for origin in [FOREIGN, "null"] {
        let document = gateway.http("GET", DOCUMENT).header("origin", origin);
        let document = document.send().await;
        assert_eq!(document.status, 200, "{}", document.body);
        assert_eq!(document.header("access-control-allow-origin"), Some("*"));
        let asked = preflight(&gateway, DOCUMENT, origin).await;
        assert_eq!(asked.status, 204, "{}", asked.body);
        assert_eq!(asked.header("access-control-allow-origin"), Some("*"));
        // A name that was turned to this machine stays out.
        let rebound = gateway.http("GET", DOCUMENT).header("host", "evil.example");
        let rebound = rebound.header("origin", origin).send().await;
        assert_eq!(rebound.status, 403);
        is_closed(&rebound);
    }
    for (origin, refused) in [(FOREIGN, true), (NAMED, false)] {
        for path in ["/oauth/idp/authorize", "/oauth/idp/callback"] {
            let page = gateway.http("GET", path).header("origin", origin);
            let page = page.send().await;
            assert_eq!(page.status == 403, refused, "{path} from {origin}");
            is_closed(&page);
            is_closed(&preflight(&gateway, path, origin).await);
        }
    }
    gateway.finish().await;
}
