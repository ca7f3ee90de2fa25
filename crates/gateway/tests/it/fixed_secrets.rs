//! What servers are shown for every caller may be kept wherever references lead.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use portcullis_testkit::{Builder, Script, TestGateway};

const PATH: &str = "/v1/secret/data/portcullis/papers";
const TOKEN: &str = "hvs.a-token-of-the-gateway";

/// HashiCorp Vault with one secret (<https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2>).
struct Service {
    address: String,
    fields: Arc<Mutex<serde_json::Value>>,
}

impl Service {
    fn start(fields: serde_json::Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let fields = Arc::new(Mutex::new(fields));
        let shown = Arc::clone(&fields);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n > 0) {
                    head.push(byte[0]);
                }
                let head = String::from_utf8(head).unwrap().to_lowercase();
                let is_asked = head.starts_with(&format!("get {PATH} "))
                    && head.contains(&format!("x-vault-token: {TOKEN}\r\n"));
                let (status, body) = match is_asked {
                    true => {
                        let data = shown.lock().unwrap().clone();
                        let version = serde_json::json!({"version": 1});
                        let data = serde_json::json!({"data": data, "metadata": version});
                        (200, serde_json::json!({"data": data}).to_string())
                    }
                    false => (403, r#"{"errors":["permission denied"]}"#.to_owned()),
                };
                let answer = format!(
                    "HTTP/1.1 {status} .\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                let _gone = stream.write_all(answer.as_bytes());
            }
        });
        Self { address, fields }
    }
}

fn builder(service: &Service, folder: &tempfile::TempDir) -> Builder {
    let own = folder.path().join("own");
    std::fs::write(&own, TOKEN).unwrap();
    TestGateway::builder()
        .server("papers", Script::modern().tool("search"))
        .section(
            "secrets",
            &format!(
                "vault-address = \"{}\"\nvault-token = \"file:{}\"",
                service.address,
                own.display()
            ),
        )
        .section(
            "servers.papers.headers",
            "X-Api-Key = \"vault:secret/portcullis/papers#key\"",
        )
}

#[tokio::test]
async fn a_header_comes_from_a_service_and_never_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(serde_json::json!({"key": "the-first-key"}));
    let gateway = builder(&service, &folder).start().await;
    let caller = gateway.modern().await;
    assert_eq!(caller.tool("search", "{}").await.reason(), "");
    let shown = gateway.server("papers").last("tools/call");
    assert_eq!(shown.header("x-api-key"), Some("the-first-key"));

    // A configuration whose secrets are not all there changes nothing.
    *service.fields.lock().unwrap() = serde_json::json!({"other": "a-key"});
    let refused = gateway.reload("limits", "max-depth = 40").await;
    let problems = refused.unwrap_err().problems().join("\n");
    let expected = "`servers.papers.headers.x-api-key`: the secret \
                    vault:secret/portcullis/papers#key cannot be read: there is no such secret";
    assert!(problems.contains(expected), "{problems}");
    assert_eq!(caller.tool("search", "{}").await.reason(), "");

    *service.fields.lock().unwrap() = serde_json::json!({"key": "the-second-key"});
    gateway.reload("limits", "max-depth = 40").await.unwrap();
    assert_eq!(caller.tool("search", "{}").await.reason(), "");
    let shown = gateway.server("papers").last("tools/call");
    assert_eq!(shown.header("x-api-key"), Some("the-second-key"));
    gateway.finish().await;
}

#[tokio::test]
async fn what_is_on_this_machine_has_to_be_there_too() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "a-key-in-a-file\n").unwrap();
    let gateway = TestGateway::builder()
        .server("papers", Script::modern().tool("search"))
        .section(
            "servers.papers.headers",
            &format!("X-Api-Key = \"file:{}\"", key.display()),
        )
        .start()
        .await;
    let caller = gateway.modern().await;
    assert_eq!(caller.tool("search", "{}").await.reason(), "");
    let shown = gateway.server("papers").last("tools/call");
    assert_eq!(shown.header("x-api-key"), Some("a-key-in-a-file"));
    std::fs::remove_file(&key).unwrap();
    let refused = gateway.reload("limits", "max-depth = 40").await;
    let problems = refused.unwrap_err().problems().join("\n");
    assert!(problems.contains("the file cannot be read"), "{problems}");
    gateway.finish().await;
}
