//! What it costs to know a caller whose issuer's keys are here: `cargo bench -p portcullis-identity`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a bench that cannot go on should stop"
)]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use divan::Bencher;
use portcullis_egress::{Client, Settings};
use portcullis_identity::{Context, Endpoint, Issuers, LocalSecrets, Scheme, Shown};
use portcullis_lab::jose::SigningKey;
use portcullis_oauth::{Clock, SystemClock};
use portcullis_token::dpop::thumbprint;
use portcullis_token::sha256;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const ISSUER: &str = "https://idp.example.com/realms/research";
const URL: &str = "https://gw.contoso.com/research";

fn main() {
    divan::main();
}

struct World {
    runtime: Runtime,
    issuers: Issuers,
    endpoint: Endpoint,
    keys: [SigningKey; 2],
}

impl World {
    fn new() -> World {
        let keys = [SigningKey::ec().unwrap(), SigningKey::rsa().unwrap()];
        let set = json!({"keys": [keys[0].jwk(), keys[1].jwk()]}).to_string();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = format!("http://{}/keys", listener.local_addr().unwrap());
        std::thread::spawn(move || serve(&listener, &set));
        let config = portcullis_config::parse(&format!(
            "[authn.issuers.corp]\nkind = \"oidc\"\nissuer = \"{ISSUER}\"\njwks-url = \"{place}\"\n\
             [servers.s]\ncommand = \"x\"\n[profiles.p]\nservers = [\"s\"]\nresource = \"{URL}\"\n"
        ))
        .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let client = Client::new(&Settings {
            use_system_roots: false,
            ..Settings::default()
        });
        let context = Context {
            client: &client.unwrap(),
            clock: Arc::new(SystemClock::new()),
            secrets: &LocalSecrets::new("."),
            base: Path::new("."),
            nonces: None,
        };
        let issuers = runtime
            .block_on(Issuers::new(&config.authn, &context, None))
            .unwrap();
        World {
            endpoint: Endpoint::of(&config, &config.profiles["p"]),
            runtime,
            issuers,
            keys,
        }
    }

    /// A token as an issuer of today makes it, with some groups.
    fn token(&self, algorithm: &str, confirmation: Option<&str>) -> SecretString {
        let key = &self.keys[usize::from(algorithm == "RS256")];
        let header = json!({"typ": "at+jwt", "alg": algorithm, "kid": key.kid()});
        let now = now();
        let groups: Vec<String> = (0..10)
            .map(|number| format!("9e0f0000-6e0b-4f8a-8a5e-{number:012x}"))
            .collect();
        let mut claims = json!({
            "iss": ISSUER, "sub": "690222be-ff1a-4d56-abd1-000000000001", "aud": URL,
            "client_id": "c1e199f6-ae8d-40a3-9c0c-b921e1af6474", "iat": now, "nbf": now,
            "exp": now + 3600, "jti": "v6jmsVxT3kqE6pJ4mA0aAA", "name": "Ada Lovelace",
            "scope": "tools.read tools.call", "roles": ["mcp.reader"], "groups": groups,
        });
        if let Some(thumbprint) = confirmation {
            claims["cnf"] = json!({"jkt": thumbprint});
        }
        key.sign(&header, &claims).unwrap().into()
    }

    fn identify(&self, shown: &Shown<'_>) -> String {
        let identified = self.issuers.identify(shown, &self.endpoint);
        self.runtime.block_on(identified).unwrap().identity.subject
    }
}

#[divan::bench(args = ["ES256", "RS256"])]
fn bearer(bencher: Bencher<'_, '_>, algorithm: &str) {
    let world = World::new();
    let token = world.token(algorithm, None);
    let shown = shown(&token, None);
    world.identify(&shown);
    bencher.bench_local(|| world.identify(&shown));
}

/// A token and its proof, both ES256.
#[divan::bench]
fn dpop(bencher: Bencher<'_, '_>) {
    let world = World::new();
    let client = SigningKey::ec().unwrap();
    let jwk = client.jwk();
    let token = world.token(
        "ES256",
        Some(&thumbprint(jwk.to_string().as_bytes()).unwrap()),
    );
    let mut number = 0;
    bencher
        .with_inputs(|| {
            number += 1;
            proof(&client, &jwk, &token, number)
        })
        .bench_local_values(|proof| world.identify(&shown(&token, Some(&proof))));
}

fn proof(client: &SigningKey, jwk: &Value, token: &SecretString, number: u64) -> String {
    let hash = URL_SAFE_NO_PAD.encode(sha256(token.expose_secret().as_bytes()));
    let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk});
    let claims = json!({
        "jti": number.to_string(), "htm": "POST", "htu": URL, "iat": now(), "ath": hash,
    });
    client.sign(&header, &claims).unwrap()
}

fn shown<'a>(token: &'a SecretString, proof: Option<&'a str>) -> Shown<'a> {
    Shown {
        scheme: match proof {
            None => Scheme::Bearer,
            Some(_) => Scheme::Dpop,
        },
        token,
        proof,
        method: "POST",
        url: URL,
        certificate: None,
        address: Some([192, 0, 2, 1].into()),
    }
}

fn now() -> u64 {
    SystemClock::new().unix_seconds()
}

/// Answers every request with the key set.
fn serve(listener: &TcpListener, set: &str) {
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut head = [0; 4096];
        let _read = stream.read(&mut head).unwrap();
        let length = set.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{set}"
        );
        stream.write_all(answer.as_bytes()).unwrap();
    }
}
