//! Giving tokens back (RFC 7009).

use std::time::Duration;

use http::StatusCode;
use secrecy::SecretString;
use url::Url;

use crate::back_channel::{BackChannel, CallError, is_json, retry_after};
use crate::document::Document;
use crate::form::Form;
use crate::token_request::ErrorCode;

/// What kind of token is revoked. A server that finds none of this kind looks among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenHint {
    /// An access token.
    Access,
    /// A refresh token. Most servers revoke all that came of its grant with it.
    Refresh,
}

/// Why a token may still be good.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationError {
    /// The server was not asked, or did not answer.
    #[error("no answer from the revocation endpoint")]
    Call(#[from] CallError),
    /// The server does not revoke this kind of token (`unsupported_token_type`), or refuses for
    /// another reason.
    #[error("the authorization server does not revoke the token: {0}")]
    Refused(ErrorCode),
    /// The server cannot do it now.
    #[error("the authorization server cannot revoke the token now")]
    Unavailable {
        /// How long to wait, if the server says.
        retry_after: Option<Duration>,
    },
    /// The answer has this status and is no OAuth answer.
    #[error("the revocation endpoint answered with status {0}")]
    Status(u16),
}

impl BackChannel {
    /// Revokes a token at the server's revocation endpoint. A token that the server does not know,
    /// or that has ended, counts as revoked (RFC 7009 section 2.2). `now` is in seconds since 1970.
    ///
    /// # Errors
    /// [`RevocationError`]: the token may still be good.
    pub async fn revoke(
        &self,
        endpoint: &Url,
        token: &SecretString,
        hint: TokenHint,
        now: u64,
    ) -> Result<(), RevocationError> {
        let mut form = Form::new();
        form.add_secret("token", token);
        let hint = match hint {
            TokenHint::Access => "access_token",
            TokenHint::Refresh => "refresh_token",
        };
        form.add("token_type_hint", hint);
        let response = self.post(endpoint, form, now).await?;
        match response.status() {
            StatusCode::OK => Ok(()),
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                Err(RevocationError::Unavailable {
                    retry_after: retry_after(response.headers()),
                })
            }
            status => {
                let error = is_json(response.headers())
                    .then(|| Document::parse(response.body()).ok())
                    .flatten()
                    .and_then(|document| document.text("error").ok().flatten().map(ErrorCode::of));
                Err(error.map_or(
                    RevocationError::Status(status.as_u16()),
                    RevocationError::Refused,
                ))
            }
        }
    }
}
