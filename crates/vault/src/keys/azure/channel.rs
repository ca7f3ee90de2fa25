//! Requests to one vault of Azure Key Vault, with the token that it asks for.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use portcullis_egress::Client;
use url::Url;
use zeroize::Zeroizing;

use super::challenge::Challenge;
use super::{TokenRequest, TokenSource};
use crate::keys::KeyError;
use crate::keys::http::{Answer, refusal, send};
use crate::secret::Secret;

/// The way to one vault. It learns from the first `401` which token is wanted.
pub(crate) struct Channel {
    vault: Url,
    client: Client,
    tokens: Arc<dyn TokenSource>,
    wanted: Mutex<Option<TokenRequest>>,
}

impl Channel {
    /// `vault` is the address of the vault, with `/` as its path.
    pub(crate) fn new(vault: Url, client: Client, tokens: Arc<dyn TokenSource>) -> Self {
        Self {
            vault,
            client,
            tokens,
            wanted: Mutex::new(None),
        }
    }

    /// Sends one request, with one more try for each thing that a challenge can ask: a token at
    /// all, and another one than that which was sent.
    ///
    /// # Errors
    /// [`KeyError`], by any status but 200.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Answer, KeyError> {
        let known = self
            .wanted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut wanted = known;
        for _ in 0..3 {
            let bearer = match &wanted {
                Some(request) => Some(self.tokens.token(request).await?),
                None => None,
            };
            // Until it is known who asks for it, the key stays here.
            let content = if bearer.is_some() {
                body.clone()
            } else {
                Bytes::new()
            };
            let answer = self.once(&method, path, content, bearer.as_ref()).await?;
            if answer.status != StatusCode::UNAUTHORIZED {
                *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) =
                    wanted.map(|request| TokenRequest {
                        claims: None,
                        ..request
                    });
                return if answer.status == StatusCode::OK {
                    Ok(answer)
                } else {
                    Err(refusal(answer.status))
                };
            }
            let next = Challenge::read(&answer.head)?.request(&self.vault)?;
            if wanted.as_ref() == Some(&next) {
                break;
            }
            wanted = Some(next);
        }
        Err(KeyError::Refused { status: 401 })
    }

    async fn once(
        &self,
        method: &Method,
        path: &str,
        body: Bytes,
        bearer: Option<&Secret>,
    ) -> Result<Answer, KeyError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}?api-version=7.4", self.vault))
            .header(header::ACCEPT, "application/json");
        if method == Method::POST {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(bearer) = bearer {
            let text = Zeroizing::new([b"Bearer ".as_slice(), bearer.expose()].concat());
            let mut value = HeaderValue::from_bytes(&text)
                .map_err(|_| KeyError::Credential(Some("it cannot stand in a header".into())))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        let request = request.body(body).map_err(|_| KeyError::Address {
            what: "no request can be made of it",
        })?;
        send(&self.client, request).await
    }
}
