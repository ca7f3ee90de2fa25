//! An HTTP API that an OpenAPI document describes, as a server of the modern era.
//!
//! The protocol ends here: the handshake and the list of tools are answered from the document, a
//! call is one HTTP request. Every answer goes through the same strict parser as a server's.

mod answer;
mod exchange;
mod tools;

use std::sync::Arc;
use std::time::Instant;

use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use portcullis_mcp::params::{Params, view};
use portcullis_mcp::{Message, Method, codes, message};
use portcullis_openapi::{Document, HttpRequest};
use secrecy::SecretString;

use crate::http::{configured, without_user};
use crate::outgoing::Call;
use crate::peer::Peer;
use crate::stdio::before;
use crate::{Credentials, HttpClient, StartupFailure, UpstreamError, credentials};
pub(crate) use exchange::OpenApiExchange;

const ACCEPTED: &str = "application/json, text/*;q=0.9, */*;q=0.1";

/// The client's end of one API.
#[derive(Debug)]
pub(crate) struct OpenApiLink {
    peer: Arc<Peer>,
    client: HttpClient,
    document: Arc<Document>,
    base: Uri,
    configured: HeaderMap,
    credentials: Option<Arc<dyn Credentials>>,
}

impl OpenApiLink {
    /// Nothing is sent before the first call.
    pub(crate) fn new(
        peer: Arc<Peer>,
        client: HttpClient,
        document: Arc<Document>,
        base: &Uri,
        headers: &[(HeaderName, SecretString)],
        credentials: Option<Arc<dyn Credentials>>,
    ) -> Result<Self, UpstreamError> {
        let scheme_fits = matches!(base.scheme_str(), Some("http" | "https"));
        if !scheme_fits || base.host().is_none_or(str::is_empty) || base.query().is_some() {
            return Err(StartupFailure::Address.into());
        }
        Ok(Self {
            peer,
            client,
            document,
            base: without_user(base.clone()),
            configured: configured(headers)?,
            credentials,
        })
    }

    /// Answers a request, at most until `deadline`. A call waits for the head of the API's answer.
    pub(crate) async fn send(
        &self,
        call: &Call<'_>,
        deadline: Option<Instant>,
    ) -> Result<OpenApiExchange, UpstreamError> {
        let id = self.peer.fresh_id();
        let text = match (call.method, view(call.method, Some(call.params))) {
            (Method::ServerDiscover, _) => result(id, &tools::discovered(&self.document)),
            (Method::ToolsList, Ok(Params::ListPage { cursor })) => {
                match tools::page(&self.document, cursor.as_deref(), &self.peer.limits) {
                    Some(page) => result(id, &page),
                    None => error(id, codes::INVALID_PARAMS, "no such page"),
                }
            }
            (Method::ToolsCall, Ok(Params::CallTool(tool))) => {
                let Some(operation) = self.document.operation(&tool.name) else {
                    let text = error(id, codes::INVALID_PARAMS, "no such tool");
                    return self.answered(id, text);
                };
                let arguments = tool.arguments.map_or("{}", |(raw, _)| raw);
                match operation.request(arguments) {
                    Ok(request) => {
                        let returns_object = operation.returns_object();
                        let request = self.http(request)?;
                        let credentials = call.credentials;
                        let response = self.ask(request, credentials, deadline).await?;
                        let limits = self.peer.limits;
                        return Ok(OpenApiExchange::reading(
                            id,
                            response,
                            returns_object,
                            limits,
                            deadline,
                        ));
                    }
                    // The model that chose the arguments can choose better ones.
                    Err(fault) => result(id, &answer::failure(&fault.to_string())),
                }
            }
            (Method::ToolsList | Method::ToolsCall, _) => error(
                id,
                codes::INVALID_PARAMS,
                "the params do not fit the method",
            ),
            _ => error(id, codes::METHOD_NOT_FOUND, "an api has tools only"),
        };
        self.answered(id, text)
    }

    /// Ends the connection.
    pub(crate) fn stop(&self) {
        self.peer.lifeline.end(UpstreamError::Closed);
    }

    fn answered(&self, id: u64, text: String) -> Result<OpenApiExchange, UpstreamError> {
        let message = Message::parse(text.into_bytes(), &self.peer.limits)?;
        Ok(OpenApiExchange::answered(id, message))
    }

    async fn ask(
        &self,
        request: Request<Full<Bytes>>,
        credentials: Option<&dyn Credentials>,
        deadline: Option<Instant>,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let source = credentials.or(self.credentials.as_deref());
        let sent = credentials::send(&self.client, request, source);
        let response = before(deadline, sent).await;
        response.unwrap_or(Err(UpstreamError::TimedOut))
    }

    /// The request as it is sent: the configured headers win over what a caller said.
    fn http(&self, request: HttpRequest) -> Result<Request<Full<Bytes>>, UpstreamError> {
        let path = self.base.path().trim_end_matches('/');
        let path: PathAndQuery = format!("{path}{}", request.path_and_query)
            .parse()
            .map_err(|_| UpstreamError::Header)?;
        let mut parts = self.base.clone().into_parts();
        parts.path_and_query = Some(path);
        let uri = Uri::from_parts(parts).map_err(|_| UpstreamError::Header)?;

        let mut head = HeaderMap::new();
        for (name, value) in request.headers {
            head.insert(name, value);
        }
        for name in self.configured.keys() {
            head.remove(name);
        }
        head.extend(self.configured.clone());
        head.insert(ACCEPT, HeaderValue::from_static(ACCEPTED));
        head.entry(USER_AGENT)
            .or_insert(HeaderValue::from_static(concat!(
                "portcullis/",
                env!("CARGO_PKG_VERSION")
            )));
        let mut bytes = Bytes::new();
        if let Some((content_type, body)) = request.body {
            head.insert(CONTENT_TYPE, content_type);
            bytes = body.into();
        }
        let mut out = Request::new(Full::new(bytes));
        *out.method_mut() = request.method;
        *out.uri_mut() = uri;
        *out.headers_mut() = head;
        Ok(out)
    }
}

impl Drop for OpenApiLink {
    fn drop(&mut self) {
        self.stop();
    }
}

fn result(id: u64, result: &str) -> String {
    message::response(&id.to_string(), result)
}

fn error(id: u64, code: i64, reason: &str) -> String {
    message::error_response(Some(&id.to_string()), code, reason, None)
}
