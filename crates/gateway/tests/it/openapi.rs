//! An API behind an OpenAPI document: its operations are tools like any other server's.

use std::path::Path;
use std::sync::{Arc, Mutex};

use portcullis_gateway::load;
use portcullis_testkit::{Speaks, TestGateway};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const PETS: &str = r#"
openapi: 3.1.0
info: {title: Pets, version: '1'}
paths:
  /pets/{id}:
    get:
      operationId: getPet
      description: One pet.
      parameters:
        - {name: id, in: path, required: true, schema: {type: string}}
        - {name: session, in: cookie}
      responses: {200: {description: ok, content: {application/json: {schema: {type: object}}}}}
    options: {}
"#;

/// An API that answers every request with one pet, and the heads of the requests.
async fn api() -> (String, Arc<Mutex<Vec<String>>>) {
    const BODY: &str = r#"{"name":"Rex"}"#;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            log.lock().unwrap().push(String::from_utf8(head).unwrap());
            let length = BODY.len();
            let reply = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{BODY}"
            );
            stream.write_all(reply.as_bytes()).await.unwrap();
        }
    });
    (base, seen)
}

#[tokio::test]
async fn operations_are_listed_judged_and_called() {
    let (base, seen) = api().await;
    let folder = tempfile::tempdir().unwrap();
    let document = folder.path().join("pets.yaml");
    std::fs::write(&document, PETS).unwrap();
    let gateway = TestGateway::builder()
        .without_loopback()
        .key("ada", "pcl_caller-secret", "")
        .section(
            "servers.pets",
            &format!(
                "openapi = {document:?}\nurl = \"{base}\"\nplain-headers = {{ X-Key = \"configured\" }}"
            ),
        )
        .section("profiles.main", "servers = [\"pets\"]")
        .start()
        .await;
    let headers = [("authorization", "Bearer pcl_caller-secret")];
    for speaks in Speaks::BOTH {
        let caller = gateway.caller(speaks, "/mcp/main", &headers).await;
        assert_eq!(caller.list("tools/list").await, ["getPet"]);
        let result = caller.tool("getPet", r#"{"id":"a/b"}"#).await.result();
        assert_eq!(result["structuredContent"]["name"], "Rex");
        let refused = caller.tool("getPet", r#"{"id":".."}"#).await.result();
        assert_eq!(refused["isError"], true);
    }
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 2);
    for head in seen.iter() {
        assert!(
            head.starts_with("GET /v1/pets/a%2Fb HTTP/1.1\r\n"),
            "{head}"
        );
        assert!(head.contains("x-key: configured\r\n"), "{head}");
        assert!(!head.contains("caller-secret"), "{head}");
    }
    let [definition] = &gateway.definitions().await[..] else {
        panic!("not one definition");
    };
    assert_eq!(
        (&*definition.key.server, &*definition.key.name),
        ("pets", "getPet")
    );
    gateway.finish().await;
}

fn configuration(folder: &Path, servers: &str) -> std::path::PathBuf {
    let path = folder.join("portcullis.toml");
    std::fs::write(&path, servers).unwrap();
    std::fs::create_dir_all(folder.join("policies")).unwrap();
    std::fs::write(
        folder.join("policies/all.cedar"),
        "permit (principal, action, resource);",
    )
    .unwrap();
    path
}

#[test]
fn every_bad_document_is_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let path = configuration(
        folder.path(),
        "[servers.a]\nopenapi = \"gone.yaml\"\nurl = \"https://a.example\"\n\n[servers.b]\nopenapi = \"bad.yaml\"\nurl = \"https://b.example\"\n",
    );
    std::fs::write(
        folder.path().join("bad.yaml"),
        "openapi: 3.0.0\npaths:\n  /a/{b}: {get: {}}\n",
    )
    .unwrap();
    let base = folder.path().display().to_string();
    let problems = load(&path).unwrap_err().problems();
    let shown: Vec<_> = problems
        .iter()
        .map(|problem| problem.replace(&base, "."))
        .collect();
    let [missing, title, version, template] = &shown[..] else {
        panic!("{shown:#?}");
    };
    assert!(
        missing.starts_with(
            "error: ./portcullis.toml:1: the openapi document of server `a`, ./gone.yaml, cannot be read: "
        ),
        "{missing}"
    );
    assert_eq!(title, "error: ./bad.yaml: /info: `title` is missing");
    assert_eq!(version, "error: ./bad.yaml: /info: `version` is missing");
    assert!(
        template.starts_with("error: ./bad.yaml: /paths/"),
        "{template}"
    );
}

#[test]
fn what_is_left_out_is_a_warning_and_the_file_is_watched() {
    let folder = tempfile::tempdir().unwrap();
    let path = configuration(
        folder.path(),
        "[servers.pets]\nopenapi = \"pets.yaml\"\nurl = \"https://pets.example\"\n[profiles.main]\nservers = [\"pets\"]\n",
    );
    let document = folder.path().join("pets.yaml");
    std::fs::write(&document, PETS).unwrap();
    let loaded = load(&path).unwrap();
    assert!(loaded.sources.contains(&document));
    let at = document.display();
    let expected = [
        format!(
            "server `pets`: {at}: left out /paths/~1pets~1{{id}}/get/parameters/1: a cookie, which is not sent"
        ),
        format!(
            "server `pets`: {at}: left out /paths/~1pets~1{{id}}/options: its method is not offered as a tool"
        ),
    ];
    let told: Vec<_> = loaded
        .warnings
        .iter()
        .filter(|warning| warning.contains("pets.yaml"))
        .collect();
    assert_eq!(told, expected.iter().collect::<Vec<_>>());
}
