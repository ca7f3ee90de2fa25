//! An issuer of tokens for one run: its keys, where they can be fetched, and proofs of possession.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::Outcome;

/// `iss` of its tokens. Nobody asks there: the gateway is told where the keys are.
pub(crate) const ISSUER: &str = "https://issuer.example/bench";
/// The URLs for which tokens are good begin so; the path of the endpoint follows.
pub(crate) const RESOURCE: &str = "https://gateway.example";

/// What the requests of a load show.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// The API key or the token.
    pub(crate) token: String,
    /// The file with the key that the token is bound to, and the URL that its proofs are for.
    pub(crate) proof: Option<(PathBuf, String)>,
}

/// The three kinds of token that are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Rs256,
    Es256,
    /// ES256, bound to a key, with a proof for each request (RFC 9449).
    Dpop,
}

impl Kind {
    /// The name of the subject.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "JWT RS256",
            Self::Es256 => "JWT ES256",
            Self::Dpop => "DPoP ES256",
        }
    }
}

/// The issuer of a run. Its keys are served for as long as the process lives.
#[derive(Debug)]
pub(crate) struct Issuer {
    rsa: PrivateKey,
    ec: PrivateKey,
    /// Where its keys are.
    pub(crate) keys_url: String,
    folder: PathBuf,
}

impl Issuer {
    /// Makes keys and serves them on a port of its own. `folder` gets the clients' keys.
    pub(crate) fn start(folder: &Path) -> Outcome<Self> {
        let rsa = PrivateKey::new(&rcgen::PKCS_RSA_SHA256, Algorithm::RS256)?;
        let ec = PrivateKey::new(&rcgen::PKCS_ECDSA_P256_SHA256, Algorithm::ES256)?;
        let set = json!({"keys": [rsa.jwk("rsa")?, ec.jwk("ec")?]}).to_string();
        let failed = |error| format!("the keys of the issuer cannot be served: {error}");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        std::thread::spawn(move || serve(&listener, &set));
        Ok(Self {
            rsa,
            ec,
            keys_url: format!("http://{address}/keys"),
            folder: folder.to_owned(),
        })
    }

    /// A token for the endpoint at this path, with what an issuer of today puts into one.
    pub(crate) fn token(&self, kind: Kind, path: &str) -> Outcome<Shown> {
        let audience = format!("{RESOURCE}{path}");
        let now = unix_seconds();
        let groups: Vec<String> = (0..10)
            .map(|number| format!("9e0f0000-6e0b-4f8a-8a5e-{number:012x}"))
            .collect();
        let mut claims = json!({
            "iss": ISSUER, "sub": "690222be-ff1a-4d56-abd1-000000000001", "aud": audience,
            "client_id": "c1e199f6-ae8d-40a3-9c0c-b921e1af6474", "iat": now, "nbf": now,
            "exp": now + 3_600, "jti": "v6jmsVxT3kqE6pJ4mA0aAA", "name": "Ada Lovelace",
            "scope": "tools.read tools.call", "roles": ["mcp.reader"], "groups": groups,
        });
        let (key, key_id) = match kind {
            Kind::Rs256 => (&self.rsa, "rsa"),
            Kind::Es256 | Kind::Dpop => (&self.ec, "ec"),
        };
        let mut proof = None;
        if kind == Kind::Dpop {
            let client = PrivateKey::new(&rcgen::PKCS_ECDSA_P256_SHA256, Algorithm::ES256)?;
            let jwk = Jwk::from_encoding_key(&client.key, client.algorithm).map_err(signing)?;
            let thumbprint = jwk.thumbprint(ThumbprintHash::SHA256).map_err(signing)?;
            if let Some(claims) = claims.as_object_mut() {
                claims.insert("cnf".to_owned(), json!({"jkt": thumbprint}));
            }
            let file = self.folder.join("client.pem");
            std::fs::write(&file, &client.pem)
                .map_err(|error| format!("{}: {error}", file.display()))?;
            proof = Some((file, audience));
        }
        let mut header = Header::new(key.algorithm);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(key_id.to_owned());
        Ok(Shown {
            token: encode(&header, &claims, &key.key).map_err(signing)?,
            proof,
        })
    }
}

/// Makes proofs of possession for one token and one URL.
pub(crate) struct Prover {
    key: EncodingKey,
    header: Header,
    url: String,
    hash: String,
    prefix: String,
    number: u32,
}

impl Prover {
    /// `pem` is the key that the token is bound to. `connection` tells proofs of several apart.
    pub(crate) fn new(pem: &str, token: &str, url: &str, connection: usize) -> Outcome<Self> {
        let key = EncodingKey::from_ec_pem(pem.as_bytes()).map_err(signing)?;
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("dpop+jwt".to_owned());
        header.jwk = Some(Jwk::from_encoding_key(&key, Algorithm::ES256).map_err(signing)?);
        let started = SystemTime::now().duration_since(UNIX_EPOCH);
        let started = started.map_or(0, |since| since.as_nanos());
        Ok(Self {
            key,
            header,
            url: url.to_owned(),
            hash: URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes())),
            prefix: format!("{started}-{connection:04}"),
            number: 10_000_000,
        })
    }

    /// A proof that was never used. All with the same nonce are of one length.
    pub(crate) fn prove(&mut self, nonce: Option<&str>) -> Outcome<String> {
        self.number += 1;
        let mut claims = json!({
            "jti": format!("{}-{}", self.prefix, self.number), "htm": "POST", "htu": self.url,
            "iat": unix_seconds(), "ath": self.hash,
        });
        if let (Some(nonce), Some(claims)) = (nonce, claims.as_object_mut()) {
            claims.insert("nonce".to_owned(), nonce.into());
        }
        encode(&self.header, &claims, &self.key).map_err(signing)
    }
}

struct PrivateKey {
    key: EncodingKey,
    algorithm: Algorithm,
    pem: String,
}

impl PrivateKey {
    fn new(kind: &'static rcgen::SignatureAlgorithm, algorithm: Algorithm) -> Outcome<Self> {
        let pair = rcgen::KeyPair::generate_for(kind)
            .map_err(|error| format!("a key cannot be made: {error}"))?;
        let pem = pair.serialize_pem();
        let key = match algorithm {
            Algorithm::ES256 => EncodingKey::from_ec_pem(pem.as_bytes()),
            _ => EncodingKey::from_rsa_pem(pem.as_bytes()),
        };
        Ok(Self {
            key: key.map_err(signing)?,
            algorithm,
            pem,
        })
    }

    fn jwk(&self, key_id: &str) -> Outcome<Jwk> {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).map_err(signing)?;
        jwk.common.key_id = Some(key_id.to_owned());
        Ok(jwk)
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrivateKey").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Prover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prover").finish_non_exhaustive()
    }
}

fn signing(error: jsonwebtoken::errors::Error) -> String {
    format!("nothing can be signed: {error}")
}

fn unix_seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// Answers every request with the key set.
fn serve(listener: &TcpListener, set: &str) {
    for mut stream in listener.incoming().flatten() {
        let mut head = [0; 4096];
        let length = set.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{set}"
        );
        // Whoever went away gets no keys, and says so.
        if stream.read(&mut head).is_ok() {
            let _ = stream.write_all(answer.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests;
