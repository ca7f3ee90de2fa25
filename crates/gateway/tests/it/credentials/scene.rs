//! An issuer of users' tokens, a gateway that is registered there, and a server behind it.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_lab::identity_provider::{
    IdentityProvider, Misbehaviour, ProviderClient, ProviderSettings,
};
use portcullis_testkit::{Builder, Received, Reply, Script, Speaks, TestGateway};
use serde_json::{Value, json};

use super::logs;

pub(super) const BASE: &str = "https://gw.example.com";
pub(super) const RESOURCE: &str = "https://gw.example.com/mcp/main";
pub(super) const SECRET: &str = "lab-provider-secret";

/// An authorization server with the gateway as its client.
pub(super) async fn provider() -> IdentityProvider {
    IdentityProvider::start(ProviderSettings {
        clients: vec![ProviderClient {
            id: "gateway".to_owned(),
            secret: Some(SECRET.to_owned()),
            redirect_uris: vec![format!("{BASE}/connect/callback")],
            ..ProviderClient::default()
        }],
        ..ProviderSettings::default()
    })
    .await
    .unwrap()
}

/// A token of that subject for the gateway. The issuer knows only tokens that it made itself.
pub(super) fn token(provider: &IdentityProvider, subject: &str, id: &str) -> String {
    let claims = json!({"sub": subject, "jti": id});
    provider.misbehave(Misbehaviour::Claims(claims));
    let scope = "papers.read papers.write";
    let token = provider.mint("editor", scope, Some(RESOURCE)).unwrap();
    provider.behave();
    token
}

pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs()
}

/// A folder with one secret in a file, as references name it.
pub(super) struct Kept {
    _folder: tempfile::TempDir,
    pub(super) reference: String,
}

pub(super) fn kept(secret: &str) -> Kept {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, secret).unwrap();
    Kept {
        reference: format!("file:{}", path.display()),
        _folder: folder,
    }
}

/// A gateway that takes tokens of `provider`, with the server `papers`, whose `auth` is given.
pub(super) fn builder(
    provider: &IdentityProvider,
    secret: &Kept,
    speaks: Speaks,
    auth: &str,
) -> Builder {
    logs::keep();
    let issuer = provider.issuer();
    TestGateway::builder()
        .server("papers", Script::of(speaks).tool("search"))
        .without_loopback()
        .section("listen", &format!("public-url = \"{BASE}\""))
        .section(
            "authn.issuers.company",
            &format!("kind = \"oidc\"\nissuer = \"{issuer}\""),
        )
        .section(
            "authn.issuers.company.client",
            &format!("id = \"gateway\"\nsecret = \"{}\"", secret.reference),
        )
        .section("profiles.main", "servers = [\"papers\"]")
        .section("servers.papers.auth", auth)
}

/// Calls the tool as whoever shows this token.
pub(super) async fn call(gateway: &TestGateway, speaks: Speaks, token: &str) -> Reply {
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str())];
    let caller = gateway.caller(speaks, "/mcp/main", &headers).await;
    caller.tool("search", "{}").await
}

/// What a server was shown.
pub(super) fn shown(received: &Received) -> &str {
    received.header("authorization").unwrap_or_default()
}

/// The claims of a token in a header.
pub(super) fn claims(authorization: &str) -> Value {
    let token = authorization.strip_prefix("Bearer ").unwrap();
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// The end of every test: besides what [`TestGateway::finish`] looks for, no log has the secrets, and
/// every request to the server came with a credential that is not the caller's.
pub(super) async fn finish(gateway: TestGateway, secrets: &[&str]) {
    for received in gateway.server("papers").received() {
        let authorization = shown(&received);
        assert!(authorization.starts_with("Bearer "), "{received:?}");
        for secret in secrets {
            assert!(!authorization.contains(secret), "{received:?}");
        }
    }
    let told = [
        gateway.server("papers").transcript(),
        serde_json::to_string(&gateway.entries().await).unwrap(),
    ];
    gateway.finish().await;
    let logged = logs::logged();
    assert!(!logged.is_empty());
    for secret in secrets {
        // What a token says and how it is signed are the caller's, too. Its head is that of any token.
        let parts = secret.split('.').skip(1).filter(|part| part.len() > 40);
        for part in parts.chain([*secret]) {
            assert!(!logged.contains(part), "{part} is in the log");
            assert!(told.iter().all(|text| !text.contains(part)), "{part}");
        }
    }
}

/// How often tokens were asked for.
pub(super) fn token_requests(provider: &IdentityProvider) -> usize {
    let url = provider.endpoint("token_endpoint").unwrap();
    provider.requests(url.strip_prefix(provider.base_url()).unwrap())
}
