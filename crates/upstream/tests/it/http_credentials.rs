//! Credentials that are asked for before each request: where they go, and what a refusal leads to.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use portcullis_mcp::Method;
use portcullis_upstream::{
    Cause, Connection, Credential, Credentials, HttpKind, Request, Spec, Transport, UpstreamError,
};
use serde_json::json;

use crate::endpoint::{Endpoint, Reply, Seen, legacy, modern};
use crate::support::{call, connect, eventually, upstream};

/// A source whose credentials are numbered, and which says what the test told it to.
#[derive(Default)]
struct Source {
    name: &'static str,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    given: usize,
    renewals: usize,
    /// Refusals that were seen: the status and the challenges.
    refusals: Vec<(u16, Vec<String>)>,
    empty: bool,
}

struct Numbered {
    source: Arc<Source>,
    headers: HeaderMap,
}

#[derive(Debug, thiserror::Error)]
#[error("the source is empty")]
struct Empty;

impl Source {
    fn new(name: &'static str, renewals: usize) -> Arc<Self> {
        let state = State {
            renewals,
            ..State::default()
        };
        Arc::new(Self {
            name,
            state: Mutex::new(state),
        })
    }

    fn give(self: &Arc<Self>) -> Box<dyn Credential> {
        let mut state = self.state.lock().unwrap();
        state.given += 1;
        let value = format!("Bearer {}-{}", self.name, state.given);
        let mut headers = HeaderMap::new();
        let mut value = HeaderValue::from_str(&value).unwrap();
        value.set_sensitive(true);
        headers.insert("authorization", value);
        Box::new(Numbered {
            source: Arc::clone(self),
            headers,
        })
    }

    fn refusals(&self) -> Vec<(u16, Vec<String>)> {
        self.state.lock().unwrap().refusals.clone()
    }
}

struct Shared(Arc<Source>);

#[async_trait]
impl Credentials for Shared {
    async fn credential(&self) -> Result<Box<dyn Credential>, Cause> {
        if self.0.state.lock().unwrap().empty {
            return Err(Arc::new(Empty));
        }
        Ok(self.0.give())
    }
}

#[async_trait]
impl Credential for Numbered {
    fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    async fn rejected(
        &self,
        status: StatusCode,
        challenges: &[HeaderValue],
    ) -> Result<Option<Box<dyn Credential>>, Cause> {
        {
            let mut state = self.source.state.lock().unwrap();
            let challenges = challenges
                .iter()
                .map(|one| one.to_str().unwrap().to_owned());
            state.refusals.push((status.as_u16(), challenges.collect()));
            match state.renewals {
                0 => return Ok(None),
                usize::MAX => return Err(Arc::new(Empty)),
                _ => state.renewals -= 1,
            }
        }
        Ok(Some(self.source.give()))
    }
}

fn with(mut spec: Spec, source: &Arc<Source>) -> Spec {
    spec.credentials = Some(Arc::new(Shared(Arc::clone(source))));
    spec
}

fn shown(seen: &Seen) -> &str {
    seen.header("authorization").unwrap_or_default()
}

fn numbers(source: &str, count: usize) -> Vec<String> {
    let numbered = |number| format!("Bearer {source}-{number}");
    (1..=count).map(numbered).collect()
}

async fn call_as(connection: &Connection, source: &Arc<Source>) -> Result<(), UpstreamError> {
    let credentials = Shared(Arc::clone(source));
    let request = Request {
        method: Method::ToolsCall,
        params: r#"{"name":"t"}"#,
        name: Some("t"),
        headers: &[],
        progress: false,
        log_level: None,
        credentials: Some(&credentials),
    };
    connection.request(request).await?.answer().await?;
    Ok(())
}

#[tokio::test]
async fn every_request_asks_anew_and_the_configured_header_gives_way() {
    let endpoint = Endpoint::start(legacy(|seen| match seen.verb.as_str() {
        "POST" => Reply::json(seen.result(&json!({}))),
        _ => Reply::status(405),
    }))
    .await;
    let source = Source::new("own", 0);
    let (upstream, connection) = connect(with(endpoint.spec(), &source)).await;
    call(&connection, "a", json!({})).await.unwrap();
    eventually("the server's stream is asked for", || {
        endpoint.log().contains(&"GET".to_owned())
    })
    .await;
    upstream.shutdown().await;
    let mut log = endpoint.log();
    log.sort();
    assert_eq!(
        log,
        [
            "DELETE",
            "GET",
            "initialize",
            "notifications/initialized",
            "server/discover",
            "tools/call",
        ]
    );
    let mut sent: Vec<String> = endpoint
        .seen()
        .iter()
        .map(|seen| shown(seen).to_owned())
        .collect();
    sent.sort();
    assert_eq!(sent, numbers("own", 6));
}

#[tokio::test]
async fn a_request_brings_credentials_of_its_own() {
    let endpoint = Endpoint::start(modern(|seen| Reply::json(seen.result(&json!({}))))).await;
    let source = Source::new("own", 0);
    let (_upstream, connection) = connect(with(endpoint.spec(), &source)).await;
    let other = Source::new("other", 0);
    call_as(&connection, &other).await.unwrap();
    let calls = endpoint.seen();
    let called = calls.iter().find(|seen| seen.method() == "tools/call");
    assert_eq!(shown(called.unwrap()), "Bearer other-1");
}

#[tokio::test]
async fn a_refusal_is_told_and_the_request_is_sent_again() {
    let endpoint = Endpoint::start(modern(|seen| match shown(seen) {
        "Bearer call-2" => Reply::json(seen.result(&json!({}))),
        _ => Reply::status(401).with("www-authenticate", "Bearer error=\"invalid_token\""),
    }))
    .await;
    let (_upstream, connection) = connect(endpoint.spec()).await;
    let source = Source::new("call", usize::MAX - 1);
    call_as(&connection, &source).await.unwrap();
    let challenge = "Bearer error=\"invalid_token\"".to_owned();
    assert_eq!(source.refusals(), [(401, vec![challenge])]);
}

#[tokio::test]
async fn a_server_that_always_refuses_is_asked_three_times() {
    let endpoint = Endpoint::start(modern(|_| Reply::status(401))).await;
    let (_upstream, connection) = connect(endpoint.spec()).await;
    let source = Source::new("call", 100);
    let refused = call_as(&connection, &source).await.unwrap_err();
    assert!(
        matches!(refused, UpstreamError::Unauthorized),
        "{refused:?}"
    );
    let calls = endpoint
        .log()
        .iter()
        .filter(|one| *one == "tools/call")
        .count();
    assert_eq!(calls, 3);
}

#[tokio::test]
async fn a_forbidden_answer_stands_when_no_credential_would_change_it() {
    let endpoint = Endpoint::start(modern(|seen| {
        Reply::status(403)
            .with("content-type", "application/json")
            .body(seen.error(-32_001))
    }))
    .await;
    let (_upstream, connection) = connect(endpoint.spec()).await;
    let source = Source::new("call", 0);
    call_as(&connection, &source).await.unwrap();
    assert_eq!(source.refusals(), [(403, Vec::new())]);
}

#[tokio::test]
async fn what_the_source_says_comes_back_and_does_not_count_against_the_server() {
    let endpoint = Endpoint::start(modern(|seen| Reply::json(seen.result(&json!({}))))).await;
    let source = Source::new("own", 0);
    source.state.lock().unwrap().empty = true;
    let upstream = upstream(with(endpoint.spec(), &source));
    for _ in 0..3 {
        let Err(UpstreamError::Credential(cause)) = upstream.connection().await else {
            panic!("a connection without a credential");
        };
        assert!(cause.downcast_ref::<Empty>().is_some());
    }
    assert!(endpoint.log().is_empty(), "{:?}", endpoint.log());
    source.state.lock().unwrap().empty = false;
    let connection = upstream.connection().await.unwrap();

    let refusing = Endpoint::start(modern(|_| Reply::status(403))).await;
    let (_other, refused) = connect(refusing.spec()).await;
    let source = Source::new("call", usize::MAX);
    let error = call_as(&refused, &source).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Credential(_)), "{error:?}");
    drop(connection);
}

#[tokio::test]
async fn an_old_server_gets_them_on_its_stream_and_with_every_message() {
    let endpoint = Endpoint::start(|seen| match seen.verb.as_str() {
        "GET" => Reply::events("event: endpoint\ndata: /messages\n\n"),
        _ => Reply::accepted(),
    })
    .await;
    let mut spec = endpoint.spec();
    if let Transport::Http { kind, .. } = &mut spec.transport {
        *kind = HttpKind::Sse;
    }
    let source = Source::new("own", 0);
    // The stream ends at once; what was sent until then is what counts.
    let _ended = upstream(with(spec, &source)).connection().await;
    let sent: Vec<String> = endpoint
        .seen()
        .iter()
        .map(|seen| shown(seen).to_owned())
        .collect();
    assert!(sent.len() >= 2, "{sent:?}");
    assert_eq!(sent, numbers("own", sent.len()));
}

#[tokio::test]
async fn an_api_gets_them_instead_of_what_the_caller_said() {
    let document = r#"{"openapi":"3.1.0","info":{"title":"a","version":"1"},"paths":{"/x":{"get":
        {"operationId":"x","parameters":[{"name":"X-Key","in":"header","schema":{"type":"string"}}]}}}}"#;
    let document = portcullis_openapi::Document::parse(
        document.as_bytes(),
        &portcullis_openapi::Limits::default(),
    );
    let endpoint = Endpoint::start(|seen| match shown(seen) {
        "Bearer api-2" => Reply::json("{}"),
        _ => Reply::status(401),
    })
    .await;
    let spec = crate::support::spec(Transport::OpenApi {
        document: Arc::new(document.unwrap()),
        base: format!("http://{}/", endpoint.address).parse().unwrap(),
        headers: Vec::new(),
        tls: None,
    });
    let source = Source::new("api", 1);
    let (_upstream, connection) = connect(with(spec, &source)).await;
    let result = call(&connection, "x", json!({"X-Key": "mine"}))
        .await
        .unwrap();
    assert_eq!(result["isError"], json!(false), "{result}");
    assert_eq!(endpoint.seen().len(), 2);
}

#[test]
fn a_specification_shows_nothing_of_its_source() {
    let source = Source::new("own", 0);
    let shown: Arc<dyn Credentials> = Arc::new(Shared(source));
    assert_eq!(format!("{shown:?}"), "Credentials");
}

/// A source of credentials that are bound to a key. Its proofs say for what they are, and have a number
/// and the server's latest nonce.
#[derive(Clone, Default)]
struct Bound(Arc<Mutex<Proofs>>);

#[derive(Default)]
struct Proofs {
    made: usize,
    nonce: Option<String>,
    renewals: usize,
    refusals: usize,
}

#[async_trait]
impl Credentials for Bound {
    async fn credential(&self) -> Result<Box<dyn Credential>, Cause> {
        Ok(Box::new(self.proving()))
    }
}

impl Bound {
    fn proving(&self) -> Proving {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_static("DPoP token"));
        Proving {
            source: self.clone(),
            headers,
        }
    }
}

struct Proving {
    source: Bound,
    headers: HeaderMap,
}

#[async_trait]
impl Credential for Proving {
    fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    fn proof(&self, method: &http::Method, uri: &Uri) -> Result<Option<HeaderValue>, Cause> {
        let mut proofs = self.source.0.lock().unwrap();
        proofs.made += 1;
        let nonce = proofs.nonce.as_deref().unwrap_or("none");
        let proof = format!("{} {method} {} {nonce}", proofs.made, uri.path());
        Ok(Some(HeaderValue::from_str(&proof).unwrap()))
    }

    fn answered(&self, _uri: &Uri, status: StatusCode, head: &HeaderMap) -> bool {
        let mut proofs = self.source.0.lock().unwrap();
        let Some(nonce) = head.get("dpop-nonce") else {
            return false;
        };
        proofs.nonce = Some(nonce.to_str().unwrap().to_owned());
        status == StatusCode::UNAUTHORIZED
    }

    async fn rejected(
        &self,
        _status: StatusCode,
        _challenges: &[HeaderValue],
    ) -> Result<Option<Box<dyn Credential>>, Cause> {
        let mut proofs = self.source.0.lock().unwrap();
        proofs.refusals += 1;
        match proofs.renewals {
            0 => return Ok(None),
            _ => proofs.renewals -= 1,
        }
        Ok(Some(Box::new(self.source.proving())))
    }
}

/// The proofs that the endpoint saw, without their numbers, and the numbers.
fn proofs(endpoint: &Endpoint) -> (Vec<String>, Vec<usize>) {
    let seen = endpoint.seen();
    let split = seen.iter().map(|seen| {
        let (number, rest) = seen.header("dpop").unwrap().split_once(' ').unwrap();
        (rest.to_owned(), number.parse::<usize>().unwrap())
    });
    split.unzip()
}

#[tokio::test]
async fn every_request_has_a_proof_of_its_own() {
    let endpoint = Endpoint::start(legacy(|seen| match seen.verb.as_str() {
        "POST" => Reply::json(seen.result(&json!({}))),
        _ => Reply::status(405),
    }))
    .await;
    let mut spec = endpoint.spec();
    spec.credentials = Some(Arc::new(Bound::default()));
    let (upstream, connection) = connect(spec).await;
    call(&connection, "a", json!({})).await.unwrap();
    eventually("the server's stream is asked for", || {
        endpoint.log().contains(&"GET".to_owned())
    })
    .await;
    upstream.shutdown().await;
    let (of, mut numbers) = proofs(&endpoint);
    for (seen, of) in endpoint.seen().iter().zip(&of) {
        assert_eq!(*of, format!("{} /mcp none", seen.verb));
        assert_eq!(shown(seen), "DPoP token");
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=6).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_server_gets_its_nonce_with_one_repetition_and_keeps_getting_it() {
    let endpoint = Endpoint::start(modern(|seen| {
        let proof = seen.header("dpop").unwrap_or_default();
        match proof.ends_with(" n-1") {
            true => Reply::json(seen.result(&json!({}))).with("dpop-nonce", "n-1"),
            false => Reply::status(401)
                .with("www-authenticate", "DPoP error=\"use_dpop_nonce\"")
                .with("dpop-nonce", "n-1"),
        }
    }))
    .await;
    let (_upstream, connection) = connect(endpoint.spec()).await;
    let before = endpoint.seen().len();
    let source = Bound::default();
    let request = Request {
        method: Method::ToolsCall,
        params: r#"{"name":"t"}"#,
        name: Some("t"),
        headers: &[],
        progress: false,
        log_level: None,
        credentials: Some(&source),
    };
    for sent in [2, 3] {
        let exchange = connection.request(request).await.unwrap();
        exchange.answer().await.unwrap();
        assert_eq!(endpoint.seen().len() - before, sent);
    }
    let proofs = source.0.lock().unwrap();
    assert_eq!((proofs.made, proofs.refusals), (3, 0));
}

#[tokio::test]
async fn a_server_that_is_never_content_with_its_nonce_is_not_asked_for_ever() {
    let endpoint = Endpoint::start(modern(|_| {
        Reply::status(401)
            .with("www-authenticate", "DPoP error=\"use_dpop_nonce\"")
            .with("dpop-nonce", "n-1")
    }))
    .await;
    let (_upstream, connection) = connect(endpoint.spec()).await;
    for (renewals, sent) in [(0, 2), (100, 4)] {
        let before = endpoint.seen().len();
        let source = Bound::default();
        source.0.lock().unwrap().renewals = renewals;
        let request = Request {
            method: Method::ToolsCall,
            params: r#"{"name":"t"}"#,
            name: Some("t"),
            headers: &[],
            progress: false,
            log_level: None,
            credentials: Some(&source),
        };
        let refused = connection.request(request).await.unwrap_err();
        assert!(
            matches!(refused, UpstreamError::Unauthorized),
            "{refused:?}"
        );
        assert_eq!(endpoint.seen().len() - before, sent);
    }
}
