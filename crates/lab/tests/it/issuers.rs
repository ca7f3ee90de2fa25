//! The issuers as processes.

use std::process::Stdio;

use portcullis_lab::entra::sample::CONTOSO;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::browse::get;
use super::exe;

async fn check(name: &str, env: &[(&str, &str)], look: impl AsyncFnOnce(&Value)) {
    let mut child = Command::new(exe())
        .args(["lab", name])
        .envs(env.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().expect("a line");
    look(&serde_json::from_str(&line).unwrap()).await;
    drop(child.stdin.take());
    assert!(child.wait().await.unwrap().success(), "{name}");
}

#[tokio::test]
async fn they_say_where_they_are_and_end_with_their_input() {
    let path = format!("/{CONTOSO}/v2.0/.well-known/openid-configuration");
    for name in ["entra", "graph"] {
        check(name, &[], async |places| {
            let document = get(places["entra"].as_str().unwrap(), &path).await.json();
            assert_eq!(
                document["issuer"],
                format!("{}/{CONTOSO}/v2.0", places["entra"].as_str().unwrap())
            );
            let graph = get(places["graph"].as_str().unwrap(), "/v1.0/me").await;
            assert_eq!(graph.status, 401);
        })
        .await;
    }
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("settings.json");
    std::fs::write(&settings, json!({"shape": "keycloak"}).to_string()).unwrap();
    let env = [("LAB_SETTINGS", settings.to_str().unwrap())];
    check("identity-provider", &env, async |places| {
        let issuer = places["issuer"].as_str().unwrap();
        assert!(issuer.ends_with("/realms/research"));
        let document = get(issuer, "/.well-known/openid-configuration")
            .await
            .json();
        assert_eq!(document["issuer"], issuer);
    })
    .await;
}

#[tokio::test]
async fn with_a_folder_entra_speaks_tls_under_its_own_authority() {
    let folder = tempfile::tempdir().unwrap();
    let env = [("LAB_TLS", folder.path().to_str().unwrap())];
    check("entra", &env, async |places| {
        let address = places["entra"]
            .as_str()
            .unwrap()
            .strip_prefix("https://")
            .unwrap();
        let pem = std::fs::read(folder.path().join("ca.pem")).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        use rustls::pki_types::pem::PemObject;
        roots
            .add(rustls::pki_types::CertificateDer::from_pem_slice(&pem).unwrap())
            .unwrap();
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
        for (name, good) in [
            ("login.microsoftonline.com", true),
            ("127.0.0.1", true),
            ("login.example.com", false),
        ] {
            let stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let name = rustls::pki_types::ServerName::try_from(name).unwrap();
            assert_eq!(
                connector.connect(name.clone(), stream).await.is_ok(),
                good,
                "{name:?}"
            );
        }
    })
    .await;
}
