//! Keys, tokens and profiles for the unit tests. Keys are made anew; the time stands still.

use rcgen::SignatureAlgorithm;
use serde_json::{Map, Value, json};

use crate::assertion::SigningKey;
use crate::encoding::base64url;
use crate::identity::{Groups, Identity};
use crate::{Algorithm, Expected, Issuer, KeySet, Presented, Rejection, peek, validate};

pub(crate) const NOW: u64 = 1_900_000_000;
pub(crate) const ISSUER: &str = "https://issuer.example/realm";
pub(crate) const AUDIENCE: &str = "https://gateway.example/research";

/// A new private key, in PEM.
pub(crate) fn pem(algorithm: Algorithm) -> String {
    let kind: &'static SignatureAlgorithm = match algorithm {
        Algorithm::Es256 => &rcgen::PKCS_ECDSA_P256_SHA256,
        Algorithm::Es384 => &rcgen::PKCS_ECDSA_P384_SHA384,
        Algorithm::EdDsa => &rcgen::PKCS_ED25519,
        _ => &rcgen::PKCS_RSA_SHA256,
    };
    rcgen::KeyPair::generate_for(kind).unwrap().serialize_pem()
}

/// A new key.
pub(crate) fn key(algorithm: Algorithm, id: &str) -> SigningKey {
    SigningKey::from_pem(&pem(algorithm).into(), algorithm)
        .unwrap()
        .with_key_id(id)
}

pub(crate) fn jwk(key: &SigningKey) -> Value {
    serde_json::from_str(&key.public_jwk()).unwrap()
}

pub(crate) fn key_set(keys: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

/// A compact JWS of these very texts.
pub(crate) fn sign_text(key: &SigningKey, header: &str, payload: &str) -> String {
    let signed = format!(
        "{}.{}",
        base64url(header.as_bytes()),
        base64url(payload.as_bytes())
    );
    let signature = key.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", base64url(&signature))
}

pub(crate) fn sign(key: &SigningKey, header: &Value, claims: &Value) -> String {
    sign_text(key, &header.to_string(), &claims.to_string())
}

/// The claims of a good token by RFC 9068.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "user-1", "aud": AUDIENCE, "client_id": "host-1",
        "exp": NOW + 600, "nbf": NOW - 10, "iat": NOW - 10, "jti": "token-1",
        "scope": "tools.read tools.call",
    })
}

pub(crate) fn issuer() -> Issuer {
    Issuer::standard("corp", ISSUER)
}

pub(crate) fn members(value: &mut Value) -> &mut Map<String, Value> {
    value.as_object_mut().unwrap()
}

pub(crate) fn bearer(audiences: &[String]) -> Expected<'_> {
    Expected {
        audiences,
        now: NOW,
        presented: Presented::Bearer,
        certificate: None,
    }
}

/// Validates a token that comes as plain bearer, now.
pub(crate) fn check(token: &str, issuer: &Issuer, keys: &KeySet) -> Result<Identity, Rejection> {
    let audiences = [AUDIENCE.to_owned()];
    validate(&peek(token)?, issuer, keys, &bearer(&audiences))
}

/// A result in one line.
pub(crate) fn line(result: &Result<Identity, Rejection>) -> String {
    let identity = match result {
        Err(cause) => return cause.code().to_owned(),
        Ok(identity) => identity,
    };
    let words = |set: &std::collections::BTreeSet<String>| {
        set.iter().map(String::as_str).collect::<Vec<_>>().join("+")
    };
    let mut line = format!("ACCEPTED {:?} {}", identity.kind, identity.subject);
    let mut add = |name: &str, value: String| {
        if !value.is_empty() {
            line.push_str(&format!(" {name}={value}"));
        }
    };
    add(
        "agent",
        identity
            .agent
            .map_or(String::new(), |part| format!("{part:?}")),
    );
    add("client", identity.client.clone().unwrap_or_default());
    let actors: Vec<_> = identity.actors.iter().map(|a| a.subject.as_str()).collect();
    add("actors", actors.join(">"));
    add("scopes", words(&identity.scopes));
    add("roles", words(&identity.roles));
    match &identity.groups {
        Groups::Overage => add("groups", "(overage)".to_owned()),
        Groups::Listed(groups) => add("groups", words(groups)),
    }
    add("contexts", words(&identity.contexts));
    add("acr", identity.acr.clone().unwrap_or_default());
    add("amr", words(&identity.amr));
    for (name, is) in [
        ("guest", identity.guest),
        ("cp1", identity.can_be_challenged),
    ] {
        if is {
            line.push(' ');
            line.push_str(name);
        }
    }
    line
}
