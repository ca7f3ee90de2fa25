use portcullis_token::dpop::{self, ALGORITHMS, ProofExpected};
use portcullis_token::{Expected, KeySet, Presented, peek, validate};

use super::*;

/// The key set as it is served.
fn keys(issuer: &Issuer) -> KeySet {
    let authority = issuer.keys_url.strip_prefix("http://").unwrap();
    let mut stream =
        std::net::TcpStream::connect(authority.strip_suffix("/keys").unwrap()).unwrap();
    stream
        .write_all(b"GET /keys HTTP/1.1\r\nhost: x\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    KeySet::parse(answer.split_once("\r\n\r\n").unwrap().1.as_bytes()).unwrap()
}

fn expected<'a>(audiences: &'a [String], presented: Presented<'a>) -> Expected<'a> {
    Expected {
        audiences,
        now: unix_seconds(),
        presented,
        certificate: None,
    }
}

#[test]
fn the_tokens_are_good_and_only_with_their_proof() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = Issuer::start(folder.path()).unwrap();
    let profile = portcullis_token::Issuer::standard("bench", ISSUER);
    let keys = keys(&issuer);
    let audiences = [format!("{RESOURCE}/mcp/modern")];
    for kind in [Kind::Rs256, Kind::Es256, Kind::Dpop] {
        let shown = issuer.token(kind, "/mcp/modern").unwrap();
        let token = peek(&shown.token).unwrap();
        let bearer = validate(
            &token,
            &profile,
            &keys,
            &expected(&audiences, Presented::Bearer),
        );
        assert_eq!(bearer.is_ok(), kind != Kind::Dpop, "{kind:?}");
        let Some((file, url)) = &shown.proof else {
            continue;
        };
        let pem = std::fs::read_to_string(file).unwrap();
        let mut prover = Prover::new(&pem, &shown.token, url, 3).unwrap();
        let (one, other) = (prover.prove(None).unwrap(), prover.prove(None).unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), other.len());
        let proof = ProofExpected {
            method: "POST",
            url,
            algorithms: &ALGORITHMS,
            now: unix_seconds(),
            max_age: 60,
            skew: 10,
            nonces: None,
        };
        let proof = dpop::verify(&one, &shown.token, &proof).unwrap();
        let expected = expected(&audiences, Presented::Dpop(&proof));
        let bound = validate(&token, &profile, &keys, &expected);
        assert!(bound.is_ok());
    }
}
