use http::{Method, Request};
use portcullis_front::{Front, FrontError};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::world::{BASE, ISSUER, RESOURCE, World, facts};

async fn document(world: &World, path: &str) -> Option<Value> {
    let page = Browser::default()
        .get(&world.front, &format!("{BASE}{path}"))
        .await;
    (page.status == 200).then(|| {
        assert_eq!(page.header("content-type"), "application/json");
        assert_eq!(page.header("access-control-allow-origin"), "*");
        page.json()
    })
}

#[tokio::test]
async fn a_resource_says_where_to_sign_in() {
    let world = World::new().await;
    let expected = json!({
        "resource": RESOURCE,
        "authorization_servers": [ISSUER],
        "scopes_supported": ["tools.read"],
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": ["ES256", "ES384", "EdDSA", "PS256", "RS256"],
        "resource_name": "Papers & notes",
    });
    const PRM: &str = "/.well-known/oauth-protected-resource";
    for path in [
        format!("{PRM}/mcp/research"),
        format!("{PRM}/mcp/research/"),
        PRM.to_owned(),
    ] {
        let mut found = document(&world, &path).await.unwrap();
        let algorithms = found["dpop_signing_alg_values_supported"].as_array_mut();
        algorithms.unwrap().sort_by_key(Value::to_string);
        assert_eq!(found, expected, "{path}");
    }
    for path in ["/mcp", "/mcp/other", "/mcp/research/x", "/MCP/research"] {
        assert_eq!(
            document(&world, &format!("{PRM}{path}")).await,
            None,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_front_door_has_what_clients_insist_on() {
    let world = World::new().await;
    let oauth = document(
        &world,
        "/.well-known/oauth-authorization-server/oauth/entra",
    )
    .await;
    let oauth = oauth.unwrap();
    assert_eq!(
        oauth,
        json!({
            "issuer": ISSUER,
            "authorization_endpoint": format!("{ISSUER}/authorize"),
            "token_endpoint": format!("{ISSUER}/token"),
            "scopes_supported": ["offline_access", "tools.call", "tools.read"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_methods_supported": ["none"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
            "client_id_metadata_document_supported": true,
            "protected_resources": [RESOURCE],
        })
    );
    for path in [
        "/.well-known/openid-configuration/oauth/entra",
        "/oauth/entra/.well-known/openid-configuration",
    ] {
        let openid = document(&world, path).await.unwrap();
        assert_eq!(openid["issuer"], ISSUER);
        assert_eq!(openid["subject_types_supported"], json!(["public"]));
    }
    let keys = document(&world, "/oauth/entra/jwks").await.unwrap();
    assert_eq!(keys, json!({"keys": []}));
    assert_eq!(
        document(&world, "/oauth/other/.well-known/openid-configuration").await,
        None
    );
    assert_eq!(document(&world, "/oauth/entra/register").await, None);
}

#[tokio::test]
async fn the_host_of_a_request_changes_nothing() {
    let world = World::new().await;
    for path in [
        "/.well-known/oauth-protected-resource/mcp/research",
        "/.well-known/oauth-authorization-server/oauth/entra",
    ] {
        let honest = document(&world, path).await.unwrap();
        let mut browser = Browser {
            headers: vec![
                ("host", "evil.example".to_owned()),
                ("x-forwarded-host", "evil.example".to_owned()),
                ("forwarded", "host=evil.example".to_owned()),
            ],
            ..Browser::default()
        };
        let page = browser
            .get(&world.front, &format!("http://evil.example{path}"))
            .await;
        assert_eq!(page.json(), honest);
        let asks = browser.authorize(&world.front, &[]).await;
        assert!(!asks.body.contains("evil.example"), "{}", asks.body);
    }
}

#[tokio::test]
async fn a_front_door_without_a_way_to_its_issuer_does_not_open() {
    let mut world = World::new().await;
    world.context.upstreams.clear();
    let refused = Front::new(&world.config, BASE, world.context.clone()).err();
    assert_eq!(refused, Some(FrontError::Issuer("entra".to_owned())));
    let refused = Front::new(&world.config, "gw.example", world.context.clone()).err();
    assert_eq!(refused, Some(FrontError::BaseUrl));
}

#[tokio::test]
async fn verbs_that_have_no_meaning_are_refused() {
    let world = World::new().await;
    for (method, path, expected) in [
        (Method::POST, "/oauth/entra/authorize", 405),
        (Method::GET, "/oauth/entra/consent", 405),
        (Method::GET, "/oauth/entra/token", 405),
        (Method::DELETE, "/connect/x", 405),
        (Method::POST, "/connect/callback", 405),
        (Method::POST, "/oauth/entra/callback", 405),
        (Method::OPTIONS, "/oauth/entra/token", 204),
        (Method::OPTIONS, "/oauth/entra/jwks", 204),
        (Method::OPTIONS, "/oauth/entra/authorize", 405),
        (Method::OPTIONS, "/connect/x", 405),
        (Method::POST, "/oauth/entra/register", 404),
        (Method::GET, "/oauth/other/authorize", 404),
    ] {
        let request = Request::builder()
            .method(&method)
            .uri(format!("{BASE}{path}"));
        let request = request.body(bytes::Bytes::new()).unwrap();
        let answer = world.front.respond(request, &facts(None)).await;
        assert_eq!(answer.status(), expected, "{method} {path}");
    }
    assert!(!world.front.owns("/mcp/research"));
}

/// What scripts of other origins may do at a path.
async fn check_cors(world: &World, method: Method, path: &str, readable: bool) {
    let request = Request::builder()
        .method(&method)
        .uri(format!("{BASE}{path}"))
        .header("origin", "https://inspector.example");
    let request = request.body(bytes::Bytes::new()).unwrap();
    let answer = world.front.respond(request, &facts(None)).await;
    let header = |name: &str| {
        answer
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap())
    };
    let allowed = header("access-control-allow-origin");
    assert_eq!(allowed, readable.then_some("*"), "{method} {path}");
    // A cookie of the browser must not go along, so that it cannot play a part.
    assert_eq!(header("access-control-allow-credentials"), None);
    let verbs = header("access-control-allow-methods");
    let is_preflight = readable && method == Method::OPTIONS;
    assert_eq!(verbs.is_some(), is_preflight, "{method} {path}");
    assert_eq!(world.front.is_public(path), readable, "{path}");
}

#[tokio::test]
async fn scripts_of_any_origin_read_documents_and_endpoints_and_no_page() {
    let world = World::new().await;
    for path in [
        "/.well-known/oauth-protected-resource/mcp/research",
        "/.well-known/oauth-protected-resource/mcp/other",
        "/.well-known/oauth-authorization-server/oauth/entra",
        "/.well-known/oauth-authorization-server/oauth/other",
        "/.well-known/openid-configuration/oauth/entra",
        "/oauth/entra/jwks",
        "/oauth/entra/token",
        "/oauth/entra/register",
    ] {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            check_cors(&world, method, path, true).await;
        }
    }
    for path in [
        "/oauth/entra/authorize",
        "/oauth/entra/consent",
        "/oauth/entra/callback",
        "/connect/abc",
        "/connect/callback",
    ] {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            check_cors(&world, method, path, false).await;
        }
    }
}
