//! HashiCorp Vault's transit engine, as far as one key goes.
//!
//! After <https://developer.hashicorp.com/vault/api-docs/secret/transit> and the words of its
//! source: ciphers, key versions, derivation by context, associated data, and the refusals.

use std::sync::{Arc, Mutex};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Bytes;
use hyper::{Method, Request, Response};
use serde_json::{Value, json};

use super::http::{Server, json};

pub(crate) const TOKEN: &str = "hvs.CAESIJ-fake";
pub(crate) const NAMESPACE: &str = "team-a";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mood {
    Well,
    Sealed,
    RateLimited,
    StandBy,
    Mute,
}

pub(crate) struct State {
    pub(crate) mood: Mood,
    pub(crate) derived: bool,
    pub(crate) exists: bool,
    pub(crate) versions: Vec<[u8; 32]>,
    pub(crate) min_decryption_version: usize,
    pub(crate) requests: usize,
}

pub(crate) struct Hashicorp {
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) server: Server,
}

impl Hashicorp {
    pub(crate) async fn start(derived: bool) -> Self {
        let state = Arc::new(Mutex::new(State {
            mood: Mood::Well,
            derived,
            exists: true,
            versions: vec![random()],
            min_decryption_version: 1,
            requests: 0,
        }));
        let shared = Arc::clone(&state);
        let server = Server::start(move |request| shared.lock().unwrap().answer(&request)).await;
        Self { state, server }
    }

    pub(crate) fn address(&self) -> String {
        format!("{}/transit/gate", self.server.url())
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).unwrap();
    bytes
}

fn errors(status: u16, error: &str) -> Response<Bytes> {
    json(status, &json!({ "errors": [error] }))
}

impl State {
    pub(crate) fn rotate(&mut self) {
        self.versions.push(random());
    }

    fn answer(&mut self, request: &Request<Bytes>) -> Response<Bytes> {
        self.requests += 1;
        match self.mood {
            Mood::Well => {}
            Mood::Sealed => return errors(503, "Vault is sealed"),
            Mood::StandBy => return errors(473, "standby"),
            Mood::RateLimited => {
                return errors(
                    429,
                    "request path \"transit/encrypt/gate\": rate limit quota exceeded",
                );
            }
            Mood::Mute => return json(200, &json!({ "data": {} })),
        }
        let header = |name| {
            request
                .headers()
                .get(name)
                .map(|value| value.to_str().unwrap())
        };
        if header("x-vault-request") != Some("true") {
            return errors(412, "required 'X-Vault-Request' header is missing");
        }
        if header("x-vault-token") != Some(TOKEN) || header("x-vault-namespace") != Some(NAMESPACE)
        {
            return errors(403, "permission denied");
        }
        if request.method() != Method::POST {
            return errors(405, "unsupported operation");
        }
        let Ok(body) = serde_json::from_slice::<Value>(request.body()) else {
            return errors(400, "error parsing JSON");
        };
        match request.uri().path() {
            "/v1/transit/encrypt/gate" | "/v1/transit/decrypt/gate" if !self.exists => {
                errors(400, "encryption key not found")
            }
            "/v1/transit/encrypt/gate" => self.encrypt(&body),
            "/v1/transit/decrypt/gate" => self.decrypt(&body),
            path => errors(
                404,
                &format!("no handler for route \"{path}\". route entry not found."),
            ),
        }
    }

    fn cipher(&self, version: usize, body: &Value) -> Result<LessSafeKey, &'static str> {
        let key = self.versions[version - 1];
        let key = if self.derived {
            let context = bytes(body, "context").ok_or(
                "missing 'context' for key derivation; the key was created using a derived key, \
                 which means additional, per-request information must be included in order to \
                 perform operations with the key",
            )?;
            digest::digest(&digest::SHA256, &[&key, context.as_slice()].concat())
                .as_ref()
                .try_into()
                .unwrap()
        } else {
            key
        };
        Ok(LessSafeKey::new(
            UnboundKey::new(&AES_256_GCM, &key).unwrap(),
        ))
    }

    fn encrypt(&self, body: &Value) -> Response<Bytes> {
        let Some(mut text) = bytes(body, "plaintext") else {
            return errors(400, "missing plaintext to encrypt");
        };
        let version = self.versions.len();
        let cipher = match self.cipher(version, body) {
            Ok(cipher) => cipher,
            Err(error) => return errors(400, error),
        };
        let mut nonce = [0; 12];
        rand::fill(&mut nonce).unwrap();
        let aad = Aad::from(bytes(body, "associated_data").unwrap_or_default());
        cipher
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut text)
            .unwrap();
        let text = STANDARD.encode([nonce.as_slice(), &text].concat());
        json(
            200,
            &json!({
                "request_id": "1a2b", "lease_id": "", "renewable": false, "lease_duration": 0,
                "data": { "ciphertext": format!("vault:v{version}:{text}"), "key_version": version },
                "wrap_info": null, "warnings": null, "auth": null,
            }),
        )
    }

    fn decrypt(&self, body: &Value) -> Response<Bytes> {
        let text = body["ciphertext"].as_str().unwrap_or_default();
        let Some(rest) = text.strip_prefix("vault:v") else {
            return errors(400, "invalid ciphertext: no prefix");
        };
        let Some((version, data)) = rest.split_once(':') else {
            return errors(400, "invalid ciphertext: wrong number of fields");
        };
        let Ok(version) = version.parse::<usize>() else {
            return errors(
                400,
                "invalid ciphertext: version number could not be decoded",
            );
        };
        if version < self.min_decryption_version {
            return errors(
                400,
                "ciphertext or signature version is disallowed by policy (too old)",
            );
        }
        if version == 0 || version > self.versions.len() {
            return errors(400, "invalid ciphertext: version is too new");
        }
        let Ok(data) = STANDARD.decode(data) else {
            return errors(400, "invalid ciphertext: could not decode base64");
        };
        let Some((nonce, text)) = data.split_first_chunk::<12>() else {
            return errors(400, "invalid ciphertext length");
        };
        let cipher = match self.cipher(version, body) {
            Ok(cipher) => cipher,
            Err(error) => return errors(400, error),
        };
        let aad = Aad::from(bytes(body, "associated_data").unwrap_or_default());
        let mut text = text.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        match cipher.open_in_place(nonce, aad, &mut text) {
            Ok(plain) => json(
                200,
                &json!({ "data": { "plaintext": STANDARD.encode(plain) } }),
            ),
            Err(_) => errors(400, "cipher: message authentication failed"),
        }
    }
}

fn bytes(body: &Value, name: &str) -> Option<Vec<u8>> {
    STANDARD.decode(body[name].as_str()?).ok()
}
