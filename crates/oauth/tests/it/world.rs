//! What every test needs: time that it moves, clients with and without leave to reach loopback,
//! and keys.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_egress::{Client, Settings};
use portcullis_oauth::Clock;
use serde_json::{Value, json};

/// Time that stands still until the test moves it.
#[derive(Debug, Default)]
pub(crate) struct TestClock(Mutex<Duration>);

impl TestClock {
    pub(crate) const START: u64 = 1_800_000_000;

    pub(crate) fn new() -> Arc<Self> {
        Arc::new(TestClock::default())
    }

    pub(crate) fn advance(&self, seconds: u64) {
        *self.0.lock().unwrap() += Duration::from_secs(seconds);
    }
}

impl Clock for TestClock {
    fn unix_seconds(&self) -> u64 {
        TestClock::START + self.elapsed().as_secs()
    }

    fn elapsed(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

/// A client that others may send to loopback too.
pub(crate) fn open_client() -> Client {
    client(Settings {
        allow: vec!["127.0.0.1".parse().unwrap()],
        ..Settings::default()
    })
}

/// A client with the default guard: only the operator's own words lead to loopback.
pub(crate) fn guarded_client() -> Client {
    client(Settings::default())
}

pub(crate) fn client(settings: Settings) -> Client {
    Client::new(&Settings {
        use_system_roots: false,
        ..settings
    })
    .unwrap()
}

/// A JWK Set with a P-256 key for each of these ids.
pub(crate) fn jwks(key_ids: &[&str]) -> Value {
    let keys: Vec<Value> = key_ids
        .iter()
        .map(|key_id| {
            let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
            let point = rcgen::PublicKeyData::der_bytes(&pair).to_vec();
            assert_eq!(point.len(), 65, "an uncompressed point");
            let (x, y) = point[1..].split_at(32);
            json!({
                "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": key_id,
                "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
            })
        })
        .collect();
    json!({ "keys": keys })
}
