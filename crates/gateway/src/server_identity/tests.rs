use std::ffi::OsStr;
use std::net::IpAddr;
use std::path::Path;

use bytes::Bytes;
use portcullis_egress::{
    Client, EgressError, Limits, Naming, PrivateKeyDer, Resolve, Resolving, SpkiPin,
    crypto_provider,
};
use portcullis_store::Sqlite;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

#[cfg(unix)]
fn make(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(unix)]
#[test]
fn a_program_is_looked_up_as_it_would_be_started() {
    let folder = tempfile::tempdir().unwrap();
    let cwd = folder.path();
    for (name, mode) in [("first/papers", 0o644), ("second/papers", 0o755)] {
        std::fs::create_dir(cwd.join(name).parent().unwrap()).unwrap();
        make(&cwd.join(name), mode);
    }
    std::fs::create_dir(cwd.join("second/folder")).unwrap();
    let search = std::env::join_paths([
        Path::new("missing"),
        Path::new("first"),
        &cwd.join("second"),
    ]);
    let search = search.unwrap();
    let look = |command: &str| resolve(command, cwd, Some(&search)).ok();
    assert_eq!(look("papers"), Some(cwd.join("second/papers")));
    assert_eq!(look("folder"), None);
    assert_eq!(look("nothing"), None);
    // A path is not looked up: it is relative to where the child starts.
    assert_eq!(look("first/papers"), Some(cwd.join("first/papers")));
    assert_eq!(look("/bin/sh"), Some("/bin/sh".into()));
    let usual = resolve("sh", cwd, None).unwrap();
    assert!(usual.ends_with("sh") && usual.is_absolute(), "{usual:?}");
    assert!(resolve("sh", cwd, Some(OsStr::new(""))).is_err());
}

#[cfg(unix)]
#[tokio::test]
async fn a_program_that_is_touched_or_replaced_is_not_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("papers");
    make(&path, 0o755);
    let read = async || program::read(path.clone()).await.ok().unwrap();
    let first = read().await;
    assert!(first.is_unchanged());
    let (other, kept) = (folder.path().join("other"), folder.path().join("kept"));
    make(&other, 0o755);
    std::fs::rename(&path, &kept).unwrap();
    assert!(!first.is_unchanged(), "it is gone");
    std::fs::rename(&other, &path).unwrap();
    assert!(!first.is_unchanged(), "another file of the same text");
    assert_eq!(read().await.digest, first.digest);
}

#[test]
fn what_a_reviewer_is_shown_of_an_address_is_its_origin() {
    for (url, shown) in [
        (
            "https://user:pass@mcp.example/mcp?key=x",
            "https://mcp.example",
        ),
        ("http://127.0.0.1:8080/mcp", "http://127.0.0.1:8080"),
        ("/mcp", ""),
    ] {
        assert_eq!(origin(&url.parse().unwrap()), shown);
    }
}

/// A name whose address a test changes.
#[derive(Debug)]
struct Names(Mutex<IpAddr>);

impl Resolve for Names {
    fn resolve<'a>(&'a self, _name: &'a str) -> Resolving<'a> {
        let address = *self.0.lock().unwrap();
        Box::pin(async move { Ok(vec![address]) })
    }
}

type Authority = CertifiedIssuer<'static, KeyPair>;

/// Completes handshakes on this address with a new key; gives the key's pin.
fn impersonate(listener: TcpListener, authority: &Authority) -> SpkiPin {
    let params = CertificateParams::new(vec!["papers.test".to_owned()]).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap().der().clone();
    let pin = SpkiPin::of(&certificate).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(crypto_provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move { acceptor.accept(tcp).await.map(drop) });
        }
    });
    pin
}

#[tokio::test]
async fn a_dns_answer_that_leads_to_another_machine_leads_to_no_other_server() {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = Authority::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let right = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = right.local_addr().unwrap().port();
    let wrong = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
    let pin = impersonate(right, &authority);
    // Even the authority that is trusted gave the other one its certificate.
    impersonate(wrong, &authority);

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    let text = format!(
        "[authn]\nloopback = \"local\"\n[servers.papers]\nurl = \"https://papers.test:{port}/mcp\"\n\
         [servers.papers.identity]\nca = \"ca.pem\"\npins = [\"{pin}\"]\n[profiles.p]\nservers = [\"papers\"]\n"
    );
    let config = config::parse(&text).unwrap();
    let bound = config.servers["papers"].identity.clone();
    let resolver = Arc::new(Names(Mutex::new("127.0.0.1".parse().unwrap())));
    let mut settings = crate::outbound(&config, folder.path()).unwrap();
    settings.resolver = resolver.clone();
    let references = portcullis_vault::References::local(folder.path());
    let fixed = crate::vault::FixedSecrets::read(&config, &references).await;
    let peer = peer_tls(&bound, &fixed.unwrap(), true).unwrap().unwrap();
    let fetch = async || {
        let client = Client::new(&settings).unwrap().for_peer(&peer).unwrap();
        let request = http::Request::get(format!("https://papers.test:{port}/mcp"));
        let request = request.body(Bytes::new()).unwrap();
        let limits = Limits::default();
        client.send(request, Naming::Configured, &limits).await
    };
    let met = fetch().await;
    assert!(matches!(met, Err(EgressError::Broken(_))), "{met:?}");
    *resolver.0.lock().unwrap() = "127.0.0.2".parse().unwrap();
    let met = fetch().await;
    assert!(matches!(met, Err(EgressError::Pin)), "{met:?}");

    let store = Arc::new(Sqlite::open_in_memory().await.unwrap());
    let registry = Arc::new(Registry::open(store).await.unwrap());
    let binding = Binding {
        server: Arc::from("papers"),
        registry: Arc::clone(&registry),
        names: Arc::default(),
        enforced: true,
        trust_on_first_use: true,
        bound,
        place: Place::Origin(format!("https://papers.test:{port}")),
    };
    let refusal = binding
        .refused(UpstreamError::TimedOut, upstream::refused)
        .await;
    assert_eq!(refusal.reason(), Reason::UpstreamTimeout);
    assert!(!registry.is_held("papers"));
    let refusal = binding
        .refused(UpstreamError::Identity, upstream::refused)
        .await;
    assert_eq!(refusal.reason(), Reason::ServerIdentityChanged);
    assert!(registry.is_held("papers") && !registry.is_held("other"));
}
