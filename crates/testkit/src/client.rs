//! A plain HTTP client: one connection for each request, every header free.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// One HTTP request to be sent. Dropping [`Call::send`] half-way closes the connection.
#[derive(Clone, Debug)]
pub struct Call {
    address: SocketAddr,
    verb: String,
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// A whole HTTP response.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

impl Call {
    pub(crate) fn new(address: SocketAddr, verb: &str, path: &str) -> Self {
        let call = Self {
            address,
            verb: verb.to_owned(),
            path: path.to_owned(),
            headers: HeaderMap::new(),
            body: Vec::new(),
        };
        call.header("host", &address.to_string())
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
    }

    /// Sets a header, in place of one with this name.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
        self
    }

    /// Adds a header beside one with this name.
    #[must_use]
    pub fn another(mut self, name: &str, value: &str) -> Self {
        self.headers.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
        self
    }

    /// Sends it to another address.
    #[must_use]
    pub fn at(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Leaves a header out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it and reads the response to its end.
    pub async fn send(self) -> Reply {
        let Opened {
            status,
            headers,
            body,
            _connection,
            ..
        } = self.open().await;
        let body = body.collect().await.unwrap().to_bytes();
        Reply {
            status,
            headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// Sends it and gives the response as soon as it begins.
    pub async fn open(self) -> Opened {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        let connection = Connection(tokio::spawn(async move {
            // The gateway may close as it likes; what matters is the response.
            let _ended = driver.await;
        }));
        let mut request = Request::new(Full::new(Bytes::from(self.body)));
        *request.method_mut() = self.verb.parse().unwrap();
        *request.uri_mut() = self.path.parse().unwrap();
        *request.headers_mut() = self.headers;
        let response = sender.send_request(request).await.unwrap();
        let (head, body) = response.into_parts();
        Opened {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
            text: String::new(),
            read: String::new(),
            _connection: connection,
        }
    }
}

/// A response that is read event by event. Dropping it closes the connection.
#[derive(Debug)]
pub struct Opened {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    body: hyper::body::Incoming,
    text: String,
    read: String,
    _connection: Connection,
}

impl Opened {
    /// The next event as a tree, comments left out; `None` at the end of the stream.
    ///
    /// # Panics
    /// When nothing comes in time.
    pub async fn next(&mut self) -> Option<Value> {
        tokio::time::timeout(crate::PATIENCE, self.event())
            .await
            .expect("an event in time")
    }

    /// The next event, which must come.
    pub async fn json(&mut self) -> Value {
        self.next().await.expect("another message")
    }

    /// Everything that came so far, byte for byte.
    pub fn read(&self) -> &str {
        &self.read
    }

    /// The id of the last event that came.
    pub fn last_id(&self) -> Option<&str> {
        self.read
            .lines()
            .filter_map(|line| line.strip_prefix("id: "))
            .next_back()
    }

    /// The whole body, of a response that is no stream.
    pub async fn rest(mut self) -> String {
        while let Some(frame) = self.body.frame().await {
            self.take(&frame.unwrap());
        }
        self.text
    }

    async fn event(&mut self) -> Option<Value> {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let data: Vec<&str> = event
                    .lines()
                    .filter_map(|line| line.strip_prefix("data: "))
                    .collect();
                let data = data.join("\n");
                self.text = rest.to_owned();
                if !data.is_empty() {
                    return Some(serde_json::from_str(&data).unwrap());
                }
            }
            let frame = self.body.frame().await?.ok()?;
            self.take(&frame);
        }
    }

    fn take(&mut self, frame: &hyper::body::Frame<Bytes>) {
        if let Some(bytes) = frame.data_ref() {
            let text = std::str::from_utf8(bytes).unwrap();
            self.text.push_str(text);
            self.read.push_str(text);
        }
    }
}

/// Closes the socket when the caller goes away.
#[derive(Debug)]
struct Connection(tokio::task::JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Reply {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Every message: the events of a stream, or the one document.
    pub fn messages(&self) -> Vec<String> {
        if self.header("content-type") != Some("text/event-stream") {
            return vec![self.body.clone()];
        }
        let data = |event: &str| {
            event
                .lines()
                .filter_map(|line| line.strip_prefix("data: "))
                .collect::<Vec<_>>()
                .join("\n")
        };
        self.body
            .split("\n\n")
            .map(data)
            .filter(|data| !data.is_empty())
            .collect()
    }

    /// The last message: the answer.
    pub fn answer(&self) -> String {
        self.messages()
            .pop()
            .unwrap_or_else(|| panic!("no message: {self:?}"))
    }

    /// The answer as a tree.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.answer()).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The answer's result.
    pub fn result(&self) -> Value {
        let json = self.json();
        assert!(json["result"].is_object(), "no result: {self:?}");
        json["result"].clone()
    }

    /// The id of the refusal's reason, as the client sees it; empty when it is no refusal.
    pub fn reason(&self) -> String {
        self.json()["error"]["data"]["reason"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// The raw result, byte for byte as it came.
    pub fn raw_result(&self) -> String {
        #[derive(serde::Deserialize)]
        struct Envelope<'a> {
            #[serde(borrow)]
            result: &'a serde_json::value::RawValue,
        }
        let answer = self.answer();
        serde_json::from_str::<Envelope<'_>>(&answer)
            .unwrap_or_else(|error| panic!("{error}: {answer}"))
            .result
            .get()
            .to_owned()
    }
}
