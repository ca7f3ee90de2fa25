//! Who a server is: another certificate, another program, another origin, another issuer.

pub(crate) mod front;
mod issuer;
mod program;

use std::net::SocketAddr;
use std::path::Path;

use portcullis_store::State;
use portcullis_testkit::{Builder, Script, ScriptedServer, TestGateway, eventually};

use front::{Authority, Front, Issued, authority};

/// A server behind TLS, and a gateway that knows it by its authority and its key.
pub(crate) struct Place {
    pub(crate) authority: Authority,
    pub(crate) known: Issued,
    pub(crate) server: ScriptedServer,
    pub(crate) front: Front,
    pub(crate) files: tempfile::TempDir,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let authority = authority();
        let known = Issued::by(&authority);
        let server = ScriptedServer::start(Script::modern().tool("search")).await;
        let front = Front::start("127.0.0.1:0", behind(&server), &known).await;
        let files = tempfile::tempdir().unwrap();
        std::fs::write(files.path().join("ca.pem"), authority.pem()).unwrap();
        Self {
            authority,
            known,
            server,
            front,
            files,
        }
    }

    /// `identity` is added to the server's section.
    pub(crate) fn builder(&self, identity: &str) -> Builder {
        let ca = self.file("ca.pem");
        TestGateway::builder()
            .section("servers.papers", &format!("url = {:?}", self.front.url()))
            .section(
                "servers.papers.identity",
                &format!("ca = {ca:?}\n{identity}"),
            )
            .section("profiles.main", "servers = [\"papers\"]")
    }

    pub(crate) fn pinned(&self) -> String {
        format!("pins = [{:?}]", self.known.pin())
    }

    fn file(&self, name: &str) -> String {
        self.files.path().join(name).display().to_string()
    }

    pub(crate) fn calls(&self) -> usize {
        self.server.calls("tools/call").len()
    }
}

pub(crate) fn behind(server: &ScriptedServer) -> SocketAddr {
    let url = server.url();
    let authority = url
        .trim_start_matches("http://")
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    authority.parse().unwrap()
}

pub(crate) async fn search(gateway: &TestGateway) -> String {
    gateway.modern().await.tool("search", "{}").await.reason()
}

/// Asserts that the server is held back, and why.
pub(crate) async fn held(gateway: &TestGateway, property: &str) {
    eventually("the server is held back", async || {
        let face = search(gateway).await;
        assert_ne!(face, "", "it is not held back");
        let recorded = gateway.entry("tools/call").await.closed.unwrap().reason;
        (recorded.as_deref() == Some("server-identity-changed"))
            .then(|| assert_eq!(face, "upstream-unavailable"))
    })
    .await;
    let listed = gateway.modern().await.call("tools/list", "{}").await;
    assert_eq!(listed.reason(), "upstream-unavailable", "{}", listed.body);
    let waiting: Vec<_> = gateway
        .definitions()
        .await
        .into_iter()
        .filter(|record| record.state == State::Quarantined)
        .collect();
    let names: Vec<_> = waiting
        .iter()
        .map(|record| (record.key.kind.as_str(), record.key.name.as_str()))
        .collect();
    assert_eq!(names, [("identity", property)]);
    // Whoever reviews it is told why: when it is seen for the first time, or when it is back.
    let has_finding = waiting[0].findings[0]["rule"] == "server-identity-changed";
    assert!(has_finding || waiting[0].note.is_some(), "{waiting:?}");
}

pub(crate) async fn approve(gateway: &TestGateway, property: &str) {
    gateway
        .decide("papers", "identity", property, State::Approved)
        .await;
}

pub(crate) async fn serves_again(gateway: &TestGateway) {
    eventually("the server serves", async || {
        search(gateway).await.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_same_name_with_another_key_is_held_until_somebody_approves() {
    let place = Place::new().await;
    let gateway = place.builder(&place.pinned()).start().await;
    assert_eq!(search(&gateway).await, "");
    let another = Issued::by(&place.authority);
    place.front.become_another(&another, None).await;
    held(&gateway, "certificate").await;
    let handshakes = place.front.accepted();
    // That the right one is back does not let it in: somebody must look first.
    place.front.become_another(&place.known, None).await;
    held(&gateway, "certificate").await;
    assert_eq!((place.calls(), place.front.accepted()), (1, handshakes));
    approve(&gateway, "certificate").await;
    serves_again(&gateway).await;
    // What was approved is the server, not the impostor.
    place.front.become_another(&another, None).await;
    held(&gateway, "certificate").await;
    let records = gateway.definitions().await;
    let record = records
        .iter()
        .find(|record| record.key.kind == "identity")
        .unwrap();
    let expected: serde_json::Value = serde_json::from_str(&record.text).unwrap();
    assert_eq!(expected["expected"]["pins"][0], place.known.pin());
    gateway.finish().await;
}

#[tokio::test]
async fn a_certificate_of_another_authority_or_name_holds_the_server() {
    for (stranger, name) in [(true, "localhost"), (false, "elsewhere.example")] {
        let place = Place::new().await;
        let gateway = place.builder("").start().await;
        assert_eq!(search(&gateway).await, "");
        let other = authority();
        let issuer = if stranger { &other } else { &place.authority };
        let another = Issued::for_name(issuer, name);
        place.front.become_another(&another, None).await;
        held(&gateway, "certificate").await;
        assert_eq!(place.calls(), 1);
        gateway.finish().await;
    }
}

#[tokio::test]
async fn a_new_key_of_the_same_authority_is_fine_where_none_is_pinned() {
    let place = Place::new().await;
    let gateway = place.builder("").start().await;
    assert_eq!(search(&gateway).await, "");
    let renewed = Issued::by(&place.authority);
    place.front.become_another(&renewed, None).await;
    serves_again(&gateway).await;
    gateway.finish().await;
}

#[tokio::test]
async fn a_redirect_to_another_origin_holds_the_server() {
    let thief = ScriptedServer::start(Script::modern().tool("search")).await;
    let location = thief.url();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((mut tcp, _)) = listener.accept().await {
            let answer = format!(
                "HTTP/1.1 307 Temporary Redirect\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            let _read = tcp.read(&mut [0; 16 * 1024]).await;
            let _written = tcp.write_all(answer.as_bytes()).await;
        }
    });
    let gateway = TestGateway::builder()
        .section("servers.papers", &format!("url = {url:?}"))
        .section("profiles.main", "servers = [\"papers\"]")
        .start()
        .await;
    held(&gateway, "origin").await;
    assert!(thief.received().is_empty());
    gateway.finish().await;
}

#[tokio::test]
async fn the_gateway_shows_its_certificate_and_takes_a_renewed_one() {
    let place = Place::new().await;
    let clients = authority();
    let write = |issued: &Issued| {
        std::fs::write(place.files.path().join("own.pem"), &issued.pem).unwrap();
        std::fs::write(place.files.path().join("own.key"), &issued.key_pem).unwrap();
    };
    write(&Issued::by(&clients));
    place
        .front
        .become_another(&place.known, Some(&clients))
        .await;
    let (pem, key) = (place.file("own.pem"), place.file("own.key"));
    let own = format!(
        "client-certificate = {pem:?}\nclient-key = {:?}",
        format!("file:{key}")
    );
    let gateway = place.builder(&own).start().await;
    assert_eq!(search(&gateway).await, "");

    // The server trusts other authorities now, and the gateway gets a certificate of one of them.
    let renewed = authority();
    write(&Issued::by(&renewed));
    place
        .front
        .become_another(&place.known, Some(&renewed))
        .await;
    gateway.reload("limits", "max-depth = 50").await.unwrap();
    serves_again(&gateway).await;
    // A server that does not take our certificate is not another server.
    let states: Vec<State> = gateway
        .definitions()
        .await
        .iter()
        .map(|record| record.state)
        .collect();
    assert!(!states.contains(&State::Quarantined), "{states:?}");
    gateway.finish().await;
}

#[tokio::test]
async fn changed_pins_and_authorities_count_for_the_next_connection() {
    let place = Place::new().await;
    let ca = place.file("ca.pem");
    let gateway = TestGateway::builder()
        .section("servers.papers", &format!("url = {:?}", place.front.url()))
        .section("profiles.main", "servers = [\"papers\"]")
        .start()
        .await;
    // Nobody vouches for it, which is a failure and no change.
    assert_eq!(search(&gateway).await, "upstream-unavailable");
    let closed = gateway.entry("tools/call").await.closed.unwrap();
    assert_eq!(closed.reason.as_deref(), Some("upstream-unavailable"));
    gateway
        .reload("outbound", &format!("ca = {ca:?}"))
        .await
        .unwrap();
    assert_eq!(search(&gateway).await, "");
    let other = Issued::by(&place.authority).pin();
    gateway
        .reload("servers.papers.identity", &format!("pins = [{other:?}]"))
        .await
        .unwrap();
    held(&gateway, "certificate").await;
    gateway
        .reload("servers.papers.identity", &place.pinned())
        .await
        .unwrap();
    held(&gateway, "certificate").await;
    approve(&gateway, "certificate").await;
    serves_again(&gateway).await;
    gateway.finish().await;
}

#[tokio::test]
async fn another_certificate_ends_what_listens_and_what_runs() {
    let place = Place::new().await;
    let gateway = place.builder(&place.pinned()).start().await;
    assert_eq!(search(&gateway).await, "");
    // Another process of the same store saw the impostor.
    let observation = portcullis_store::Observation {
        key: portcullis_store::DefinitionKey {
            server: "papers".to_owned(),
            kind: "identity".to_owned(),
            name: "certificate".to_owned(),
        },
        hash: "sha256:0".to_owned(),
        text: "{}".to_owned(),
        state: State::Quarantined,
        findings: serde_json::json!([{"rule": "server-identity-changed"}]),
    };
    use portcullis_store::RegistryStore as _;
    gateway.store().observe(&[observation], 1).await.unwrap();
    eventually("the decision of another process", async || {
        (search(&gateway).await == "upstream-unavailable").then_some(())
    })
    .await;
    held(&gateway, "certificate").await;
    gateway.finish().await;
}

/// Writes a program, whatever was there before.
fn write_program(path: &Path, text: &str) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let new = path.with_extension("new");
        std::fs::write(&new, text).unwrap();
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::rename(new, path).unwrap();
    }
}
