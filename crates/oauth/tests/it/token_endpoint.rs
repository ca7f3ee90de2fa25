//! What is sent to a token endpoint, and what becomes of bad answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use portcullis_egress::Naming;
use portcullis_oauth::{
    ACCESS_TOKEN, Asked, AssertionRequest, AuthMethod, BackChannel, ClientAuth, ClientIdentity,
    ClientMetadata, Exchange, Growth, ID_JAG, ID_TOKEN, JWT, Nonces, NotAsked, ProofKey, Resource,
    RevocationError, Scopes, TokenClient, TokenError, TokenHint, TokenType, Typed, register,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use url::Url;

use crate::fake::{Fake, Reply};
use crate::world::{TestClock, guarded_client};

const NOW: u64 = TestClock::START;

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

fn channel(fake: &Fake) -> BackChannel {
    let identity =
        ClientIdentity::new("gw", ClientAuth::SecretPost(secret("canary-client-secret"))).unwrap();
    BackChannel::without_metadata(
        guarded_client(),
        &fake.origin(),
        Arc::new(identity),
        Naming::Configured,
    )
}

fn client(fake: &Fake) -> TokenClient {
    TokenClient::new(channel(fake), fake.url("/token"))
}

/// The fields of the only request, without those of client authentication.
fn sent(fake: &Fake) -> BTreeMap<String, String> {
    let seen = fake.seen();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].method, http::Method::POST);
    assert_eq!(
        seen[0].headers["content-type"],
        "application/x-www-form-urlencoded"
    );
    let mut fields: BTreeMap<String, String> = url::form_urlencoded::parse(seen[0].body.as_bytes())
        .into_owned()
        .collect();
    assert_eq!(fields.remove("client_id").unwrap(), "gw");
    assert_eq!(
        fields.remove("client_secret").unwrap(),
        "canary-client-secret"
    );
    fields
}

fn fields(expected: Value) -> BTreeMap<String, String> {
    serde_json::from_value(expected).unwrap()
}

async fn refresh(client: &TokenClient) -> Result<portcullis_oauth::Tokens, TokenError> {
    let scopes = Scopes::parse("a b").unwrap();
    let asked = Asked {
        resource: None,
        scopes: &scopes,
    };
    client
        .refresh(&secret("canary-refresh-token"), asked, NOW)
        .await
}

#[tokio::test]
async fn acts_for_a_person_at_entra() {
    let fake = Fake::start().await;
    fake.answer(
        "/token",
        Reply::json(json!({
            "token_type": "Bearer", "access_token": "downstream", "expires_in": 3269, "ext_expires_in": 0,
            "scope": "api://down/Tools.Read api://down/Tools.Write",
        })),
    );
    let scopes = Scopes::parse("api://down/tools.read offline_access").unwrap();
    let entra = client(&fake).growth(Growth::SameResource);
    let tokens = entra
        .on_behalf_of(&secret("users-token"), &scopes, NOW)
        .await
        .unwrap();
    assert_eq!(tokens.access.expose_secret(), "downstream");
    assert_eq!(
        sent(&fake),
        fields(json!({
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "users-token",
            "requested_token_use": "on_behalf_of", "scope": "api://down/tools.read offline_access",
        }))
    );
    // Elsewhere the same answer is more than was asked for.
    let error = client(&fake)
        .on_behalf_of(&secret("t"), &scopes, NOW)
        .await
        .unwrap_err();
    assert!(matches!(error, TokenError::ScopeWidened), "{error:?}");
    for several in ["api://down/a api://other/b", "openid", ""] {
        let scopes = Scopes::parse(several).unwrap();
        let error = entra
            .on_behalf_of(&secret("t"), &scopes, NOW)
            .await
            .unwrap_err();
        assert!(
            matches!(error, TokenError::NotAsked(NotAsked::SeveralResources)),
            "{several} {error:?}"
        );
    }
    assert_eq!(fake.seen().len(), 2);
}

#[tokio::test]
async fn relays_the_claims_of_conditional_access() {
    let fake = Fake::start().await;
    let claims = r#"{"access_token":{"polids":{"essential":true,"values":["9ab03e19"]}}}"#;
    let refusal = json!({
        "error": "interaction_required", "error_description": "AADSTS50079: enrol in multi-factor",
        "error_codes": [50079], "claims": claims,
    });
    let reply = Reply::status(400).body(refusal);
    fake.answer("/token", reply);
    let scopes = Scopes::parse("api://down/.default").unwrap();
    let error = client(&fake)
        .on_behalf_of(&secret("t"), &scopes, NOW)
        .await
        .unwrap_err();
    let TokenError::InteractionRequired(challenge) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(challenge.json(), claims);
    assert_eq!(challenge.numbers, [50079]);
    assert!(!error.is_temporary());
}

#[tokio::test]
async fn exchanges_a_token() {
    let fake = Fake::start().await;
    fake.answer(
        "/token",
        Reply::json(json!({
            "access_token": "new", "issued_token_type": ACCESS_TOKEN, "token_type": "Bearer",
            "expires_in": 60, "scope": "read",
        })),
    );
    let (subject, actor) = (secret("subject"), secret("actor"));
    let resource = Resource::parse("https://mcp.example/x").unwrap();
    let (scopes, within) = (
        Scopes::parse("read").unwrap(),
        Scopes::parse("read write").unwrap(),
    );
    let exchange = Exchange {
        subject: Typed {
            token: &subject,
            kind: ACCESS_TOKEN,
        },
        actor: Some(Typed {
            token: &actor,
            kind: JWT,
        }),
        actors: 3,
        audience: Some("backend"),
        asked: Asked {
            resource: Some(&resource),
            scopes: &scopes,
        },
        within: &within,
        requested: ACCESS_TOKEN,
    };
    let tokens = client(&fake).exchange(&exchange, NOW).await.unwrap();
    assert_eq!(tokens.access.expose_secret(), "new");
    assert_eq!(tokens.expires_at, Some(NOW + 60));
    assert_eq!(
        sent(&fake),
        fields(json!({
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": "subject", "subject_token_type": ACCESS_TOKEN,
            "actor_token": "actor", "actor_token_type": JWT, "audience": "backend",
            "resource": "https://mcp.example/x", "scope": "read", "requested_token_type": ACCESS_TOKEN,
        }))
    );

    // What is left to the server is bounded too.
    let nothing = Scopes::default();
    let open = Exchange {
        asked: Asked {
            scopes: &nothing,
            ..exchange.asked
        },
        ..exchange
    };
    assert!(client(&fake).exchange(&open, NOW).await.is_ok());
    let other = Scopes::parse("write").unwrap();
    let narrow = Exchange {
        within: &other,
        ..open
    };
    let error = client(&fake).exchange(&narrow, NOW).await.unwrap_err();
    assert!(matches!(error, TokenError::ScopeWidened), "{error:?}");

    let before = fake.seen().len();
    let check = async |exchange: Exchange<'_>, expected: NotAsked| {
        let error = client(&fake).exchange(&exchange, NOW).await.unwrap_err();
        assert!(
            matches!(error, TokenError::NotAsked(cause) if cause == expected),
            "{error:?}"
        );
    };
    let wider = Scopes::parse("read admin").unwrap();
    let asked = Asked {
        scopes: &wider,
        ..exchange.asked
    };
    check(Exchange { asked, ..exchange }, NotAsked::WiderScope).await;
    check(
        Exchange {
            actors: 4,
            ..exchange
        },
        NotAsked::ChainTooLong,
    )
    .await;
    let asked = Asked {
        resource: None,
        ..exchange.asked
    };
    check(
        Exchange {
            audience: None,
            asked,
            ..exchange
        },
        NotAsked::NoTarget,
    )
    .await;
    assert_eq!(fake.seen().len(), before, "nothing was sent");
}

#[tokio::test]
async fn passes_from_the_identity_provider_to_the_server_of_the_resource() {
    let (provider, server) = (Fake::start().await, Fake::start().await);
    let audience = server.origin();
    provider.answer(
        "/token",
        Reply::json(json!({
            "access_token": "e30.e30.amFn", "issued_token_type": ID_JAG, "token_type": "N_A",
            "expires_in": 300, "scope": "chat.read",
        })),
    );
    server.answer(
        "/token",
        Reply::json(json!({"access_token": "final", "token_type": "Bearer", "scope": "chat.read"})),
    );
    let id_token = secret("id-token");
    let resource = Resource::parse("https://mcp.example/x").unwrap();
    let scopes = Scopes::parse("chat.read chat.history").unwrap();
    let request = AssertionRequest {
        subject: Typed {
            token: &id_token,
            kind: ID_TOKEN,
        },
        audience: &audience,
        resource: &resource,
        scopes: &scopes,
    };
    let grant = client(&provider)
        .identity_assertion(&request, NOW)
        .await
        .unwrap();
    assert_eq!(
        sent(&provider),
        fields(json!({
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "requested_token_type": ID_JAG,
            "audience": audience, "resource": "https://mcp.example/x", "scope": "chat.read chat.history",
            "subject_token": "id-token", "subject_token_type": ID_TOKEN,
        }))
    );
    assert_eq!(grant.expires_at, Some(NOW + 300));
    assert!(!format!("{grant:?}").contains("amFn"));

    let asked = Asked {
        resource: Some(&resource),
        scopes: &grant.scopes,
    };
    let error = client(&provider)
        .redeem_assertion(&grant, asked, NOW)
        .await
        .unwrap_err();
    assert!(
        matches!(error, TokenError::NotAsked(NotAsked::OtherServer)),
        "{error:?}"
    );
    let tokens = client(&server)
        .redeem_assertion(&grant, asked, NOW)
        .await
        .unwrap();
    assert_eq!(tokens.access.expose_secret(), "final");
    assert_eq!(tokens.token_type, TokenType::Bearer);
    assert_eq!(
        sent(&server),
        fields(json!({
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "e30.e30.amFn",
            "resource": "https://mcp.example/x", "scope": "chat.read",
        }))
    );
}

#[tokio::test]
async fn proves_possession_with_the_nonce_of_the_server() {
    let fake = Fake::start().await;
    let key = Arc::new(ProofKey::generate().unwrap());
    let bound = client(&fake).bound_to(Arc::clone(&key));
    let wanted = Reply::status(400)
        .body(json!({"error": "use_dpop_nonce"}))
        .header("dpop-nonce", "n-1");
    let good = Reply::json(json!({"access_token": "a", "token_type": "DPoP"}));
    fake.answer_in_turn("/token", [wanted.clone(), good]);
    assert_eq!(refresh(&bound).await.unwrap().token_type, TokenType::Dpop);
    let proofs: Vec<Value> = fake
        .seen()
        .iter()
        .map(|seen| crate::provider::jwt(&secret(seen.headers["dpop"].to_str().unwrap())).1)
        .collect();
    let claims: Vec<_> = proofs
        .iter()
        .map(|claims| {
            (
                claims["htm"].clone(),
                claims["htu"].clone(),
                claims["nonce"].clone(),
            )
        })
        .collect();
    let htu = json!(fake.url("/token").as_str());
    assert_eq!(
        claims,
        [
            (json!("POST"), htu.clone(), Value::Null),
            (json!("POST"), htu, json!("n-1"))
        ]
    );
    assert_ne!(proofs[0]["jti"], proofs[1]["jti"]);

    // A server that is never content is asked twice, not for ever.
    fake.answer("/token", wanted);
    let error = refresh(&bound).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the authorization server refused: use_dpop_nonce"
    );
    assert_eq!(fake.seen().len(), 4);
    // And who was asked for a bound token gives no other, unless that is asked for, too.
    let plain = Reply::json(json!({"access_token": "a", "token_type": "Bearer"}));
    fake.answer("/token", plain);
    assert_eq!(
        refresh(&bound).await.unwrap_err().code(),
        "token-type-wrong"
    );
    let either = client(&fake).proven_by(key, Arc::default(), true);
    let tokens = refresh(&either).await.unwrap();
    assert_eq!(tokens.token_type, TokenType::Bearer);
    assert!(fake.seen().last().unwrap().headers.contains_key("dpop"));
}

#[tokio::test]
async fn the_nonce_of_any_answer_goes_into_the_next_proof() {
    let fake = Fake::start().await;
    let key = Arc::new(ProofKey::generate().unwrap());
    let nonces = Arc::new(Nonces::default());
    let bound = || client(&fake).proven_by(Arc::clone(&key), Arc::clone(&nonces), false);
    let answer = json!({"access_token": "a", "token_type": "DPoP"});
    for nonce in ["n-1", "n-2"] {
        let reply = Reply::json(answer.clone()).header("dpop-nonce", nonce);
        fake.answer("/token", reply);
        refresh(&bound()).await.unwrap();
    }
    fake.answer("/token", Reply::json(answer));
    for _ in 0..2 {
        refresh(&bound()).await.unwrap();
    }
    let shown: Vec<Value> = fake
        .seen()
        .iter()
        .map(|seen| {
            let proof = secret(seen.headers["dpop"].to_str().unwrap());
            crate::provider::jwt(&proof).1["nonce"].clone()
        })
        .collect();
    let sent = [Value::Null, json!("n-1"), json!("n-2"), json!("n-2")];
    assert_eq!(shown, sent);
}

#[tokio::test]
async fn follows_no_redirect_with_a_secret() {
    let (fake, elsewhere) = (Fake::start().await, Fake::start().await);
    for status in [301, 302, 303, 307, 308] {
        fake.answer(
            "/token",
            Reply::status(status).header("location", elsewhere.url("/token")),
        );
        let error = refresh(&client(&fake)).await.unwrap_err();
        assert_eq!(error.code(), "token-endpoint-status", "{error:?}");
    }
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn huge_and_slow_answers_are_not_waited_for() {
    let fake = Fake::start().await;
    let tokens = json!({"access_token": "a".repeat(1 << 20), "token_type": "Bearer"});
    fake.answer("/token", Reply::json(tokens));
    let error = refresh(&client(&fake)).await.unwrap_err();
    assert_eq!(error.code(), "token-endpoint-unreachable", "{error:?}");

    let never = Arc::new(Semaphore::new(0));
    fake.answer("/token", Reply::json("{}").gated(&never));
    let impatient = TokenClient::new(
        channel(&fake).timeout(Duration::from_millis(100)),
        fake.url("/token"),
    );
    let error = refresh(&impatient).await.unwrap_err();
    assert_eq!(error.code(), "token-endpoint-unreachable", "{error:?}");
    assert!(error.is_temporary());
}

#[tokio::test]
async fn an_address_that_a_stranger_named_does_not_lead_inside() {
    let fake = Fake::start().await;
    let identity = ClientIdentity::new("gw", ClientAuth::None).unwrap();
    let found = BackChannel::without_metadata(
        guarded_client(),
        "https://as.example",
        Arc::new(identity),
        Naming::Found,
    );
    for inside in [
        fake.url("/token"),
        Url::parse("https://169.254.169.254/token").unwrap(),
    ] {
        let error = refresh(&TokenClient::new(found.clone(), inside))
            .await
            .unwrap_err();
        assert_eq!(error.code(), "token-endpoint-unreachable", "{error:?}");
    }
    assert!(fake.seen().is_empty());
}

/// Whatever a server does with what it was sent, no error repeats it.
#[tokio::test]
async fn no_error_repeats_a_secret() {
    let fake = Fake::start().await;
    let canary = "canary-refresh-token canary-client-secret";
    let replies = [
        Reply::status(400)
            .body(json!({"error": canary, "error_description": canary, "error_uri": canary})),
        Reply::status(400).body(json!({"error": "invalid_grant", "error_description": canary})),
        Reply::status(500).body(canary),
        Reply::json(canary),
        Reply::json(format!(r#"{{"{canary}":1,"{canary}":2}}"#)),
        Reply::json(json!({"access_token": canary, "token_type": "Bearer"})),
        Reply::json(json!({"access_token": "canary-refresh-token", "token_type": canary})),
        Reply::json(
            json!({"access_token": "canary-refresh-token", "token_type": "Bearer", "scope": canary}),
        ),
        Reply::json(canary).header("content-type", "text/html"),
    ];
    for reply in replies {
        fake.answer("/token", reply);
        let error = refresh(&client(&fake)).await.unwrap_err();
        let mut shown = format!("{error:?} {error}");
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            shown += &format!(" {cause:?} {cause}");
            source = cause.source();
        }
        assert!(!shown.contains("canary"), "{shown}");
    }
    let shown = format!("{:?}", client(&fake));
    assert!(!shown.contains("canary"), "{shown}");
}

#[tokio::test]
async fn says_when_a_token_may_still_be_good() {
    let fake = Fake::start().await;
    let revoke = async |reply: Reply| {
        fake.answer("/revoke", reply);
        let endpoint = fake.url("/revoke");
        channel(&fake)
            .revoke(&endpoint, &secret("token"), TokenHint::Refresh, NOW)
            .await
    };
    revoke(Reply::status(200)).await.unwrap();
    assert_eq!(
        sent(&fake),
        fields(json!({"token": "token", "token_type_hint": "refresh_token"}))
    );
    let error = revoke(Reply::status(503).header("retry-after", 7))
        .await
        .unwrap_err();
    let RevocationError::Unavailable { retry_after } = error else {
        panic!("{error:?}")
    };
    assert_eq!(retry_after, Some(Duration::from_secs(7)));
    let unsupported = Reply::status(400).body(json!({"error": "unsupported_token_type"}));
    let error = revoke(unsupported).await.unwrap_err();
    assert!(
        error.to_string().ends_with("unsupported_token_type"),
        "{error}"
    );
    for status in [302, 401, 404, 500] {
        let error = revoke(Reply::status(status)).await.unwrap_err();
        assert!(
            matches!(error, RevocationError::Status(seen) if seen == status),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn keeps_to_what_it_registered() {
    let fake = Fake::start().await;
    let metadata = ClientMetadata {
        name: "Portcullis".to_owned(),
        home: None,
        redirect_uris: vec![Url::parse("https://gw.example/callback").unwrap()],
        auth_method: AuthMethod::SecretBasic,
        keys: None,
        scopes: Scopes::default(),
    };
    let check = async |answer: Value, expected: &str| {
        fake.answer("/register", Reply::status(201).body(answer));
        let result = register(
            &guarded_client(),
            &fake.url("/register"),
            Naming::Configured,
            &metadata,
            Some(&secret("initial")),
        )
        .await;
        let text = match result {
            Ok(registered) => {
                let identity = registered.identity(None).unwrap();
                format!("{} {}", identity.id(), identity.method())
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(text, expected);
    };
    let good = json!({"client_id": "c", "client_secret": "s", "client_secret_expires_at": 0,
        "redirect_uris": ["https://gw.example/callback"], "token_endpoint_auth_method": "client_secret_basic"});
    let with = |name: &str, value: Value| {
        let mut answer = good.clone();
        answer[name] = value;
        answer
    };
    check(good.clone(), "c client_secret_basic").await;
    let seen = fake.seen();
    assert_eq!(seen[0].headers["authorization"], "Bearer initial");
    let body: Value = serde_json::from_str(&seen[0].body).unwrap();
    assert_eq!(body["application_type"], "web");
    check(with("token_endpoint_auth_method", json!("none")), "c none").await;
    check(
        with("token_endpoint_auth_method", json!("client_secret_post")),
        "c client_secret_post",
    )
    .await;
    check(
        with("redirect_uris", json!(["https://evil.example/callback"])),
        "the authorization server registered another redirect address",
    )
    .await;
    check(
        with("token_endpoint_auth_method", json!("tls_client_auth")),
        "the authorization server registered another authentication method",
    )
    .await;
    check(
        with("client_secret", Value::Null),
        "the registration endpoint's answer is malformed: client_secret is missing",
    )
    .await;
    check(
        with("client_id", json!(7)),
        "the registration endpoint's answer is malformed: client_id",
    )
    .await;
    fake.answer("/register", Reply::status(403));
    let result = register(
        &guarded_client(),
        &fake.url("/register"),
        Naming::Configured,
        &metadata,
        None,
    )
    .await;
    assert_eq!(
        result.unwrap_err().to_string(),
        "the registration endpoint answered with status 403"
    );
}
