//! A scripted MCP server on a loopback socket.

mod answer;
mod http;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use futures_util::future::BoxFuture;
use serde_json::value::RawValue;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};

use crate::{Script, eventually};

/// An MCP server over Streamable HTTP that answers from its script and records what it gets.
#[derive(Clone)]
pub struct ScriptedServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// One HTTP request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    /// The HTTP verb.
    pub verb: String,
    /// Every header, in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: String,
    /// The JSON-RPC method, where there is one.
    pub method: String,
    /// The raw JSON-RPC id.
    pub id: Option<String>,
    /// The raw params.
    pub params: Option<String>,
}

type Hook = Arc<dyn Fn(Received) -> BoxFuture<'static, ()> + Send + Sync>;

/// A status and headers, instead of an answer.
type TurnedAway = (u16, Vec<(&'static str, String)>);
type Guard = Arc<dyn Fn(&Received) -> Option<TurnedAway> + Send + Sync>;

struct Shared {
    script: RwLock<Script>,
    received: Mutex<Vec<Received>>,
    hook: Mutex<Option<Hook>>,
    guard: Mutex<Option<Guard>>,
    announcements: broadcast::Sender<String>,
    hung_up: watch::Sender<u64>,
    abandoned: AtomicUsize,
    asked: AtomicUsize,
    going: tokio::sync::watch::Sender<bool>,
    down: AtomicBool,
}

impl ScriptedServer {
    /// Starts a server. It ends with the test's runtime.
    pub async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            script: RwLock::new(script),
            received: Mutex::default(),
            hook: Mutex::default(),
            guard: Mutex::default(),
            announcements: broadcast::channel(4096).0,
            hung_up: watch::Sender::new(0),
            abandoned: AtomicUsize::new(0),
            asked: AtomicUsize::new(0),
            going: tokio::sync::watch::Sender::new(false),
            down: AtomicBool::new(false),
        });
        tokio::spawn(http::serve(listener, Arc::clone(&shared)));
        Self { address, shared }
    }

    /// Its endpoint.
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// Changes the script; connections stay.
    pub fn change(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.shared.script.write().unwrap());
    }

    /// Drops every connection that asks for something, or stops doing so.
    pub fn set_down(&self, down: bool) {
        self.shared.down.store(down, Ordering::SeqCst);
    }

    /// Runs before a request is answered; the answer waits for it.
    pub fn on_arrival(
        &self,
        hook: impl Fn(Received) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) {
        *self.shared.hook.lock().unwrap() = Some(Arc::new(hook));
    }

    /// Judges every request; those for which it gives a status and headers get these and nothing else.
    pub fn guard(&self, guard: impl Fn(&Received) -> Option<TurnedAway> + Send + Sync + 'static) {
        *self.shared.guard.lock().unwrap() = Some(Arc::new(guard));
    }

    /// Everything received so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// The requests with this method so far.
    pub fn calls(&self, method: &str) -> Vec<Received> {
        self.received()
            .into_iter()
            .filter(|request| request.method == method)
            .collect()
    }

    /// The last request with this method.
    pub fn last(&self, method: &str) -> Received {
        self.calls(method)
            .pop()
            .unwrap_or_else(|| panic!("the server got no {method}"))
    }

    /// Waits until `count` requests with this method have come.
    pub async fn arrived(&self, method: &str, count: usize) {
        eventually(&format!("{count} of {method}"), async || {
            (self.calls(method).len() >= count).then_some(())
        })
        .await;
    }

    /// Lets every [`crate::Step::Wait`] go on, now and from now on.
    pub fn go_on(&self) {
        self.shared.going.send_replace(true);
    }

    /// The messages that answer requests of the server so far, whole.
    pub fn answers(&self) -> Vec<String> {
        self.received()
            .into_iter()
            .filter(|request| request.method.is_empty() && request.id.is_some())
            .map(|request| request.body)
            .collect()
    }

    /// Waits until the gateway gave up on `count` answers by closing their connection.
    pub async fn abandoned(&self, count: usize) {
        let abandoned = &self.shared.abandoned;
        eventually("an abandoned answer", async || {
            (abandoned.load(Ordering::SeqCst) >= count).then_some(())
        })
        .await;
    }

    /// Announces that a list changed (`tools`, `prompts` or `resources`) on every open stream, once
    /// there is one.
    pub async fn announce(&self, list: &str) {
        let text = format!(r#"{{"jsonrpc":"2.0","method":"notifications/{list}/list_changed"}}"#);
        self.say(&text).await;
    }

    /// Says that a resource changed, like [`ScriptedServer::say`].
    pub async fn update(&self, uri: &str) {
        let text = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{{"uri":"{uri}"}}}}"#
        );
        self.say(&text).await;
    }

    /// Ends every open stream for announcements in the middle.
    pub fn hang_up(&self) {
        self.shared.hung_up.send_modify(|times| *times += 1);
    }

    /// How many streams for announcements are open.
    pub fn streams(&self) -> usize {
        self.shared.announcements.receiver_count()
    }

    /// Sends a raw message on every open stream for announcements, once there is one.
    pub async fn say(&self, text: &str) {
        let announcements = &self.shared.announcements;
        eventually("a stream for announcements", async || {
            announcements.send(text.to_owned()).ok()
        })
        .await;
    }

    /// Everything received, as one text to search.
    pub fn transcript(&self) -> String {
        self.received()
            .iter()
            .map(|request| format!("{request:?}\n"))
            .collect()
    }
}

impl Received {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The raw value of a member of the params.
    pub fn param(&self, name: &str) -> Option<String> {
        member(self.params.as_deref()?, name)
    }

    /// The raw value of a member of the params' `_meta`.
    pub fn meta(&self, key: &str) -> Option<String> {
        member(&self.param("_meta")?, key)
    }

    /// The params as a tree, for what needs no exact bytes.
    pub fn json(&self) -> serde_json::Value {
        let params = self.params.as_deref().unwrap_or("null");
        serde_json::from_str(params).unwrap()
    }

    /// The tool, prompt or URI that is asked for.
    pub fn name(&self) -> String {
        let of = |params: &str| member(params, "name").or_else(|| member(params, "uri"));
        let params = self.params.as_deref().unwrap_or("{}");
        let raw = of(params).or_else(|| of(&member(params, "ref")?));
        raw.map(|raw| serde_json::from_str(&raw).unwrap())
            .unwrap_or_default()
    }
}

/// The raw value of an object's member. Numbers of any size are left alone.
fn member(object: &str, name: &str) -> Option<String> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(object).ok()?;
    members.get(name).map(|value| value.get().to_owned())
}
