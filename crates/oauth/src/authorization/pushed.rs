//! Pushed authorization requests (RFC 9126).

use http::StatusCode;
use url::Url;

use super::OURS;
use crate::back_channel::{BackChannel, is_json};
use crate::document::Document;
use crate::form::Form;
use crate::token_request::{ErrorCode, TokenError};

/// Most bytes of a request's URI.
const MAX_URI: usize = 2048;

impl BackChannel {
    /// Gives the server the parameters of a sign-in that [`begin`](super::begin) began, and has the
    /// browser carry only a reference to them. For servers that demand it
    /// (`require_pushed_authorization_requests`). `endpoint` is the server's
    /// `pushed_authorization_request_endpoint`. What comes back is where to send the browser.
    ///
    /// # Errors
    /// [`TokenError`], as from a token endpoint.
    pub async fn push(&self, endpoint: &Url, begun: &Url, now: u64) -> Result<Url, TokenError> {
        let mut form = Form::new();
        let mut url = begun.clone();
        url.set_query(None);
        for (name, value) in begun.query_pairs() {
            match name.as_ref() {
                "client_id" => {}
                ours if OURS.contains(&ours) => form.add(ours, &value),
                theirs => {
                    url.query_pairs_mut().append_pair(theirs, &value);
                }
            }
        }
        let client_id = self.identity().id();
        // Every other method of client authentication adds it.
        if self.identity().method() == "client_secret_basic" {
            form.add("client_id", client_id);
        }
        let response = self.post(endpoint, form, now).await?;
        let status = response.status();
        let document = is_json(response.headers())
            .then(|| Document::parse(response.body()).ok())
            .flatten()
            .ok_or(TokenError::Status(status.as_u16()))?;
        if status != StatusCode::CREATED {
            let error = document.text("error").ok().flatten().map(ErrorCode::of);
            return Err(TokenError::refused(status, error));
        }
        let uri = document
            .required_text("request_uri")
            .ok()
            .filter(|uri| !uri.is_empty() && uri.len() <= MAX_URI)
            .ok_or(TokenError::Malformed("request_uri"))?;
        url.query_pairs_mut()
            .append_pair("client_id", client_id)
            .append_pair("request_uri", uri);
        Ok(url)
    }
}
