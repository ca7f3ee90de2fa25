//! Azure Key Vault, as far as one RSA key goes.
//!
//! After <https://learn.microsoft.com/rest/api/keyvault/keys> and its page of error codes: the
//! challenge, versions, RSA-OAEP-256, and the refusals.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    PrivateDecryptingKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::body::Bytes;
use hyper::{Method, Request, Response};
use portcullis_vault::Secret;
use portcullis_vault::keys::{KeyError, TokenRequest, TokenSource};
use serde_json::{Value, json};

use super::http::{Server, json};

pub(crate) const AUTHORITY: &str = "https://login.microsoftonline.com/8d3c";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mood {
    Well,
    Throttled,
    Down,
    Forbidden,
    Disabled,
    Gone,
}

pub(crate) struct State {
    pub(crate) mood: Mood,
    pub(crate) good_token: String,
    pub(crate) resource: String,
    pub(crate) claims: Option<String>,
    pub(crate) versions: Vec<(String, PrivateDecryptingKey)>,
    /// Bodies of requests that came without a token.
    pub(crate) bodies_without_token: Vec<Bytes>,
    pub(crate) tokens_seen: Vec<String>,
    base: String,
}

pub(crate) struct Azure {
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) server: Server,
}

impl Azure {
    pub(crate) async fn start() -> Self {
        let state = Arc::new(Mutex::new(State {
            mood: Mood::Well,
            good_token: "token-1".to_owned(),
            resource: String::new(),
            claims: None,
            versions: vec![version(1)],
            bodies_without_token: Vec::new(),
            tokens_seen: Vec::new(),
            base: String::new(),
        }));
        let shared = Arc::clone(&state);
        let server = Server::start(move |request| shared.lock().unwrap().answer(&request)).await;
        {
            let mut state = state.lock().unwrap();
            state.base = server.url();
            state.resource = server.url();
        }
        Self { state, server }
    }

    pub(crate) fn identifier(&self) -> String {
        format!("{}/keys/gate", self.server.url())
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }
}

fn version(number: usize) -> (String, PrivateDecryptingKey) {
    let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
    (format!("{number:032x}"), key)
}

fn error(status: u16, code: &str, inner: Option<&str>) -> Response<Bytes> {
    let inner = inner.map(|code| json!({ "code": code }));
    json(
        status,
        &json!({ "error": { "code": code, "message": "words", "innererror": inner } }),
    )
}

impl State {
    pub(crate) fn rotate(&mut self) {
        self.versions.push(version(self.versions.len() + 1));
    }

    fn answer(&mut self, request: &Request<Bytes>) -> Response<Bytes> {
        let bearer = request
            .headers()
            .get("authorization")
            .map(|value| value.to_str().unwrap().strip_prefix("Bearer ").unwrap());
        match bearer {
            None => self.bodies_without_token.push(request.body().clone()),
            Some(token) => self.tokens_seen.push(token.to_owned()),
        }
        if self.mood == Mood::Down {
            return error(503, "ServiceUnavailable", None);
        }
        if bearer != Some(self.good_token.as_str()) {
            return self.challenge(bearer.is_some());
        }
        match self.mood {
            Mood::Throttled => return error(429, "Throttled", None),
            Mood::Forbidden => return error(403, "Forbidden", Some("AccessDenied")),
            Mood::Disabled => return error(403, "Forbidden", Some("KeyDisabled")),
            Mood::Gone => return error(404, "KeyNotFound", None),
            Mood::Well | Mood::Down => {}
        }
        if request.uri().query() != Some("api-version=7.4") {
            return error(400, "BadParameter", None);
        }
        let path: Vec<&str> = request.uri().path().trim_matches('/').split('/').collect();
        let method = request.method();
        match path.as_slice() {
            ["keys", "gate"] if method == Method::GET => {
                let kid = self.kid(&self.versions.last().unwrap().0);
                json(
                    200,
                    &json!({
                        "key": { "kid": kid, "kty": "RSA", "key_ops": ["wrapKey", "unwrapKey"] },
                        "attributes": { "enabled": true },
                    }),
                )
            }
            [
                "keys",
                "gate",
                version,
                operation @ ("wrapkey" | "unwrapkey"),
            ] if method == Method::POST => self.operate(version, operation, request.body()),
            _ => error(404, "KeyNotFound", None),
        }
    }

    fn kid(&self, version: &str) -> String {
        format!("{}/keys/gate/{version}", self.base)
    }

    fn challenge(&self, had_token: bool) -> Response<Bytes> {
        let mut challenge = format!(
            "Bearer authorization=\"{AUTHORITY}\", resource=\"{}\"",
            self.resource
        );
        if let Some(claims) = self.claims.as_ref().filter(|_| had_token) {
            challenge += &format!(", error=\"insufficient_claims\", claims=\"{claims}\"");
        }
        let mut answer = error(401, "Unauthorized", None);
        answer
            .headers_mut()
            .insert("www-authenticate", challenge.parse().unwrap());
        answer
    }

    fn operate(&self, version: &str, operation: &str, body: &[u8]) -> Response<Bytes> {
        let Some((_, key)) = self.versions.iter().find(|(known, _)| known == version) else {
            return error(404, "KeyNotFound", None);
        };
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            return error(400, "BadParameter", None);
        };
        let value = body["value"]
            .as_str()
            .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let (Some(value), Some("RSA-OAEP-256")) = (value, body["alg"].as_str()) else {
            return error(400, "BadParameter", None);
        };
        let done = if operation == "wrapkey" {
            let public = OaepPublicEncryptingKey::new(key.public_key()).unwrap();
            let mut out = vec![0; public.ciphertext_size()];
            public
                .encrypt(&OAEP_SHA256_MGF1SHA256, &value, &mut out, None)
                .map(|wrapped| wrapped.to_vec())
        } else {
            let private = OaepPrivateDecryptingKey::new(key.clone()).unwrap();
            let mut out = vec![0; private.min_output_size()];
            private
                .decrypt(&OAEP_SHA256_MGF1SHA256, &value, &mut out, None)
                .map(|plain| plain.to_vec())
        };
        match done {
            Ok(done) => json(
                200,
                &json!({ "kid": self.kid(version), "value": URL_SAFE_NO_PAD.encode(done) }),
            ),
            Err(_) => error(400, "BadParameter", None),
        }
    }
}

/// Gives out a token and remembers what it was asked for.
pub(crate) struct Tokens {
    pub(crate) token: Mutex<Option<String>>,
    pub(crate) with_claims: Option<String>,
    pub(crate) asked: Mutex<Vec<TokenRequest>>,
}

impl Tokens {
    pub(crate) fn of(token: &str) -> Self {
        Self {
            token: Mutex::new(Some(token.to_owned())),
            with_claims: None,
            asked: Mutex::default(),
        }
    }
}

#[async_trait]
impl TokenSource for Tokens {
    async fn token(&self, request: &TokenRequest) -> Result<Secret, KeyError> {
        self.asked.lock().unwrap().push(request.clone());
        let token = match &request.claims {
            Some(_) => self.with_claims.clone(),
            None => self.token.lock().unwrap().clone(),
        };
        token
            .map(Secret::from)
            .ok_or(KeyError::Credential(Some("no managed identity".into())))
    }
}
