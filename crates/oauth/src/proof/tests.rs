use portcullis_token::dpop::{ALGORITHMS, ProofExpected, thumbprint, verify};

use super::*;

const NOW: u64 = 1_800_000_000;

fn expected<'a>(method: &'a str, url: &'a str) -> ProofExpected<'a> {
    ProofExpected {
        method,
        url,
        algorithms: &ALGORITHMS,
        now: NOW,
        max_age: 60,
        skew: 10,
        nonces: None,
    }
}

#[test]
fn the_resource_servers_side_accepts_it_for_this_request_and_token() {
    let key = ProofKey::generate().unwrap();
    let token = SecretString::from("token");
    let url = Url::parse("https://mcp.example/x?query=1#fragment").unwrap();
    let request = ProvenRequest {
        method: "POST",
        url: &url,
        token: Some(&token),
        nonce: Some("n\"1"),
    };
    let proof = key.prove(&request, NOW).unwrap();
    let proof = proof.to_str().unwrap();
    let check = |token: &str, method: &str, url: &str| verify(proof, token, &expected(method, url));
    let verified = check("token", "POST", "https://mcp.example/x").unwrap();
    assert_eq!(verified.key_thumbprint(), key.thumbprint());
    assert_eq!(thumbprint(key.jwk.as_bytes()).unwrap(), key.thumbprint());
    assert_eq!(verified.issued(), NOW);
    assert!(check("other", "POST", "https://mcp.example/x").is_err());
    assert!(check("token", "GET", "https://mcp.example/x").is_err());
    assert!(check("token", "POST", "https://mcp.example/y").is_err());
    assert_ne!(
        key.prove(&request, NOW).unwrap(),
        proof,
        "each proof is new"
    );
}

#[test]
fn comes_back_from_its_bytes() {
    let key = ProofKey::generate().unwrap();
    let again = ProofKey::from_pkcs8(key.to_pkcs8()).unwrap();
    assert_eq!(again.thumbprint(), key.thumbprint());
    assert_eq!(
        ProofKey::from_pkcs8(b"no key").unwrap_err(),
        ProofError::Key
    );
    assert!(!format!("{key:?}").contains("pkcs8"));
}
