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
    let url = Url::parse("https://mcp.example/x?query=1#fragment").unwrap();
    let request = ProvenRequest {
        method: "POST",
        url: &url,
        token: Some("token"),
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
    let shown = format!("{key:?}");
    assert!(shown.contains(key.thumbprint()), "{shown}");
    assert!(
        !shown.contains("pkcs8") && !shown.contains("pair"),
        "{shown}"
    );
}

/// The key and the thumbprint of RFC 9449's own examples (sections 4.1 and 6.1) go together in the
/// same way; so does the hash of its token (section 7.1).
#[test]
fn says_what_the_examples_of_the_standard_say() {
    let jwk = r#"{"crv":"P-256","kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}"#;
    assert_eq!(
        URL_SAFE_NO_PAD.encode(Sha256::digest(jwk)),
        "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
    );
    let key = ProofKey::generate().unwrap();
    let url = Url::parse("https://resource.example.org/protectedresource").unwrap();
    let request = ProvenRequest {
        method: "GET",
        url: &url,
        token: Some("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"),
        nonce: None,
    };
    let proof = key.prove(&request, NOW).unwrap();
    let part = |number: usize| -> serde_json::Value {
        let text = proof.to_str().unwrap().split('.').nth(number).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    };
    let (header, claims) = (part(0), part(1));
    assert_eq!(header["typ"], "dpop+jwt");
    assert_eq!(header["alg"], "ES256");
    assert_eq!(header["jwk"]["crv"], "P-256");
    assert_eq!(
        header["jwk"].as_object().unwrap().len(),
        4,
        "the public half alone"
    );
    assert_eq!(header.as_object().unwrap().len(), 3);
    assert_eq!(claims["htm"], "GET");
    assert_eq!(claims["htu"], url.as_str());
    assert_eq!(claims["iat"], NOW);
    assert_eq!(claims["ath"], "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
    assert!(claims.get("nonce").is_none());
}
