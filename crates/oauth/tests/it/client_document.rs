//! Documents of clients, over TLS, from hosts that a test names.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use portcullis_egress::{CertificateDer, Client, Resolve, Resolving, Settings};
use portcullis_oauth::{ClientDocumentSettings, ClientDocuments, RedirectMatch};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::fake::{Fake, Reply, until};
use crate::world::{TestClock, client};

const PATH: &str = "/oauth/client.json";

/// Says where a name leads.
#[derive(Debug)]
struct Names;

impl Resolve for Names {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            let address: IpAddr = match name {
                "app.example" => Ipv4Addr::LOCALHOST.into(),
                "metadata.example" => Ipv4Addr::new(169, 254, 169, 254).into(),
                "inside.example" => Ipv4Addr::new(10, 0, 0, 1).into(),
                "local.example" => Ipv4Addr::LOCALHOST.into(),
                _ => return Err(std::io::ErrorKind::NotFound.into()),
            };
            Ok(vec![address])
        })
    }
}

struct World {
    fake: Fake,
    clock: Arc<TestClock>,
    egress: Client,
    documents: Arc<ClientDocuments>,
    id: String,
}

async fn world() -> World {
    let names = ["app.example", "local.example"].map(str::to_owned);
    let certified = rcgen::generate_simple_self_signed(names).unwrap();
    let certificate = CertificateDer::from(certified.cert.der().to_vec());
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(portcullis_egress::crypto_provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], PrivateKeyDer::Pkcs8(key))
        .unwrap();
    let fake = Fake::start_tls(TlsAcceptor::from(Arc::new(config))).await;
    let egress = client(Settings {
        allow: vec!["app.example".parse().unwrap()],
        roots: vec![certificate],
        resolver: Arc::new(Names),
        ..Settings::default()
    });
    let clock = TestClock::new();
    let documents = ClientDocuments::new(
        egress.clone(),
        ClientDocumentSettings::default(),
        Arc::clone(&clock) as _,
    );
    let id = format!("https://app.example:{}{PATH}", fake.port());
    World {
        fake,
        clock,
        egress,
        documents: Arc::new(documents),
        id,
    }
}

impl World {
    fn document(&self) -> Value {
        json!({
            "client_id": self.id,
            "client_name": "Example app",
            "redirect_uris": ["http://127.0.0.1/callback", "https://app.example/callback"],
            "token_endpoint_auth_method": "none",
        })
    }

    async fn judged(&self, id: &str) -> &'static str {
        match self.documents.fetch(id).await {
            Ok(_) => "accepted",
            Err(error) => error.code(),
        }
    }
}

#[tokio::test]
async fn a_document_is_fetched_and_says_where_its_client_may_be_sent() {
    let world = world().await;
    world.fake.answer(PATH, Reply::json(world.document()));
    let client = world.documents.fetch(&world.id).await.unwrap();
    assert_eq!(client.client_id, world.id);
    assert_eq!(client.client_name.as_deref(), Some("Example app"));
    assert_eq!(client.host().unwrap(), "app.example");
    assert_eq!(
        client.redirect("http://127.0.0.1:49152/callback"),
        Some(RedirectMatch::Loopback)
    );
    assert_eq!(client.redirect("https://app.example/callback/"), None);
    let seen = world.fake.seen();
    assert_eq!(seen[0].method, "GET");
    assert!(!seen[0].headers.contains_key("authorization"));
    assert!(!seen[0].headers.contains_key("cookie"));
}

#[tokio::test]
async fn a_document_is_kept_as_its_headers_say_within_bounds() {
    for (control, kept) in [
        (None, 600),
        (Some("max-age=60"), 60),
        (Some("max-age=99999999"), 24 * 3600),
        (Some("no-store"), 0),
        (Some("no-cache, max-age=60"), 0),
    ] {
        let world = world().await;
        let mut reply = Reply::json(world.document());
        if let Some(control) = control {
            reply = reply.header("cache-control", control);
        }
        world.fake.answer(PATH, reply);
        assert_eq!(world.judged(&world.id).await, "accepted");
        if kept > 0 {
            world.clock.advance(kept - 1);
            assert_eq!(world.judged(&world.id).await, "accepted");
            assert_eq!(world.fake.count(PATH), 1, "{control:?}");
            world.clock.advance(1);
        }
        assert_eq!(world.judged(&world.id).await, "accepted");
        assert_eq!(world.fake.count(PATH), 2, "{control:?}");
    }
}

#[tokio::test]
async fn bad_documents_are_refused_and_not_kept() {
    let world = world().await;
    let with = |name: &str, value: Value| {
        let mut document = world.document();
        document[name] = value;
        Reply::json(document)
    };
    let padded = format!("{}{}", world.document(), " ".repeat(5 * 1024));
    let unavailable = "client-document-unavailable";
    let table = [
        (Reply::status(404), unavailable),
        (Reply::status(500), unavailable),
        (Reply::json("[]"), unavailable),
        (Reply::json("{"), unavailable),
        (Reply::json(padded), unavailable),
        (
            Reply::json(world.document()).header("content-type", "text/html"),
            unavailable,
        ),
        (
            Reply::status(302).header("location", "http://169.254.169.254/"),
            unavailable,
        ),
        (
            Reply::status(302).header("location", "/elsewhere"),
            unavailable,
        ),
        (
            with("client_id", json!("https://app.example/other")),
            "client-document-other-client",
        ),
        (with("client_secret", json!("s")), "client-document-secret"),
        (
            with("token_endpoint_auth_method", json!("client_secret_post")),
            "client-document-secret",
        ),
        (
            with("redirect_uris", json!(["javascript:alert(1)"])),
            "client-document-no-redirect",
        ),
        (
            Reply::json(world.document())
                .header("content-type", "application/example+json; charset=utf-8"),
            "accepted",
        ),
    ];
    world
        .fake
        .answer("/elsewhere", Reply::json(world.document()));
    for (reply, expected) in table {
        world.fake.answer(PATH, reply);
        assert_eq!(world.judged(&world.id).await, expected);
    }
    assert_eq!(world.fake.count("/elsewhere"), 0);
}

#[tokio::test]
async fn a_client_id_does_not_lead_inside() {
    let world = world().await;
    world.fake.answer(PATH, Reply::json(world.document()));
    let port = world.fake.port();
    for id in [
        format!("https://127.0.0.1:{port}{PATH}"),
        format!("https://local.example:{port}{PATH}"),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://metadata.example/latest".to_owned(),
        "https://inside.example/a".to_owned(),
        "https://[::1]/a".to_owned(),
        "https://[fd00:ec2::254]/a".to_owned(),
        "https://[::ffff:7f00:1]/a".to_owned(),
        "https://nowhere.example/a".to_owned(),
    ] {
        assert_eq!(
            world.judged(&id).await,
            "client-document-unavailable",
            "{id}"
        );
    }
    for id in [
        format!("http://app.example:{port}{PATH}"),
        "http://127.0.0.1/a".to_owned(),
        "https://0x7f.1/a".to_owned(),
        "https://2130706433/a".to_owned(),
        "https://app.example/".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        assert_eq!(world.judged(&id).await, "client-id-address", "{id}");
    }
    assert!(world.fake.paths().is_empty());
}

#[tokio::test]
async fn slow_hosts_and_many_addresses_use_up_little() {
    let world = world().await;
    let never = Arc::new(Semaphore::new(0));
    let settings = ClientDocumentSettings {
        timeout: Duration::from_millis(500),
        parallel: 2,
        ..ClientDocumentSettings::default()
    };
    let documents = Arc::new(ClientDocuments::new(
        world.egress.clone(),
        settings,
        Arc::clone(&world.clock) as _,
    ));
    let ids = ["/1", "/2", "/3"].map(|path| {
        world.fake.answer(path, Reply::json("{}").gated(&never));
        format!("https://app.example:{}{path}", world.fake.port())
    });
    let [first, second, third] = ids;
    let slow = [first, second].map(|id| {
        let documents = Arc::clone(&documents);
        tokio::spawn(async move { documents.fetch(&id).await.unwrap_err().code() })
    });
    until("both are asked for", || world.fake.paths().len() == 2).await;
    assert_eq!(
        documents.fetch(&third).await.unwrap_err().code(),
        "client-document-busy"
    );
    for task in slow {
        assert_eq!(task.await.unwrap(), "client-document-unavailable");
    }
    assert_eq!(
        documents.fetch(&third).await.unwrap_err().code(),
        "client-document-unavailable"
    );
}
