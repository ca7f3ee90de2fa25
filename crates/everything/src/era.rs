//! Which revisions of the protocol the server speaks, and how it refuses the others.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use rmcp::model::ProtocolVersion;
use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Eras {
    /// 2024-11-05 to 2025-11-25
    Legacy,
    /// 2026-07-28
    Modern,
    Both,
}

impl Eras {
    /// The versions that are announced and negotiated.
    pub(crate) fn versions(self) -> &'static [ProtocolVersion] {
        const MODERN: &[ProtocolVersion] = &[ProtocolVersion::V_2026_07_28];
        match self {
            Self::Legacy => ProtocolVersion::known_up_to(&ProtocolVersion::V_2025_11_25),
            Self::Modern => MODERN,
            Self::Both => ProtocolVersion::KNOWN_VERSIONS,
        }
    }

    /// The refusal of a server that was written before the modern era, if this request would get
    /// one: servers of 2025-11-25 know neither the version header's value nor `server/discover`,
    /// and take nothing but `initialize` without a session (2025-11-25, basic/transports).
    ///
    /// rmcp knows both eras and cannot be told to forget one; the modern-only server needs no
    /// such filter, because its sessions can be turned off.
    pub(crate) fn refusal(self, request: &Request<Bytes>) -> Option<Response<Full<Bytes>>> {
        if self != Self::Legacy {
            return None;
        }
        let version = text(request.headers(), "mcp-protocol-version").unwrap_or_default();
        let known = |version: &str| self.versions().iter().any(|one| one.as_str() == version);
        if !version.is_empty() && !known(version) {
            return Some(bad_request("Bad Request: Unsupported protocol version"));
        }
        if request.method() != Method::POST || request.headers().contains_key("mcp-session-id") {
            return None;
        }
        let method = serde_json::from_slice::<Value>(request.body())
            .ok()
            .and_then(|message| message.get("method")?.as_str().map(str::to_owned));
        (method.as_deref() != Some("initialize"))
            .then(|| bad_request("Bad Request: Server not initialized"))
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// -32000 is what the SDKs of that time sent: a code without a meaning in the protocol, from
/// which a client cannot tell that the server is of another era. That is the point.
fn bad_request(message: &str) -> Response<Full<Bytes>> {
    let body = json!({"jsonrpc": "2.0", "error": {"code": -32000, "message": message}, "id": null});
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    response
}

#[cfg(test)]
mod tests;
