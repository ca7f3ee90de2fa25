//! A server that names another authorization server than its own, to get what is meant for that one.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use portcullis_lab::identity_provider::{IdentityProvider, ProviderClient, ProviderSettings};
use portcullis_store::State;
use portcullis_testkit::{Builder, Script, ScriptedServer, TestGateway};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::{approve, behind, held, search, serves_again};

const DOCUMENT: &str = "GET /.well-known/oauth-protected-resource/mcp ";
const SECRET: &str = "the-secret-of-the-gateway";

/// A server and the document about its authorization server, and two of those.
struct Scene {
    honest: IdentityProvider,
    evil: IdentityProvider,
    server: ScriptedServer,
    address: SocketAddr,
    named: Arc<Mutex<String>>,
    files: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let provider = || {
            IdentityProvider::start(ProviderSettings {
                clients: vec![ProviderClient {
                    id: "gateway".to_owned(),
                    secret: Some(SECRET.to_owned()),
                    ..ProviderClient::default()
                }],
                ..ProviderSettings::default()
            })
        };
        let (honest, evil) = (provider().await.unwrap(), provider().await.unwrap());
        let server = ScriptedServer::start(Script::modern().tool("search")).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let named = Arc::new(Mutex::new(honest.issuer().to_owned()));
        let (naming, place) = (Arc::clone(&named), behind(&server));
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let named = naming.lock().unwrap().clone();
                let document = json!({
                    "resource": format!("http://{address}/mcp"),
                    "authorization_servers": [named],
                });
                tokio::spawn(serve(tcp, document.to_string(), place));
            }
        });
        let files = tempfile::tempdir().unwrap();
        std::fs::write(files.path().join("secret"), SECRET).unwrap();
        Self {
            honest,
            evil,
            server,
            address,
            named,
            files,
        }
    }

    /// With other scopes, what the gateway knows of the server's document is found out anew.
    fn auth(&self, scope: &str) -> String {
        let secret = self.files.path().join("secret");
        let secret = format!("file:{}", secret.display());
        format!(
            "kind = \"client-credentials\"\nclient-id = \"gateway\"\nscopes = [{scope:?}]\n\
             client-secret = {secret:?}"
        )
    }

    fn builder(&self) -> Builder {
        let url = format!("http://{}/mcp", self.address);
        TestGateway::builder()
            .section("servers.papers", &format!("url = {url:?}"))
            .section("servers.papers.auth", &self.auth("papers.read"))
            .section(
                "servers.papers.identity",
                &format!("issuer = {:?}", self.honest.issuer()),
            )
            .section("profiles.main", "servers = [\"papers\"]")
    }

    async fn names(&self, issuer: &IdentityProvider, gateway: &TestGateway, scope: &str) {
        *self.named.lock().unwrap() = issuer.issuer().to_owned();
        let auth = self.auth(scope);
        gateway.reload("servers.papers.auth", &auth).await.unwrap();
    }

    /// How often the other authorization server was asked for a token, which shows it the secret.
    fn asked_evil(&self) -> usize {
        let url = self.evil.endpoint("token_endpoint").unwrap();
        let path = url.strip_prefix(self.evil.base_url()).unwrap();
        self.evil.requests(path)
    }
}

/// Answers one request: with the document, or as the server does.
async fn serve(tcp: TcpStream, document: String, server: SocketAddr) -> std::io::Result<()> {
    let mut stream = BufReader::new(tcp);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await? == 0 {
            return Ok(());
        }
    }
    if head.starts_with(DOCUMENT) {
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{document}",
            document.len()
        );
        return stream.write_all(answer.as_bytes()).await;
    }
    let mut behind = TcpStream::connect(server).await?;
    let once = head.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
    behind.write_all(once.as_bytes()).await?;
    copy_bidirectional(&mut stream, &mut behind).await?;
    Ok(())
}

#[tokio::test]
async fn another_issuer_holds_the_server_until_somebody_approves() {
    let scene = Scene::new().await;
    let gateway = scene.builder().canary(SECRET).start().await;
    assert_eq!(search(&gateway).await, "");
    scene.names(&scene.evil, &gateway, "papers.write").await;
    held(&gateway, "issuer").await;
    let records = gateway.definitions().await;
    let record = records.iter().find(|record| record.key.name == "issuer");
    let told: serde_json::Value = serde_json::from_str(&record.unwrap().text).unwrap();
    assert_eq!(told["expected"], scene.honest.issuer());
    assert_eq!(told["named"], json!([scene.evil.issuer()]));
    // That the right one is named again does not let it in: somebody must look first.
    scene.names(&scene.honest, &gateway, "papers.read").await;
    held(&gateway, "issuer").await;
    assert_eq!(scene.server.calls("tools/call").len(), 1);
    approve(&gateway, "issuer").await;
    serves_again(&gateway).await;
    // What was approved is the server, not the impostor.
    scene.names(&scene.evil, &gateway, "papers.write").await;
    held(&gateway, "issuer").await;
    assert_eq!(scene.asked_evil(), 0);
    gateway.finish().await;
}

/// The other one is never shown what is meant for the right one, with or without the control. Without
/// it nothing is held: that the right one is named again is enough.
#[tokio::test]
async fn without_server_identity_nobody_has_to_look() {
    let scene = Scene::new().await;
    let builder = scene.builder().canary(SECRET).without("server-identity");
    let gateway = builder.start().await;
    assert_eq!(search(&gateway).await, "");
    scene.names(&scene.evil, &gateway, "papers.write").await;
    assert_eq!(search(&gateway).await, "server-credential-refused");
    assert_eq!(scene.asked_evil(), 0);
    scene.names(&scene.honest, &gateway, "papers.read").await;
    serves_again(&gateway).await;
    let records = gateway.definitions().await;
    let is_held = |state| matches!(state, State::Quarantined);
    assert!(records.iter().all(|record| !is_held(record.state)));
    gateway.finish().await;
}
