//! The text of what goes to a server.

use std::borrow::Cow;

use portcullis_mcp::json::quote;
use portcullis_mcp::{Era, Method, ProtocolVersion, message, meta};

use crate::{Credentials, UpstreamError};

/// Who the gateway says it is. Self-reported and without meaning for decisions.
pub(crate) const CLIENT_INFO: &str = concat!(
    r#"{"name":"portcullis","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""}"#
);

/// One request before it has an id. `params` is checked JSON (an object) without era metadata.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    /// The version to speak; `None` only for `initialize`, which agrees on one.
    pub(crate) version: Option<ProtocolVersion>,
    pub(crate) method: Method,
    pub(crate) params: &'a str,
    pub(crate) name: Option<&'a str>,
    /// What follows `Mcp-Param-`, and the encoded value; modern HTTP only.
    pub(crate) headers: &'a [(String, String)],
    pub(crate) progress: bool,
    pub(crate) log_level: Option<&'a str>,
    /// In the place of the server's.
    pub(crate) credentials: Option<&'a dyn Credentials>,
}

impl<'a> Call<'a> {
    /// A request of the connection itself.
    pub(crate) fn own(version: Option<ProtocolVersion>, method: Method, params: &'a str) -> Self {
        Self {
            version,
            method,
            params,
            name: None,
            headers: &[],
            progress: false,
            log_level: None,
            credentials: None,
        }
    }

    pub(crate) fn era(&self) -> Era {
        self.version.map_or(Era::Legacy, ProtocolVersion::era)
    }

    /// The message with our id. The progress token equals the id, so it is unique too. A modern
    /// request declares the capabilities `client`, a raw object.
    pub(crate) fn text(&self, id: u64, client: &str) -> Result<String, UpstreamError> {
        let id = id.to_string();
        let mut entries: Vec<(&str, Cow<'_, str>)> = Vec::new();
        if let Some(version) = self.version.filter(|version| version.era() == Era::Modern) {
            entries.push((meta::PROTOCOL_VERSION, quote(version.as_str()).into()));
            entries.push((meta::CLIENT_INFO, CLIENT_INFO.into()));
            entries.push((meta::CLIENT_CAPABILITIES, client.into()));
            if let Some(level) = self.log_level {
                entries.push((meta::LOG_LEVEL, quote(level).into()));
            }
        }
        if self.progress {
            entries.push((meta::PROGRESS_TOKEN, id.as_str().into()));
        }
        let borrowed: Vec<(&str, &str)> = entries
            .iter()
            .map(|(key, value)| (*key, value.as_ref()))
            .collect();
        let params = if borrowed.is_empty() {
            Cow::Borrowed(self.params)
        } else {
            meta::set(self.params, &borrowed)?
        };
        Ok(message::request(&id, self.method.as_str(), Some(&params)))
    }
}

/// `notifications/cancelled` for one of our requests.
pub(crate) fn cancelled(id: u64) -> String {
    message::notification(
        Method::Cancelled.as_str(),
        Some(&format!(r#"{{"requestId":{id}}}"#)),
    )
}

#[cfg(test)]
mod tests;
