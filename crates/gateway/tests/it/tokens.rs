//! Callers with tokens: what an endpoint says of itself, who gets in, and who does not.

use portcullis_lab::identity_provider::{IdentityProvider, ProviderSettings};
use portcullis_lab::jose::SigningKey;
use portcullis_store::{Revocation, RevocationKind, RevocationStore, State};
use portcullis_testkit::{Builder, Reply, Script, Speaks, Step, TestGateway, eventually};
use serde_json::{Value, json};

const BASE: &str = "https://gw.example.com";
const RESOURCE: &str = "https://gw.example.com/mcp/main";

/// An issuer, and the claims of a good token of it.
struct Issuer {
    provider: IdentityProvider,
    key: SigningKey,
}

impl Issuer {
    async fn start() -> Self {
        let provider = IdentityProvider::start(ProviderSettings::default())
            .await
            .unwrap();
        let key = provider.current_key().unwrap();
        Self { provider, key }
    }

    fn claims(&self) -> Value {
        let now = now();
        json!({
            "iss": self.provider.issuer(), "aud": RESOURCE, "sub": "ada", "client_id": "editor",
            "iat": now, "exp": now + 600, "jti": format!("{now}-1"), "scope": "tools.read",
        })
    }

    /// A token with these claims besides, or in place of, the good ones.
    fn token(&self, more: Value) -> String {
        let mut claims = self.claims();
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let header = json!({"alg": "RS256", "kid": self.key.kid(), "typ": "at+jwt"});
        self.key.sign(&header, &claims).unwrap()
    }

    fn builder(&self) -> Builder {
        TestGateway::builder()
            .server("papers", Script::modern().tool("search"))
            .without_loopback()
            .section("listen", &format!("public-url = \"{BASE}\""))
            .section(
                "authn.issuers.idp",
                &format!(
                    "kind = \"oidc\"\nissuer = \"{}\"\nauthentication-contexts = {{ mfa = \"urn:mfa\" }}",
                    self.provider.issuer()
                ),
            )
            .section(
                "profiles.main",
                "servers = [\"papers\"]\nscopes = [\"tools.read\"]",
            )
    }
}

fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

async fn call(gateway: &TestGateway, authorization: &str) -> Reply {
    let headers = [("authorization", authorization)];
    gateway
        .stranger(Speaks::Modern, "/mcp/main", &headers)
        .tool("search", "{}")
        .await
}

#[tokio::test]
async fn the_endpoint_says_where_tokens_come_from() {
    let issuer = Issuer::start().await;
    let gateway = issuer.builder().start().await;
    let reply = gateway
        .stranger(Speaks::Modern, "/mcp/main", &[])
        .tool("search", "{}")
        .await;
    assert_eq!(
        (reply.status, reply.reason().as_str()),
        (401, "credential-missing")
    );
    let challenge = reply.header("www-authenticate").unwrap();
    assert_eq!(
        challenge,
        "Bearer resource_metadata=\"https://gw.example.com/.well-known/oauth-protected-resource/mcp/main\", scope=\"tools.read\""
    );
    let document = gateway
        .http("GET", "/.well-known/oauth-protected-resource/mcp/main")
        .send()
        .await;
    assert_eq!(document.status, 200, "{}", document.body);
    let document: Value = serde_json::from_str(&document.body).unwrap();
    assert_eq!(document["resource"], RESOURCE);
    assert_eq!(
        document["authorization_servers"],
        json!([issuer.provider.issuer()])
    );
    assert_eq!(document["scopes_supported"], json!(["tools.read"]));
    let elsewhere = gateway
        .http("GET", "/.well-known/oauth-protected-resource/mcp/other")
        .send()
        .await;
    assert_eq!(elsewhere.status, 404);
    gateway.finish().await;
}

#[tokio::test]
async fn who_calls_is_on_record() {
    let issuer = Issuer::start().await;
    let token = issuer.token(json!({"act": {"sub": "assistant"}, "jti": "its-id"}));
    let gateway = issuer.builder().canary(&token).start().await;
    let reply = call(&gateway, &format!("Bearer {token}")).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let opened = gateway.entry("tools/call").await.opened;
    assert_eq!(opened.principal.as_deref(), Some("idp:ada"));
    assert_eq!(opened.authentication.as_deref(), Some("token"));
    assert_eq!(opened.issuer.as_deref(), Some("idp"));
    assert_eq!(opened.application.as_deref(), Some("editor"));
    assert_eq!(opened.token.as_deref(), Some("its-id"));
    // The token went nowhere: `finish` looks for it in every request, reply and record.
    gateway.finish().await;
}

#[tokio::test]
async fn a_token_that_is_not_for_this_endpoint_is_refused_with_its_own_reason() {
    let issuer = Issuer::start().await;
    let gateway = issuer.builder().start().await;
    let foreign = SigningKey::rsa().unwrap();
    let header = json!({"alg": "RS256", "kid": issuer.key.kid(), "typ": "at+jwt"});
    let forged = foreign.sign(&header, &issuer.claims()).unwrap();
    let cases = [
        (
            issuer.token(json!({"aud": "https://other.example/mcp"})),
            401,
            "audience-wrong",
        ),
        (issuer.token(json!({"aud": BASE})), 401, "audience-wrong"),
        (
            issuer.token(json!({"exp": now() - 120, "iat": now() - 600})),
            401,
            "expired",
        ),
        (
            issuer.token(json!({"iss": "https://evil.example"})),
            401,
            "issuer-unknown",
        ),
        (forged, 401, "signature-wrong"),
        ("not-a-token".to_owned(), 401, "token-malformed"),
        (
            issuer.token(json!({"scope": "other"})),
            403,
            "scope-insufficient",
        ),
    ];
    for (token, status, reason) in cases {
        let reply = call(&gateway, &format!("Bearer {token}")).await;
        assert_eq!(reply.status, status, "{reason}: {}", reply.body);
        let challenge = reply
            .header("www-authenticate")
            .unwrap_or_default()
            .to_owned();
        assert!(
            challenge.contains("resource_metadata="),
            "{reason}: {challenge}"
        );
        let error = if status == 403 {
            "insufficient_scope"
        } else {
            "invalid_token"
        };
        assert!(
            challenge.contains(&format!("error=\"{error}\"")),
            "{challenge}"
        );
        let closed = gateway.entries().await.pop().unwrap();
        assert_eq!(closed.closed.unwrap().reason.as_deref(), Some(reason));
    }
    // A token in the address is no credential (RFC 6750 section 2.3 is not offered).
    let token = issuer.token(json!({}));
    let reply = gateway
        .stranger(
            Speaks::Modern,
            &format!("/mcp/main?access_token={token}"),
            &[],
        )
        .tool("search", "{}")
        .await;
    assert_eq!(reply.status, 401);
    assert_eq!(gateway.server("papers").received().len(), 0);
    gateway.finish().await;
}

#[tokio::test]
async fn a_bound_token_is_good_with_its_proof_alone() {
    let issuer = Issuer::start().await;
    let holder = SigningKey::ec().unwrap();
    let jwk = public(&holder);
    let thumbprint = portcullis_token::dpop::thumbprint(jwk.to_string().as_bytes()).unwrap();
    let token = issuer.token(json!({"cnf": {"jkt": thumbprint}}));
    let gateway = issuer.builder().canary(&token).start().await;
    // As a plain bearer token it is refused.
    let reply = call(&gateway, &format!("Bearer {token}")).await;
    assert_eq!(reply.status, 401, "{}", reply.body);
    // The first proof learns the nonce.
    let dpop = format!("DPoP {token}");
    let reply = proven(&gateway, &dpop, &proof(&holder, &jwk, &token, "1", None)).await;
    assert_eq!(reply.status, 401);
    let challenge = reply.header("www-authenticate").unwrap().to_owned();
    assert!(
        challenge.contains("error=\"use_dpop_nonce\""),
        "{challenge}"
    );
    let nonce = reply.header("dpop-nonce").unwrap().to_owned();
    let good = proof(&holder, &jwk, &token, "2", Some(&nonce));
    let reply = proven(&gateway, &dpop, &good).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    // Once is enough.
    let reply = proven(&gateway, &dpop, &good).await;
    assert_eq!(reply.status, 401, "{}", reply.body);
    // A thief has the token and a key of its own.
    let thief = SigningKey::ec().unwrap();
    let stolen = proof(&thief, &public(&thief), &token, "3", Some(&nonce));
    assert_eq!(proven(&gateway, &dpop, &stolen).await.status, 401);
    // The same token without the binding is a bearer token: the binding is what refused it.
    let plain = issuer.token(json!({}));
    assert_eq!(call(&gateway, &format!("Bearer {plain}")).await.status, 200);
    gateway.finish().await;
}

fn public(key: &SigningKey) -> Value {
    let jwk = key.jwk();
    json!({"kty": jwk["kty"], "crv": jwk["crv"], "x": jwk["x"], "y": jwk["y"]})
}

fn proof(key: &SigningKey, jwk: &Value, token: &str, id: &str, nonce: Option<&str>) -> String {
    use base64::Engine;
    use sha2::Digest;
    let digest = sha2::Sha256::digest(token.as_bytes());
    let ath = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest);
    let mut claims = json!({"htm": "POST", "htu": RESOURCE, "iat": now(), "jti": id, "ath": ath});
    if let Some(nonce) = nonce {
        claims["nonce"] = nonce.into();
    }
    key.sign(
        &json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}),
        &claims,
    )
    .unwrap()
}

async fn proven(gateway: &TestGateway, authorization: &str, proof: &str) -> Reply {
    let headers = [("authorization", authorization), ("dpop", proof)];
    gateway
        .stranger(Speaks::Modern, "/mcp/main", &headers)
        .tool("search", "{}")
        .await
}

#[tokio::test]
async fn an_issuer_that_is_down_makes_the_gateway_unavailable_and_not_open() {
    let issuer = Issuer::start().await;
    let token = issuer.token(json!({}));
    let gateway = issuer.builder().start().await;
    drop(issuer);
    let reply = call(&gateway, &format!("Bearer {token}")).await;
    assert_eq!(
        (reply.status, reply.reason().as_str()),
        (503, "issuer-unavailable")
    );
    gateway.finish().await;
}

#[tokio::test]
async fn a_token_that_ends_takes_its_streams_along() {
    let issuer = Issuer::start().await;
    let ends = now() + 2;
    let token = issuer.token(json!({"exp": ends}));
    let gateway = issuer.builder().start().await;
    let headers = [("authorization", format!("Bearer {token}"))];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let caller = gateway.caller(Speaks::Modern, "/mcp/main", &headers).await;
    let mut stream = caller
        .prepare(
            "1",
            "subscriptions/listen",
            r#"{"notifications":{"toolsListChanged":true}}"#,
        )
        .open()
        .await;
    assert_eq!(stream.status, 200);
    // It is read to its end, which the end of the token brings, and nothing else.
    while stream.next().await.is_some() {}
    assert!(now() >= ends);
    gateway.finish().await;
}

fn revocation(kind: RevocationKind, key: &str) -> Revocation {
    Revocation {
        kind,
        key: key.to_owned(),
        at_us: i64::try_from(now()).unwrap() * 1_000_000 + 999_999,
        reason: "test".to_owned(),
        by: "test".to_owned(),
        expires_us: None,
    }
}

/// A gateway whose server waits in the middle of a call.
async fn waiting(issuer: &Issuer, off: Option<&str>) -> TestGateway {
    let steps = [
        Step::Wait,
        Step::Result(r#"{"content":[],"resultType":"complete"}"#.to_owned()),
    ];
    let builder = issuer
        .builder()
        .server("slow", Script::modern().tool("wait").on("tools/call", "wait", steps))
        .section("profiles.slow", "servers = [\"slow\"]\npath = \"/mcp/slow\"\nresource = \"https://gw.example.com/mcp/main\"");
    match off {
        Some(control) => builder.without(control).start().await,
        None => builder.start().await,
    }
}

#[tokio::test]
async fn revocation_lets_whoever_is_not_revoked_through() {
    let issuer = Issuer::start().await;
    let gateway = issuer.builder().start().await;
    let store = gateway.store();
    store
        .revoke(&revocation(RevocationKind::User, "idp:bob"))
        .await
        .unwrap();
    let token = issuer.token(json!({}));
    assert_eq!(call(&gateway, &format!("Bearer {token}")).await.status, 200);
    gateway.finish().await;
}

#[tokio::test]
async fn revocation_stops_a_user_in_the_middle_of_a_call() {
    let issuer = Issuer::start().await;
    let gateway = waiting(&issuer, None).await;
    let token = format!("Bearer {}", issuer.token(json!({})));
    let headers = [("authorization", token.as_str())];
    let caller = gateway.caller(Speaks::Modern, "/mcp/slow", &headers).await;
    let opened = caller.prepare("1", "tools/call", r#"{"name":"wait"}"#);
    let under_way = tokio::spawn(opened.send());
    gateway.server("slow").arrived("tools/call", 1).await;
    let store = gateway.store();
    store
        .revoke(&revocation(RevocationKind::User, "idp:ada"))
        .await
        .unwrap();
    let reply = under_way.await.unwrap();
    assert_eq!(
        (reply.status, reply.reason().as_str()),
        (401, "credential-invalid")
    );
    let reply = call(&gateway, &token).await;
    assert_eq!(
        (reply.status, reply.reason().as_str()),
        (401, "credential-invalid")
    );
    let last = gateway.entries().await.pop().unwrap().closed.unwrap();
    assert_eq!(last.reason.as_deref(), Some("credential-revoked"));
    gateway.finish().await;
}

#[tokio::test]
async fn without_revocation_a_revoked_user_goes_on() {
    let issuer = Issuer::start().await;
    let gateway = waiting(&issuer, Some("revocation")).await;
    let token = format!("Bearer {}", issuer.token(json!({})));
    let headers = [("authorization", token.as_str())];
    let caller = gateway.caller(Speaks::Modern, "/mcp/slow", &headers).await;
    assert_eq!(caller.list("tools/list").await, ["wait"]);
    let store = gateway.store();
    for (kind, key) in [
        (RevocationKind::User, "idp:ada"),
        (RevocationKind::Server, "papers"),
    ] {
        store.revoke(&revocation(kind, key)).await.unwrap();
    }
    // Decisions are taken over by the same round as revocations, before them: once the second of two
    // is seen, what was revoked before the first is known to the gateway.
    for (state, shown) in [(State::Rejected, false), (State::Approved, true)] {
        gateway.decide("slow", "tool", "wait", state).await;
        eventually("the decision is taken over", || async {
            let list = caller.list("tools/list").await;
            (list.contains(&"wait".to_owned()) == shown).then_some(())
        })
        .await;
    }
    assert_eq!(call(&gateway, &token).await.status, 200);
    gateway.finish().await;
}

#[tokio::test]
async fn a_revoked_server_is_not_called() {
    let issuer = Issuer::start().await;
    let gateway = issuer.builder().start().await;
    let store = gateway.store();
    store
        .revoke(&revocation(RevocationKind::Server, "papers"))
        .await
        .unwrap();
    let token = format!("Bearer {}", issuer.token(json!({})));
    eventually("the server is refused", || async {
        let reply = call(&gateway, &token).await;
        reply.body.contains("upstream-unavailable").then_some(())
    })
    .await;
    store
        .lift_revocation(RevocationKind::Server, "papers")
        .await
        .unwrap();
    eventually("the server is called again", || async {
        let reply = call(&gateway, &token).await;
        (!reply.body.contains("upstream-unavailable")).then_some(())
    })
    .await;
    gateway.finish().await;
}

const STEP_UP: &str = r#"
permit (principal, action, resource);
@id("mfa") @step_up("mfa") forbid (principal, action == Action::"tools/call", resource)
    unless { context.contexts.contains("mfa") };
"#;

#[tokio::test]
async fn step_up_lets_a_strong_sign_in_through() {
    let issuer = Issuer::start().await;
    let gateway = issuer.builder().policy(STEP_UP).start().await;
    let token = issuer.token(json!({"acr": "urn:mfa"}));
    assert_eq!(call(&gateway, &format!("Bearer {token}")).await.status, 200);
    gateway.finish().await;
}

#[tokio::test]
async fn step_up_stops_a_weak_sign_in_and_says_what_would_do() {
    let issuer = Issuer::start().await;
    let gateway = issuer.builder().policy(STEP_UP).start().await;
    // `amr` proves nothing here.
    let token = issuer.token(json!({"amr": ["mfa"], "acr": "urn:password"}));
    let authorization = format!("Bearer {token}");
    let reply = call(&gateway, &authorization).await;
    assert_eq!(
        (reply.status, reply.reason().as_str()),
        (401, "step-up-required")
    );
    let challenge = reply.header("www-authenticate").unwrap();
    assert!(
        challenge.contains("error=\"insufficient_user_authentication\""),
        "{challenge}"
    );
    assert!(challenge.contains("acr_values=\"urn:mfa\""), "{challenge}");
    // The tool is shown all the same: by calling it a host learns what it needs.
    let headers = [("authorization", authorization.as_str())];
    let caller = gateway.caller(Speaks::Modern, "/mcp/main", &headers).await;
    assert_eq!(caller.list("tools/list").await, ["search"]);
    assert_eq!(gateway.server("papers").calls("tools/call").len(), 0);
    gateway.finish().await;
}

#[tokio::test]
async fn without_step_up_a_weak_sign_in_is_enough() {
    let issuer = Issuer::start().await;
    let gateway = issuer
        .builder()
        .policy(STEP_UP)
        .without("step-up")
        .start()
        .await;
    let token = issuer.token(json!({"acr": "urn:password"}));
    assert_eq!(call(&gateway, &format!("Bearer {token}")).await.status, 200);
    gateway.finish().await;
}

#[tokio::test]
async fn an_api_key_can_never_step_up() {
    let issuer = Issuer::start().await;
    let gateway = issuer
        .builder()
        .policy(STEP_UP)
        .key("bot", "key-of-bot", "")
        .start()
        .await;
    let reply = call(&gateway, "Bearer key-of-bot").await;
    assert_eq!(
        (reply.status, reply.reason().as_str()),
        (403, "step-up-impossible")
    );
    gateway.finish().await;
}
