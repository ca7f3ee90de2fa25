//! Tokens that are bound to a key or a certificate, and tokens that were stolen.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_identity::{Certificate, Identified, Kind, Rejected, Scheme, Shown};
use portcullis_lab::identity_provider::{
    Endpoint as Place, Fault, IdentityProvider, Misbehaviour, ProviderSettings,
};
use portcullis_lab::jose::SigningKey;
use portcullis_token::dpop::{NonceKey, thumbprint};
use portcullis_token::sha256;
use rcgen::{CertificateParams, KeyPair};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::world::{RESOURCE, URL, World, by, from, outcome, shown};

async fn provider() -> IdentityProvider {
    let provider = IdentityProvider::start(ProviderSettings::default())
        .await
        .unwrap();
    provider.set_time(Some(1_800_000_000));
    provider
}

fn authn(provider: &IdentityProvider) -> String {
    format!(
        "[authn.issuers.corp]\nkind = \"oidc\"\nissuer = \"{}\"\n",
        provider.issuer()
    )
}

fn bound(provider: &IdentityProvider, confirmation: Value) -> SecretString {
    provider.misbehave(Misbehaviour::Claims(json!({"cnf": confirmation})));
    let token = provider
        .mint("host-1", "tools.read", Some(RESOURCE))
        .unwrap();
    provider.behave();
    token.into()
}

fn bound_to(provider: &IdentityProvider, key: &SigningKey) -> SecretString {
    let thumbprint = thumbprint(key.jwk().to_string().as_bytes()).unwrap();
    bound(provider, json!({"jkt": thumbprint}))
}

/// A proof by that key for that token, with these changes to its claims.
fn proof(key: &SigningKey, token: &SecretString, changes: Value) -> String {
    let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": key.jwk()});
    let hash = sha256(token.expose_secret().as_bytes());
    let mut claims = json!({
        "jti": "proof-1", "htm": "POST", "htu": URL, "iat": 1_800_000_000,
        "ath": URL_SAFE_NO_PAD.encode(hash),
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    key.sign(&header, &claims).unwrap()
}

async fn present(
    world: &World,
    token: &SecretString,
    proof: Option<&str>,
) -> Result<Identified, Rejected> {
    let request = Shown {
        scheme: Scheme::Dpop,
        proof,
        ..shown(token)
    };
    world.identify(&request).await
}

#[tokio::test]
async fn a_proof_is_good_once_and_for_its_own_token() {
    let provider = provider().await;
    let world = World::new(&authn(&provider)).await;
    let key = SigningKey::ec().unwrap();
    let token = bound_to(&provider, &key);
    let check = async |proof: &str| outcome(&present(&world, &token, Some(proof)).await);

    let first = proof(&key, &token, json!({}));
    assert_eq!(check(&first).await, "User corp:ada");
    assert_eq!(check(&first).await, "proof-replayed (invalid, -)");
    let again = proof(&key, &token, json!({}));
    assert_eq!(
        check(&again).await,
        "proof-replayed (invalid, -)",
        "the same id"
    );
    assert_eq!(
        check(&proof(&key, &token, json!({"jti": "2"}))).await,
        "User corp:ada"
    );
    let elsewhere = json!({"jti": "3", "htu": "https://gw.contoso.com/finance"});
    assert_eq!(
        check(&proof(&key, &token, elsewhere)).await,
        "proof-url-wrong (invalid, -)"
    );

    let missing = present(&world, &token, None).await;
    assert_eq!(outcome(&missing), "dpop-proof-missing (invalid, -)");
    assert_eq!(
        missing.unwrap_err().oauth_error(),
        Some("invalid_dpop_proof")
    );
    assert_eq!(
        world.bearer(token.expose_secret()).await,
        "bound-token-as-bearer (invalid, -)"
    );
    let unbound = provider
        .mint("host-1", "tools.read", Some(RESOURCE))
        .unwrap()
        .into();
    let with_proof = proof(&key, &unbound, json!({"jti": "4"}));
    let outcome = outcome(&present(&world, &unbound, Some(&with_proof)).await);
    assert_eq!(outcome, "token-not-bound (invalid, -)");

    // A reload forgets no proof.
    let world = world.reload(&authn(&provider)).await;
    let replayed = present(&world, &token, Some(&first)).await;
    assert_eq!(
        crate::world::outcome(&replayed),
        "proof-replayed (invalid, -)"
    );
}

#[tokio::test]
async fn a_proof_of_a_bad_token_is_not_remembered() {
    let provider = provider().await;
    let world = World::new(&authn(&provider)).await;
    let key = SigningKey::ec().unwrap();
    let token = bound_to(&provider, &key);
    let first = proof(&key, &token, json!({}));
    // An outage while the proof was on its way is not the caller's fault.
    provider.misbehave(Misbehaviour::Broken {
        endpoint: Place::Keys,
        how: Fault::Status(503),
    });
    let down = present(&world, &token, Some(&first)).await;
    assert_eq!(
        outcome(&down),
        "issuer-unavailable (unavailable, keys-unavailable)"
    );
    provider.behave();
    world.advance(5);
    let good = present(&world, &token, Some(&first)).await;
    assert_eq!(outcome(&good), "User corp:ada");
}

#[tokio::test]
async fn a_nonce_is_demanded_and_given() {
    let provider = provider().await;
    let nonces = Arc::new(NonceKey::new(&[7; 32], 60));
    let world = World::with(&authn(&provider), Some(Arc::clone(&nonces))).await;
    let key = SigningKey::ec().unwrap();
    let token = bound_to(&provider, &key);

    let without = proof(&key, &token, json!({}));
    let rejected = present(&world, &token, Some(&without)).await.unwrap_err();
    assert_eq!(rejected.code(), "proof-nonce-missing");
    assert_eq!(rejected.oauth_error(), Some("use_dpop_nonce"));
    let Kind::UseDpopNonce { nonce } = rejected.kind() else {
        panic!("{rejected:?}");
    };
    assert_eq!(world.issuers.nonce().as_ref(), Some(nonce));
    let with = proof(&key, &token, json!({"nonce": nonce}));
    let good = present(&world, &token, Some(&with)).await;
    assert_eq!(outcome(&good), "User corp:ada");

    world.advance(120);
    let late = json!({"jti": "2", "nonce": nonce, "iat": world.now()});
    let late = present(&world, &token, Some(&proof(&key, &token, late))).await;
    assert_eq!(outcome(&late), "proof-nonce-wrong (use-dpop-nonce, -)");
}

#[tokio::test]
async fn a_stolen_token_is_worth_nothing_without_its_key() {
    let provider = provider().await;
    let world = World::new(&authn(&provider)).await;
    let (owner, thief) = (SigningKey::ec().unwrap(), SigningKey::ec().unwrap());
    let token = bound_to(&provider, &owner);
    let request = |proof| Shown {
        scheme: Scheme::Dpop,
        proof: Some(proof),
        ..shown(&token)
    };
    let own = proof(&owner, &token, json!({}));
    let good = world.identify(&from(request(&own), "127.0.0.1")).await;
    assert_eq!(outcome(&good), "User corp:ada");
    let stolen = proof(&thief, &token, json!({"jti": "2"}));
    let bad = world.identify(&from(request(&stolen), "127.0.0.2")).await;
    assert_eq!(outcome(&bad), "proof-key-wrong (invalid, -)");
    let seen_before = world.identify(&from(request(&own), "127.0.0.2")).await;
    assert_eq!(outcome(&seen_before), "proof-replayed (invalid, -)");
}

#[tokio::test]
async fn a_bearer_token_from_two_networks_is_told() {
    let provider = provider().await;
    let world = World::new(&authn(&provider)).await;
    let mint = || SecretString::from(provider.mint("host-1", "a", Some(RESOURCE)).unwrap());
    let (token, other) = (mint(), mint());
    let moved = async |token: &SecretString, address: &str| {
        let identified = world.identify(&from(shown(token), address)).await;
        identified.unwrap().moved
    };
    assert!(!moved(&token, "127.0.0.1").await);
    assert!(!moved(&token, "127.0.0.1").await);
    assert!(!moved(&other, "127.0.0.2").await, "another token");
    assert!(moved(&token, "127.0.0.2").await);
    assert!(!moved(&token, "127.0.0.2").await);
}

#[tokio::test]
async fn a_token_is_bound_to_the_certificate_of_its_connection() {
    let provider = provider().await;
    let world = World::new(&authn(&provider)).await;
    let certificate = || {
        let params = CertificateParams::new(vec!["host.example.org".to_owned()]).unwrap();
        let signed = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        Certificate::from_der(signed.der()).unwrap()
    };
    let (own, other) = (certificate(), certificate());
    let digest = URL_SAFE_NO_PAD.encode(own.sha256());
    let token = bound(&provider, json!({"x5t#S256": digest}));
    let check = async |request: Shown<'_>| outcome(&world.identify(&request).await);
    assert_eq!(check(by(shown(&token), &own)).await, "User corp:ada");
    assert_eq!(
        check(by(shown(&token), &other)).await,
        "certificate-wrong (invalid, -)"
    );
    assert_eq!(
        check(shown(&token)).await,
        "certificate-missing (invalid, -)"
    );
    assert_eq!(
        world.issuers.by_certificate(&own),
        None,
        "nobody said whom it stands for"
    );
}

#[tokio::test]
async fn a_certificate_stands_for_a_workload() {
    let world = World::new(
        "[listen.tls]\ncertificate = \"a.pem\"\nkey = \"file:a.key\"\nclient-ca = \"ca.pem\"\n\
         client-certificates = \"required\"\n\
         [authn.certificates]\nnames = \"dns\"\n",
    )
    .await;
    let certificate = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let signed = CertificateParams::new(names)
            .unwrap()
            .self_signed(&KeyPair::generate().unwrap())
            .unwrap();
        Certificate::from_der(signed.der()).unwrap()
    };
    let own = certificate(&["importer.example.org"]);
    let identity = world.issuers.by_certificate(&own).unwrap();
    assert_eq!(identity.issuer, portcullis_identity::CERTIFICATES);
    assert_eq!(identity.subject, "importer.example.org");
    assert_eq!(
        identity.binding.certificate_digest,
        Some(URL_SAFE_NO_PAD.encode(own.sha256()))
    );
    let two = certificate(&["a.example.org", "b.example.org"]);
    assert_eq!(world.issuers.by_certificate(&two), None);
}
