//! An MCP server as far as the broker sees one: a challenge, and a document about its authorization
//! server.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub(crate) struct Mcp {
    state: Arc<Mutex<State>>,
    port: u16,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    document: Value,
    challenge: Option<String>,
    asked: Vec<String>,
    is_away: bool,
}

impl Drop for Mcp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Mcp {
    /// Names these authorization servers.
    pub(crate) async fn start(issuers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state: Arc<Mutex<State>> = Arc::default();
        let serving = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        let mcp = Self { state, port, task };
        mcp.names(issuers);
        mcp
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", self.port)
    }

    /// Names these from now on.
    pub(crate) fn names(&self, issuers: &[&str]) {
        let document = json!({
            "resource": self.url(),
            "authorization_servers": issuers,
            "scopes_supported": ["tools.read"],
        });
        self.state.lock().unwrap().document = document;
    }

    /// Calls itself so from now on.
    pub(crate) fn is(&self, resource: &str) {
        self.state.lock().unwrap().document["resource"] = resource.into();
    }

    /// Answers nothing that helps while that is so.
    pub(crate) fn is_away(&self, away: bool) {
        self.state.lock().unwrap().is_away = away;
    }

    /// Has this in its document, too.
    pub(crate) fn says(&self, member: &str, value: Value) {
        self.state.lock().unwrap().document[member] = value;
    }

    /// Answers requests without a token so.
    pub(crate) fn challenges(&self, challenge: &str) {
        self.state.lock().unwrap().challenge = Some(challenge.to_owned());
    }

    /// Everything that it was asked, heads and bodies.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }
}

async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await.ok()? == 0 {
                return None;
            }
        }
        let lower = head.to_ascii_lowercase();
        let length = lower.split("content-length: ").nth(1);
        let length = length.and_then(|rest| rest.split("\r\n").next()?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body).await.ok()?;
        let answer = {
            let mut state = state.lock().unwrap();
            let body = String::from_utf8_lossy(&body).into_owned();
            state.asked.push(format!("{head}{body}"));
            match head.split(' ').nth(1)? {
                _ if state.is_away => reply("503 Service Unavailable", "", "{}"),
                "/.well-known/oauth-protected-resource/mcp" | "/elsewhere" => {
                    reply("200 OK", "", &state.document.to_string())
                }
                "/mcp" => match &state.challenge {
                    Some(challenge) => {
                        let header = format!("WWW-Authenticate: {challenge}\r\n");
                        reply("401 Unauthorized", &header, "{}")
                    }
                    None => reply("200 OK", "", "{}"),
                },
                _ => reply("404 Not Found", "", "{}"),
            }
        };
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}

fn reply(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
