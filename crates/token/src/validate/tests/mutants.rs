//! Every part of a good token changed, dropped, swapped and duplicated.

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use super::*;
use crate::assertion::SigningKey;
use crate::encoding::from_base64url;
use crate::fixture::{ISSUER, members, sign_text};

/// An issuer with two RSA keys and one for ECDSA, a good token, and somebody else's key.
struct Bench {
    signer: SigningKey,
    second: SigningKey,
    attacker: SigningKey,
    keys: KeySet,
    issuer: Issuer,
    rows: Vec<String>,
    accepted: Vec<String>,
}

fn header() -> Value {
    json!({"alg": "RS256", "typ": "at+jwt", "kid": "rsa-1"})
}

impl Bench {
    fn new() -> Bench {
        let signer = key(Algorithm::Rs256, "rsa-1");
        let second = key(Algorithm::Rs256, "rsa-2");
        let keys = key_set(&[
            jwk(&signer),
            jwk(&second),
            jwk(&key(Algorithm::Es256, "ec-1")),
        ]);
        Bench {
            signer,
            second,
            attacker: key(Algorithm::Rs256, "rsa-1"),
            keys,
            issuer: Issuer {
                max_age: Some(3600),
                ..issuer()
            },
            rows: Vec::new(),
            accepted: Vec::new(),
        }
    }

    /// A row for one token.
    fn token(&mut self, name: &str, token: &str) {
        let result = check(token, &self.issuer, &self.keys);
        if result.is_ok() {
            self.accepted.push(name.to_owned());
        }
        self.rows.push(format!("{name:<42} {}", line(&result)));
    }

    /// Two rows: the good token's signature with these texts, and a new signature by the issuer.
    fn texts(&mut self, name: &str, header_text: &str, claims_text: &str) {
        let good = sign(&self.signer, &header(), &claims());
        let signed = sign_text(&self.signer, header_text, claims_text);
        let body = signed.rsplit_once('.').unwrap().0;
        let forged = format!("{body}.{}", good.rsplit_once('.').unwrap().1);
        self.token(&format!("{name}, forged"), &forged);
        self.token(&format!("{name}, signed"), &signed);
    }

    fn header(&mut self, name: &str, header: &Value) {
        self.texts(name, &header.to_string(), &claims().to_string());
    }

    fn claims(&mut self, name: &str, claims: &Value) {
        self.texts(name, &header().to_string(), &claims.to_string());
    }

    /// One row for a token that the issuer signed with this header.
    fn signed(&mut self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut header = header();
        change(&mut header);
        let token = sign(&self.signer, &header, &claims());
        self.token(name, &token);
    }
}

/// `text` with its first member twice: the second time with another value.
fn duplicate(value: &Value, name: &str) -> String {
    let text = value.to_string();
    format!("{},\"{name}\":\"other\"}}", text.strip_suffix('}').unwrap())
}

#[test]
fn every_mutant_is_refused_with_its_own_reason() {
    let mut bench = Bench::new();
    let good = sign(&bench.signer, &header(), &claims());
    bench.token("untouched", &good);
    headers(&mut bench);
    keys_of_others(&mut bench);
    forms(&mut bench, &good);
    every_claim(&mut bench);
    values_of_claims(&mut bench);
    // What an issuer may say, and nobody else. Each of these is refused when it is forged.
    assert_eq!(
        bench.accepted,
        [
            "untouched",
            "nbf dropped, signed",
            "scope dropped, signed",
            "sub changed, signed",
            "client_id changed, signed",
            "jti changed, signed",
            "scope changed, signed",
        ]
    );
    insta::assert_snapshot!("mutants", bench.rows.join("\n"));
}

fn headers(bench: &mut Bench) {
    for name in ["alg", "typ", "kid"] {
        let mut dropped = header();
        members(&mut dropped).remove(name);
        bench.header(&format!("header {name} dropped"), &dropped);
        let twice = duplicate(&header(), name);
        bench.texts(
            &format!("header {name} twice"),
            &twice,
            &claims().to_string(),
        );
        let mut number = header();
        number[name] = json!(7);
        bench.header(&format!("header {name} a number"), &number);
    }
    for alg in [
        "none", "None", "HS256", "HS512", "RS384", "PS256", "ES256", "rs256", "",
    ] {
        bench.signed(&format!("header alg {alg:?}"), |header| {
            header["alg"] = json!(alg)
        });
    }
    for typ in ["JWT", "at+jwt2", "dpop+jwt", "id+jwt", ""] {
        bench.signed(&format!("header typ {typ:?}"), |header| {
            header["typ"] = json!(typ)
        });
    }
    for kid in [
        "rsa-2",
        "ec-1",
        "rsa-3",
        "RSA-1",
        "",
        "../../../../dev/null",
        "file:///etc/passwd",
        "rsa-1' OR '1'='1",
        "rsa-1\0",
        "https://attacker.example/key",
    ] {
        bench.signed(&format!("header kid {kid:?}"), |header| {
            header["kid"] = json!(kid)
        });
    }
    for (name, value) in [
        ("jwk", json!({"kty": "oct", "k": "AAAA"})),
        ("jku", json!("https://attacker.example/jwks")),
        ("x5u", json!("https://attacker.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("cty", json!("JWT")),
    ] {
        bench.signed(&format!("header with {name}"), |header| {
            header[name] = value
        });
    }
}

fn keys_of_others(bench: &mut Bench) {
    let token = sign(&bench.attacker, &header(), &claims());
    bench.token("signed by somebody else", &token);
    let token = sign(&bench.second, &header(), &claims());
    bench.token("signed by the issuer's other key", &token);
    let mut embedded = header();
    embedded["jwk"] = jwk(&bench.attacker);
    let token = sign(&bench.attacker, &embedded, &claims());
    bench.token("signed by the key that it brings", &token);
    let mut unsigned = header();
    unsigned["alg"] = json!("none");
    let token = sign(&bench.signer, &unsigned, &claims());
    let body = token.rsplit_once('.').unwrap().0.to_owned();
    bench.token("alg none without a signature", &format!("{body}."));
    // The classic: the public key, which everybody has, as the secret of an HMAC.
    let mut symmetric = header();
    symmetric["alg"] = json!("HS256");
    let token = sign(&bench.signer, &symmetric, &claims());
    let body = token.rsplit_once('.').unwrap().0.to_owned();
    let modulus = from_base64url(jwk(&bench.signer)["n"].as_str().unwrap()).unwrap();
    let secret = hmac::Key::new(hmac::HMAC_SHA256, &modulus);
    let tag = base64url(hmac::sign(&secret, body.as_bytes()).as_ref());
    bench.token(
        "alg HS256 with the public RSA key",
        &format!("{body}.{tag}"),
    );
}

fn forms(bench: &mut Bench, good: &str) {
    let (body, signature) = good.rsplit_once('.').unwrap();
    let (header_part, claims_part) = body.split_once('.').unwrap();
    bench.token("no signature", body);
    bench.token("empty signature", &format!("{body}."));
    let half: String = signature.chars().take(168).collect();
    bench.token("half a signature", &format!("{body}.{half}"));
    bench.token(
        "header and claims swapped",
        &format!("{claims_part}.{header_part}.{signature}"),
    );
    bench.token("a part too many", &format!("{good}.{signature}"));
    bench.token("encrypted", &format!("{good}.{signature}.{signature}"));
    bench.token(
        "padded base64",
        &format!("{header_part}=.{claims_part}.{signature}"),
    );
    bench.token("a line end", &format!("{good}\n"));
    bench.token("with its scheme", &format!("Bearer {good}"));
    bench.token("nothing", "");
    bench.token(
        "a megabyte",
        &format!("{body}{}.{signature}", "A".repeat(1 << 20)),
    );
    let nested = sign_text(&bench.signer, &header().to_string(), good);
    bench.token("a token in a token", &nested);
    let header_text = header().to_string();
    let claims_text = claims().to_string();
    for (name, text) in [
        ("claims an array", format!("[{claims_text}]")),
        ("claims twice", format!("{claims_text}{claims_text}")),
        ("claims with a comment", format!("{claims_text}//")),
        ("claims empty", String::new()),
    ] {
        bench.texts(name, &header_text, &text);
    }
    let other = sign(&bench.signer, &header(), &json!({"iss": ISSUER}));
    let other_signature = other.rsplit_once('.').unwrap().1;
    bench.token(
        "the signature of another token",
        &format!("{body}.{other_signature}"),
    );
}

fn every_claim(bench: &mut Bench) {
    let mut names: Vec<String> = members(&mut claims()).keys().cloned().collect();
    // In which order they stand depends on how the JSON library was built.
    names.sort_unstable();
    for name in &names {
        let mut dropped = claims();
        members(&mut dropped).remove(name);
        bench.claims(&format!("{name} dropped"), &dropped);
        let twice = duplicate(&claims(), name);
        bench.texts(&format!("{name} twice"), &header().to_string(), &twice);
        let mut wrong_kind = claims();
        wrong_kind[name.as_str()] = json!({"other": true});
        bench.claims(&format!("{name} an object"), &wrong_kind);
    }
    for (one, other) in [("iss", "aud"), ("iss", "sub"), ("exp", "iat")] {
        let mut swapped = claims();
        let (a, b) = (swapped[one].clone(), swapped[other].clone());
        swapped[one] = b;
        swapped[other] = a;
        bench.claims(&format!("{one} and {other} swapped"), &swapped);
    }
}

fn values_of_claims(bench: &mut Bench) {
    let rows = [
        ("iss changed", "iss", json!("https://attacker.example")),
        ("iss with a slash", "iss", json!(format!("{ISSUER}/"))),
        ("iss in capitals", "iss", json!(ISSUER.to_uppercase())),
        ("iss an array", "iss", json!([ISSUER])),
        (
            "aud changed",
            "aud",
            json!("https://gateway.example/finance"),
        ),
        ("aud with a slash", "aud", json!(format!("{AUDIENCE}/"))),
        ("aud a prefix", "aud", json!("https://gateway.example")),
        ("aud an empty array", "aud", json!([])),
        ("aud of others", "aud", json!(["a", "b"])),
        ("aud with a number", "aud", json!([AUDIENCE, 7])),
        ("exp past", "exp", json!(NOW - 60)),
        ("exp zero", "exp", json!(0)),
        ("exp negative", "exp", json!(-1)),
        ("exp text", "exp", json!((NOW + 600).to_string())),
        ("exp beyond all years", "exp", json!(u64::MAX)),
        ("exp null", "exp", json!(null)),
        ("nbf to come", "nbf", json!(NOW + 61)),
        ("iat to come", "iat", json!(NOW + 61)),
        ("iat long ago", "iat", json!(NOW - 3661)),
        ("sub empty", "sub", json!("")),
        ("sub with a control character", "sub", json!("user-1\u{7}")),
        ("with at_hash", "at_hash", json!("x")),
        ("bound to a key", "cnf", json!({"jkt": "x"})),
        ("bound to a certificate", "cnf", json!({"x5t#S256": "x"})),
        ("bound by other means", "cnf", json!({"jwk": {}})),
        ("sub changed", "sub", json!("admin")),
        ("client_id changed", "client_id", json!("attacker")),
        ("jti changed", "jti", json!("token-2")),
        ("scope changed", "scope", json!("admin")),
    ];
    for (name, claim, value) in rows {
        let mut changed = claims();
        changed[claim] = value;
        bench.claims(name, &changed);
    }
}
