//! A real authorization server (npm `oidc-provider`, `interop/authorization/server.mjs`), and a
//! browser that goes where it is sent.
//!
//! It runs only when `PORTCULLIS_INTEROP` names the folder of the peers (`cargo xtask peers`) and
//! `RUN_SLOW_TESTS` is 1.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Request;
use http::header::{COOKIE, LOCATION, SET_COOKIE};
use portcullis_egress::{Client, Limits, Naming};
use portcullis_oauth::{
    AuthorizationServer, BackChannel, ClientAuth, ClientIdentity, Discovery, DiscoverySettings,
    IssuerQuery, SystemClock, TokenClient,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use url::Url;

use crate::world::guarded_client;

/// The address that the server's own clients come back to.
pub(crate) const CALLBACK: &str = "http://127.0.0.1/callback";

/// A running server. It ends with this value.
pub(crate) struct Provider {
    pub(crate) issuer: String,
    pub(crate) server: Arc<AuthorizationServer>,
    // Its standard input is closed with it, at which the server ends.
    _child: Child,
}

impl Provider {
    /// Starts one, or says why not.
    #[expect(clippy::print_stderr, reason = "says why a test does nothing")]
    pub(crate) async fn start(config: Value) -> Option<Self> {
        let folder = std::env::var_os("PORTCULLIS_INTEROP").filter(|folder| !folder.is_empty());
        let slow = std::env::var_os("RUN_SLOW_TESTS").is_some_and(|value| value == "1");
        let Some(folder) = folder.filter(|_| slow) else {
            eprintln!(
                "skipped: the authorization server needs RUN_SLOW_TESTS=1 and PORTCULLIS_INTEROP=<absolute path \
                 of interop/>, and `cargo xtask peers` before"
            );
            return None;
        };
        let folder = Path::new(&folder);
        // The version that the server supports, where npm has it for this system.
        let node = folder.join("node_modules/node22/bin/node");
        let node = if node.exists() { node } else { "node".into() };
        let mut child = Command::new(node)
            .arg(folder.join("authorization/server.mjs"))
            .arg("--config")
            .arg(config.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(Duration::from_secs(60), lines.next_line())
            .await
            .expect("the server starts within a minute")
            .unwrap()
            .expect("the server says where it is");
        let ready: Value = serde_json::from_str(&line).unwrap();
        let issuer = ready["issuer"].as_str().unwrap().to_owned();
        let discovery = Discovery::new(
            guarded_client(),
            DiscoverySettings::default(),
            Arc::new(SystemClock::new()),
        );
        let server = discovery
            .authorization_server(&IssuerQuery::configured(&issuer))
            .await
            .unwrap();
        Some(Self {
            issuer,
            server,
            _child: child,
        })
    }

    /// Its token endpoint, seen by this client.
    pub(crate) fn client(&self, id: &str, auth: ClientAuth) -> TokenClient {
        let identity = ClientIdentity::new(id, auth).unwrap();
        TokenClient::at(guarded_client(), &self.server, Arc::new(identity)).unwrap()
    }

    pub(crate) fn channel(&self, id: &str, auth: ClientAuth) -> BackChannel {
        let identity = ClientIdentity::new(id, auth).unwrap();
        BackChannel::new(
            guarded_client(),
            Arc::clone(&self.server),
            Arc::new(identity),
        )
    }
}

/// Follows redirects with a cookie jar, until it comes back to `callback`. Its query.
pub(crate) async fn browse(start: &Url, callback: &str) -> String {
    let http = guarded_client();
    let mut cookies = BTreeMap::new();
    let mut url = start.clone();
    for _ in 0..12 {
        url = step(&http, &url, &mut cookies).await;
        if let Some(rest) = url.as_str().strip_prefix(callback) {
            return rest.strip_prefix('?').unwrap_or_default().to_owned();
        }
    }
    panic!("no way back from {start}");
}

async fn step(http: &Client, url: &Url, cookies: &mut BTreeMap<String, String>) -> Url {
    let jar: Vec<String> = cookies
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let request = Request::get(url.as_str())
        .header(COOKIE, jar.join("; "))
        .body(bytes::Bytes::new())
        .unwrap();
    let response = http
        .send(request, Naming::Configured, &Limits::default())
        .await
        .unwrap();
    for cookie in response.headers().get_all(SET_COOKIE) {
        let pair = cookie.to_str().unwrap().split(';').next().unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        if value.is_empty() {
            cookies.remove(name);
        } else {
            cookies.insert(name.to_owned(), value.to_owned());
        }
    }
    let location = response.headers().get(LOCATION).unwrap_or_else(|| {
        panic!("{} at {url}: {:?}", response.status(), response.body());
    });
    url.join(location.to_str().unwrap()).unwrap()
}

/// Header and claims of a JWT.
pub(crate) fn jwt(token: &SecretString) -> (Value, Value) {
    let mut parts = token.expose_secret().split('.').map(|part| {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap_or_default())
            .unwrap_or_default()
    });
    (parts.next().unwrap(), parts.next().unwrap())
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}
