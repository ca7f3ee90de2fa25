//! MCP over Streamable HTTP (2025-11-25): JSON or SSE replies, session id. Requests of the server are not answered.

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::ClientError;

const REPLY_LIMIT: usize = 16 << 20;
const ERROR_BODY: usize = 4096;

pub(crate) struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    uri: Uri,
    authorization: Option<HeaderValue>,
    session: Option<String>,
    version: Option<HeaderValue>,
}

impl Http {
    pub(crate) fn new(url: &str, bearer: Option<&str>) -> Result<Self, ClientError> {
        let uri: Uri = url.parse().map_err(|_| ClientError::NotLoopback)?;
        let local = matches!(uri.host(), Some("127.0.0.1" | "localhost" | "[::1]"));
        if !local || uri.scheme_str() != Some("http") {
            return Err(ClientError::NotLoopback);
        }
        let authorization = bearer
            .map(|bearer| HeaderValue::try_from(format!("Bearer {bearer}")))
            .transpose()
            .map_err(|error| ClientError::Broken(Box::new(error)))?;
        let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        Ok(Self {
            client,
            uri,
            authorization,
            session: None,
            version: None,
        })
    }

    pub(crate) fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// From now on, shows this session id, whoever it belongs to.
    pub(crate) fn adopt(&mut self, session: &str) {
        self.session = Some(session.to_owned());
    }

    /// From now on, names this version in every request.
    pub(crate) fn agreed(&mut self, version: &str) {
        self.version = HeaderValue::try_from(version).ok();
    }

    pub(crate) async fn send(&mut self, message: &Value) -> Result<(), ClientError> {
        self.post(message).await.map(drop)
    }

    /// Sends a request and reads until its answer; notifications on the way go to `others`.
    pub(crate) async fn exchange(
        &mut self,
        message: &Value,
        id: u64,
        others: &mut Vec<Value>,
    ) -> Result<Value, ClientError> {
        let response = self.post(message).await?;
        let streamed = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.starts_with("text/event-stream"));
        let mut body = response.into_body();
        let mut events = Events::default();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| ClientError::Broken(Box::new(error)))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            events.push(&data)?;
            if !streamed {
                continue;
            }
            while let Some(message) = events.next()? {
                if is_answer(&message, id) {
                    return Ok(message);
                }
                others.push(message);
            }
        }
        if streamed {
            return Err(ClientError::Closed);
        }
        serde_json::from_slice(&events.buffer)
            .ok()
            .filter(|message| is_answer(message, id))
            .ok_or(ClientError::Malformed)
    }

    async fn post(&mut self, message: &Value) -> Result<Response<Incoming>, ClientError> {
        let mut request = Request::post(self.uri.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/event-stream");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some(session) = &self.session {
            request = request.header("mcp-session-id", session);
        }
        if let Some(version) = &self.version {
            request = request.header("mcp-protocol-version", version);
        }
        let request = request
            .body(Full::new(Bytes::from(message.to_string())))
            .map_err(|error| ClientError::Broken(Box::new(error)))?;
        let response = self
            .client
            .request(request)
            .await
            .map_err(|error| ClientError::Broken(Box::new(error)))?;
        if let Some(session) = response
            .headers()
            .get("mcp-session-id")
            .and_then(|id| id.to_str().ok())
        {
            self.session = Some(session.to_owned());
        }
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let body = response
            .into_body()
            .collect()
            .await
            .map(|body| body.to_bytes())
            .unwrap_or_default();
        let body = String::from_utf8_lossy(&body)
            .chars()
            .take(ERROR_BODY)
            .collect();
        Err(ClientError::Status { status, body })
    }
}

fn is_answer(message: &Value, id: u64) -> bool {
    message.get("method").is_none() && message.get("id").and_then(Value::as_u64) == Some(id)
}

/// The messages of an SSE stream, in whatever pieces it comes.
#[derive(Default)]
struct Events {
    buffer: Vec<u8>,
}

impl Events {
    fn push(&mut self, data: &[u8]) -> Result<(), ClientError> {
        if self.buffer.len() + data.len() > REPLY_LIMIT {
            return Err(ClientError::Malformed);
        }
        // JSON holds no bare carriage return, so that all line ends can become one.
        self.buffer
            .extend(data.iter().filter(|byte| **byte != b'\r'));
        Ok(())
    }

    /// The next complete event that holds a message; comments and empty events are passed over.
    fn next(&mut self) -> Result<Option<Value>, ClientError> {
        while let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
            let event: Vec<u8> = self.buffer.drain(..end + 2).collect();
            let event = String::from_utf8(event).map_err(|_| ClientError::Malformed)?;
            let lines: Vec<&str> = event
                .lines()
                .filter_map(|line| line.strip_prefix("data:"))
                .map(|data| data.strip_prefix(' ').unwrap_or(data))
                .collect();
            let data = lines.join("\n");
            if !data.trim().is_empty() {
                return serde_json::from_str(&data)
                    .map(Some)
                    .map_err(|_| ClientError::Malformed);
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
