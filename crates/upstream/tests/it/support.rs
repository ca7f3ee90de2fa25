//! Specifications of scripted servers, and waiting for a condition.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis_mcp::json::Limits;
use portcullis_mcp::{Message, Method};
use portcullis_upstream::{
    ClientCapabilities, Connection, EraChoice, Exchange, HttpClient, Request, Spec, Transport,
    Upstream, UpstreamError,
};
use secrecy::SecretString;
use serde_json::Value;

/// The scripted server; built with the tests because it is an example of this package.
pub(crate) fn server_path() -> String {
    let mut path: PathBuf = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.push("examples");
    path.push(format!("scripted_server{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.exists(),
        "run `cargo build --examples -p portcullis-upstream` first"
    );
    path.to_str().unwrap().to_owned()
}

/// A scripted child with these arguments.
pub(crate) fn child(args: &[&str]) -> Spec {
    command(&server_path(), args)
}

/// Any child.
pub(crate) fn command(command: &str, args: &[&str]) -> Spec {
    spec(Transport::Stdio {
        command: command.to_owned(),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        env: Vec::new(),
        cwd: None,
    })
}

/// Any transport with time for a busy machine.
pub(crate) fn spec(transport: Transport) -> Spec {
    Spec {
        name: "scripted".to_owned(),
        transport,
        era: EraChoice::Auto,
        startup_timeout: Duration::from_secs(30),
        request_timeout: Duration::from_secs(20),
        limits: Limits::default(),
        client: ClientCapabilities::default(),
        credentials: None,
    }
}

pub(crate) fn with_env(mut spec: Spec, variables: &[(&str, &str)]) -> Spec {
    if let Transport::Stdio { env, .. } = &mut spec.transport {
        env.extend(
            variables
                .iter()
                .map(|(key, value)| ((*key).to_owned(), SecretString::from(*value))),
        );
    }
    spec
}

/// Declares these capabilities to legacy servers.
pub(crate) fn declaring(mut spec: Spec, capabilities: Value) -> Spec {
    spec.client.legacy = capabilities.to_string();
    spec
}

pub(crate) fn upstream(spec: Spec) -> Upstream {
    Upstream::new(spec, HttpClient::new().unwrap())
}

pub(crate) async fn connect(spec: Spec) -> (Upstream, Arc<Connection>) {
    let upstream = upstream(spec);
    let connection = upstream.connection().await.unwrap();
    (upstream, connection)
}

/// Starts a `tools/call`.
pub(crate) async fn begin(
    connection: &Connection,
    name: &str,
    arguments: Value,
) -> Result<Exchange, UpstreamError> {
    let params = serde_json::json!({"name": name, "arguments": arguments}).to_string();
    connection
        .request(Request {
            method: Method::ToolsCall,
            params: &params,
            name: Some(name),
            headers: &[],
            progress: true,
            log_level: None,
            credentials: None,
        })
        .await
}

/// Calls a tool and gives its result.
pub(crate) async fn call(
    connection: &Connection,
    name: &str,
    arguments: Value,
) -> Result<Value, UpstreamError> {
    let answer = begin(connection, name, arguments).await?.answer().await?;
    Ok(result(&answer))
}

pub(crate) fn result(message: &Message) -> Value {
    let result = message
        .result()
        .unwrap_or_else(|| panic!("not a result: {}", message.as_str()));
    serde_json::from_str(result).unwrap()
}

/// The next message, which must come before long.
pub(crate) async fn soon<T>(next: impl Future<Output = Option<T>>) -> T {
    tokio::time::timeout(Duration::from_secs(20), next)
        .await
        .expect("a message in time")
        .expect("a message")
}

/// Waits until the condition holds; level-triggered, with a limit for a busy machine.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether a process lives. A zombie does not.
pub(crate) fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    !stat.is_empty() && state != Some('Z')
}
