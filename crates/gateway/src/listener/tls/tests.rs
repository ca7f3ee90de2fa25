use std::sync::Arc;
use std::time::Duration;

use portcullis_egress::{CertificateDer, TlsVersion, crypto_provider};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, HandshakeKind, NamedGroup, ProtocolVersion, RootCertStore,
    SupportedProtocolVersion, version,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

use super::{Certificate, ClientCertificates, Tls, TlsError, TlsKey, TlsSettings};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Authority::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate and its key, as PEM.
fn issue(authority: &Authority, change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
    let mut params = CertificateParams::new(vec!["gateway.example".to_owned()]).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn expired(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(2001, 1, 1);
}

/// The files of a listener.
struct Files {
    folder: TempDir,
    authority: Authority,
    clients: Authority,
}

impl Files {
    fn new() -> Self {
        let files = Self {
            folder: tempfile::tempdir().unwrap(),
            authority: authority(),
            clients: authority(),
        };
        files.renew();
        files.write("clients.pem", &files.clients.pem());
        files
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn renew(&self) {
        let (certificate, key) = issue(&self.authority, |_| {});
        self.write("gateway.pem", &certificate);
        self.write("gateway.key", &key);
    }

    fn settings(&self) -> TlsSettings {
        TlsSettings {
            certificate: self.folder.path().join("gateway.pem"),
            key: TlsKey::File(self.folder.path().join("gateway.key")),
            min_version: TlsVersion::Tls13,
            clients: ClientCertificates::Off,
            check_every: Duration::from_secs(5),
        }
    }

    fn taking_clients(&self, required: bool) -> TlsSettings {
        let authorities = self.folder.path().join("clients.pem");
        TlsSettings {
            clients: match required {
                true => ClientCertificates::Required { authorities },
                false => ClientCertificates::Optional { authorities },
            },
            ..self.settings()
        }
    }

    fn client(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        identity: Option<(String, String)>,
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(crypto_provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        Arc::new(match identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                use rustls::pki_types::pem::PemObject;
                let chain = portcullis_egress::certificates(certificate.as_bytes()).unwrap();
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        })
    }
}

/// What both sides of a connection saw.
#[derive(Debug)]
struct Met {
    /// What the listener says of the client, when it took it.
    accepted: Option<Option<Arc<Certificate>>>,
    /// What the client says of the listener, when it could exchange a byte with it.
    shown: Option<CertificateDer<'static>>,
    group: Option<NamedGroup>,
    version: Option<ProtocolVersion>,
    kind: Option<HandshakeKind>,
}

async fn meet(tls: &Tls, client: &Arc<ClientConfig>) -> Met {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let listening = async {
        let (mut stream, certificate) = tls.accept(ours).await?;
        let _echoed = async {
            let byte = stream.read_u8().await?;
            stream.write_u8(byte).await?;
            stream.shutdown().await
        }
        .await;
        Some(certificate)
    };
    let connecting = async {
        let name = ServerName::try_from("gateway.example").unwrap();
        let mut stream = TlsConnector::from(Arc::clone(client))
            .connect(name, theirs)
            .await
            .ok()?;
        stream.write_u8(7).await.ok()?;
        let byte = stream.read_u8().await.ok()?;
        assert_eq!(byte, 7);
        // What follows the answer: a ticket, when there is one.
        let _end = stream.read_u8().await;
        let connection = stream.get_ref().1;
        Some((
            connection.peer_certificates().unwrap()[0].clone(),
            connection.negotiated_key_exchange_group().unwrap().name(),
            connection.protocol_version().unwrap(),
            connection.handshake_kind().unwrap(),
        ))
    };
    let (accepted, seen) = tokio::join!(listening, connecting);
    let mut met = Met {
        accepted,
        shown: None,
        group: None,
        version: None,
        kind: None,
    };
    if let Some((shown, group, version, kind)) = seen {
        met.shown = Some(shown);
        met.group = Some(group);
        met.version = Some(version);
        met.kind = Some(kind);
    }
    met
}

const V13: &[&SupportedProtocolVersion] = &[&version::TLS13];
const V12: &[&SupportedProtocolVersion] = &[&version::TLS12];

#[tokio::test]
async fn the_newest_version_and_the_hybrid_key_exchange_are_spoken() {
    let files = Files::new();
    let tls = Tls::load(files.settings()).unwrap();
    let met = meet(
        &tls,
        &files.client(&[&version::TLS13, &version::TLS12], None),
    )
    .await;
    assert_eq!(met.version, Some(ProtocolVersion::TLSv1_3));
    assert_eq!(met.group, Some(NamedGroup::X25519MLKEM768));
    assert!(matches!(met.accepted, Some(None)), "{met:?}");
}

#[tokio::test]
async fn an_older_version_is_spoken_only_when_configured() {
    let files = Files::new();
    let client = files.client(V12, None);
    let met = meet(&Tls::load(files.settings()).unwrap(), &client).await;
    assert!(met.accepted.is_none() && met.shown.is_none(), "{met:?}");
    let settings = TlsSettings {
        min_version: TlsVersion::Tls12,
        ..files.settings()
    };
    let met = meet(&Tls::load(settings).unwrap(), &client).await;
    assert_eq!(met.version, Some(ProtocolVersion::TLSv1_2));
}

#[tokio::test]
async fn a_client_certificate_is_verified_and_handed_on() {
    let files = Files::new();
    let spiffe = "spiffe://example.org/agent";
    let usable = |params: &mut CertificateParams| {
        let uri = rcgen::SanType::URI(spiffe.try_into().unwrap());
        params.subject_alt_names = vec![uri];
    };
    let good = files.client(V13, Some(issue(&files.clients, usable)));
    let none = files.client(V13, None);
    let foreign = files.client(V13, Some(issue(&authority(), usable)));
    let old = files.client(V13, Some(issue(&files.clients, expired)));
    let for_servers = files.client(
        V13,
        Some(issue(&files.clients, |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        })),
    );
    for required in [true, false] {
        let tls = Tls::load(files.taking_clients(required)).unwrap();
        let met = meet(&tls, &good).await;
        let certificate = met.accepted.flatten().unwrap();
        assert_eq!(certificate.uris(), [spiffe]);
        let met = meet(&tls, &none).await;
        assert_eq!(met.accepted.is_some(), !required, "{met:?}");
        for refused in [&foreign, &old, &for_servers] {
            let met = meet(&tls, refused).await;
            assert!(met.accepted.is_none() && met.shown.is_none(), "{met:?}");
        }
    }
    let met = meet(&Tls::load(files.settings()).unwrap(), &good).await;
    assert!(
        matches!(met.accepted, Some(None)),
        "none was asked for: {met:?}"
    );
}

#[tokio::test]
async fn a_client_that_showed_a_certificate_is_verified_each_time() {
    let files = Files::new();
    let identity = Some(issue(&files.clients, |_| {}));
    for (settings, second) in [
        (files.settings(), HandshakeKind::Resumed),
        (files.taking_clients(false), HandshakeKind::Full),
    ] {
        let tls = Tls::load(settings).unwrap();
        let client = files.client(V13, identity.clone());
        assert_eq!(meet(&tls, &client).await.kind, Some(HandshakeKind::Full));
        assert_eq!(meet(&tls, &client).await.kind, Some(second));
    }
}

#[tokio::test]
async fn new_files_are_taken_and_bad_ones_leave_the_old() {
    let files = Files::new();
    let tls = Tls::load(files.settings()).unwrap();
    let client = files.client(V13, None);
    let first = meet(&tls, &client).await.shown.unwrap();
    assert!(!tls.reload().unwrap(), "nothing changed");

    files.renew();
    assert!(tls.reload().unwrap());
    let client = files.client(V13, None);
    let second = meet(&tls, &client).await.shown.unwrap();
    assert_ne!(first, second);

    let (certificate, key) = issue(&files.authority, |_| {});
    let (old, old_key) = issue(&files.authority, expired);
    files.write("gateway.pem", &certificate);
    assert!(
        matches!(tls.reload(), Err(TlsError::Certificate(_))),
        "the key is another's"
    );
    assert!(!tls.reload().unwrap(), "said once");
    files.write("gateway.pem", "half a fi");
    assert!(matches!(tls.reload(), Err(TlsError::Pem { .. })));
    files.write("gateway.pem", &old);
    files.write("gateway.key", &old_key);
    assert!(matches!(tls.reload(), Err(TlsError::Expired)));
    std::fs::remove_file(files.folder.path().join("gateway.key")).unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::Read { .. })));
    let client = files.client(V13, None);
    assert_eq!(meet(&tls, &client).await.shown.unwrap(), second);

    files.write("gateway.pem", &certificate);
    files.write("gateway.key", &key);
    assert!(tls.reload().unwrap());
    assert_ne!(
        meet(&tls, &files.client(V13, None)).await.shown.unwrap(),
        second
    );
}

#[test]
fn what_cannot_be_offered_is_not_loaded() {
    #[track_caller]
    fn check(change: impl FnOnce(&Files), expected: &str) {
        let files = Files::new();
        change(&files);
        let error = Tls::load(files.taking_clients(true)).unwrap_err();
        assert_eq!(error.to_string(), expected);
        let shown = format!("{error:?}");
        assert!(
            !shown.contains("PRIVATE") && !shown.contains("gateway.key"),
            "{shown}"
        );
    }
    check(
        |files| files.write("gateway.key", "not a key"),
        "what there is of the key cannot be used",
    );
    check(
        |files| files.write("gateway.key", &files.clients.pem()),
        "what there is of the key cannot be used",
    );
    check(
        |files| files.write("clients.pem", ""),
        "what there is of the certificate authorities of clients cannot be used",
    );
    check(
        |files| std::fs::remove_file(files.folder.path().join("gateway.pem")).unwrap(),
        "the file of the certificate cannot be read",
    );
    check(
        |files| files.write("gateway.key", &issue(&files.authority, |_| {}).1),
        "the certificate and its key cannot be used together",
    );
}

#[tokio::test]
async fn clear_text_on_a_tls_address_gets_nowhere() {
    let files = Files::new();
    let tls = Tls::load(files.settings()).unwrap();
    let (ours, mut theirs) = tokio::io::duplex(1024);
    theirs.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(tls.accept(ours).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_given_up() {
    let files = Files::new();
    let tls = Tls::load(files.settings()).unwrap();
    let (ours, _theirs) = tokio::io::duplex(1024);
    let begun = tokio::time::Instant::now();
    assert!(tls.accept(ours).await.is_none());
    assert_eq!(begun.elapsed().as_secs(), super::HANDSHAKE.as_secs());
}
