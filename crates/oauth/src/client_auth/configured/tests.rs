use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use portcullis_config::CertificateAndKey;
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::*;
use crate::form::Form;

/// Everything is the same secret.
struct One(Option<String>);

#[async_trait]
impl ReadSecret for One {
    async fn read(&self, reference: &SecretRef) -> Result<SecretString, SecretUnreadable> {
        let secret = self.0.clone().map(SecretString::from);
        secret.ok_or_else(|| SecretUnreadable(format!("nothing is at {reference}").into()))
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Rsa,
    Ec,
}

fn reference() -> SecretRef {
    SecretRef::Env("KEY".to_owned())
}

fn with_key() -> ClientAuthentication {
    ClientAuthentication::PrivateKey {
        key: reference(),
        key_id: Some("kid-1".to_owned()),
    }
}

fn with_certificate() -> ClientAuthentication {
    ClientAuthentication::Certificate(CertificateAndKey {
        certificate: "client.pem".to_owned(),
        key: reference(),
    })
}

fn client(authentication: ClientAuthentication) -> OauthClient {
    OauthClient {
        id: "gateway".to_owned(),
        authentication,
    }
}

/// The algorithm and the audience of the assertion, or why there is none.
async fn assertion(
    kind: Kind,
    authentication: ClientAuthentication,
    taker: AssertionTaker<'_>,
) -> String {
    let pair = match kind {
        Kind::Rsa => rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256),
        Kind::Ec => rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
    }
    .unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["gw.example".to_owned()]).unwrap();
    let certificate = certificate.self_signed(&pair).unwrap();
    let base = tempfile::tempdir().unwrap();
    std::fs::write(base.path().join("client.pem"), certificate.pem()).unwrap();
    let secrets = One(Some(pair.serialize_pem()));
    let client = client(authentication);
    let identity = ClientIdentity::configured(&client, taker, &secrets, base.path()).await;
    let identity = match identity {
        Ok(identity) => identity,
        Err(error) => return error.to_string(),
    };
    let mut form = Form::grant("g");
    let endpoint = Url::parse("https://as.example/token").unwrap();
    identity
        .authenticate(
            &mut form,
            &mut HeaderMap::new(),
            "https://as.example",
            &endpoint,
            1_800_000_000,
        )
        .await
        .unwrap();
    let (body, _) = form.finish();
    let fields: std::collections::HashMap<String, String> =
        form_urlencoded::parse(&body).into_owned().collect();
    let mut parts = fields["client_assertion"].split('.');
    let mut part = || -> Value {
        let text = URL_SAFE_NO_PAD.decode(parts.next().unwrap()).unwrap();
        serde_json::from_slice(&text).unwrap()
    };
    let (header, claims) = (part(), part());
    let audience = claims["aud"].as_str().unwrap();
    let named = header["kid"].is_string() || header["x5t#S256"].is_string();
    assert!(named);
    format!("{} for {audience}", header["alg"].as_str().unwrap())
}

#[tokio::test]
async fn assertions_are_signed_as_the_server_takes_them() {
    use AssertionTaker::{Entra, Standard, Unknown};
    use Kind::{Ec, Rsa};

    let issuer = "for https://as.example";
    let endpoint = "for https://as.example/token";
    let unfit = "the private key or the certificate of the registration cannot be used";
    let names: Vec<String> = ["HS256", "PS256", "RS256"].map(str::to_owned).into();
    let only_hmac = vec!["HS256".to_owned()];
    let silent = Standard { algorithms: None };
    let says = Standard {
        algorithms: Some(&names),
    };
    let mac = Standard {
        algorithms: Some(&only_hmac),
    };
    let table = [
        (Rsa, with_key(), Unknown, format!("RS256 {issuer}")),
        (Ec, with_key(), Unknown, format!("ES256 {issuer}")),
        (
            Rsa,
            with_certificate(),
            Unknown,
            format!("PS256 {endpoint}"),
        ),
        (Ec, with_certificate(), Unknown, format!("ES256 {endpoint}")),
        (Rsa, with_key(), Entra, format!("PS256 {endpoint}")),
        (Rsa, with_certificate(), Entra, format!("PS256 {endpoint}")),
        (Ec, with_certificate(), Entra, unfit.to_owned()),
        (Rsa, with_key(), silent, format!("RS256 {issuer}")),
        (Rsa, with_key(), says, format!("PS256 {issuer}")),
        (Rsa, with_certificate(), says, format!("PS256 {issuer}")),
        (Ec, with_key(), says, unfit.to_owned()),
        (
            Ec,
            with_key(),
            mac,
            "the server takes no assertion that can be signed here".to_owned(),
        ),
    ];
    for (number, (kind, authentication, taker, expected)) in table.into_iter().enumerate() {
        let made = assertion(kind, authentication, taker).await;
        assert_eq!(made, expected, "row {number}");
    }
}

#[tokio::test]
async fn what_is_missing_is_named_with_its_cause() {
    let base = tempfile::tempdir().unwrap();
    let read = |authentication, secret: Option<&str>| {
        let (client, secrets) = (client(authentication), One(secret.map(str::to_owned)));
        let base = base.path().to_owned();
        async move {
            let taker = AssertionTaker::Unknown;
            let made = ClientIdentity::configured(&client, taker, &secrets, &base).await;
            let error = made.err().unwrap();
            let source = std::error::Error::source(&error);
            let source = source.map(ToString::to_string).unwrap_or_default();
            (error.to_string(), source)
        }
    };
    let basic = || ClientAuthentication::SecretBasic(reference());
    let missing = read(basic(), None).await;
    assert_eq!(missing.0, "the secret of the registration cannot be read");
    assert_eq!(missing.1, "nothing is at env:KEY");
    let missing = read(with_certificate(), Some("key")).await;
    assert_eq!(missing.0, "the certificate client.pem cannot be read");
    assert!(missing.1.contains("No such file"), "{}", missing.1);
    let wrong = read(with_key(), Some("no pem")).await;
    assert_eq!(wrong.1, "no private key in pem form");
}

#[tokio::test]
async fn a_replaced_secret_changes_the_digest() {
    let client = client(ClientAuthentication::SecretPost(reference()));
    let digest = async |secret: &str| {
        let secrets = One(Some(secret.to_owned()));
        let proof = ClientProof::read(&client, &secrets, Path::new("/")).await;
        proof.unwrap().digest()
    };
    assert_eq!(digest("one").await, digest("one").await);
    assert_ne!(digest("one").await, digest("two").await);
}
