//! Signed tokens of authorization servers of the usual kind, and of SPIFFE.

use portcullis_identity::Endpoint;
use portcullis_lab::identity_provider::{IdentityProvider, Misbehaviour, ProviderSettings, Shape};
use portcullis_lab::jose::SigningKey;
use secrecy::SecretString;
use serde_json::json;

use crate::world::{RESOURCE, World, outcome, shown};

async fn provider(shape: Shape) -> IdentityProvider {
    let settings = ProviderSettings {
        shape,
        ..ProviderSettings::default()
    };
    let provider = IdentityProvider::start(settings).await.unwrap();
    provider.set_time(Some(1_800_000_000));
    provider
}

fn authn(provider: &IdentityProvider, more: &str) -> String {
    format!(
        "[authn.issuers.corp]\nkind = \"oidc\"\nissuer = \"{}\"\n{more}\n",
        provider.issuer()
    )
}

fn mint(provider: &IdentityProvider) -> String {
    provider
        .mint("host-1", "tools.read", Some(RESOURCE))
        .unwrap()
}

#[tokio::test]
async fn providers_of_known_shapes_are_understood() {
    for (shape, settings) in [
        (Shape::Standard, ""),
        (
            Shape::Keycloak,
            "token-types = [\"JWT\"]\nrequired-claims = [\"iat\", \"jti\"]\nroles-claim = \"/realm_access/roles\"",
        ),
        (
            Shape::Okta,
            "token-types = [\"JWT\"]\nuntyped-tokens = true\nrequired-claims = [\"iat\", \"jti\"]\nclient-claims = [\"cid\"]\nscopes-claim = \"scp\"",
        ),
        (
            Shape::Auth0,
            "token-types = [\"JWT\", \"at+jwt\"]\nrequired-claims = [\"iat\"]",
        ),
    ] {
        let provider = provider(shape).await;
        let world = World::new(&authn(&provider, settings)).await;
        let token = SecretString::from(mint(&provider));
        let identified = world.identify(&shown(&token)).await;
        let seen = outcome(&identified);
        assert!(seen.starts_with("User corp:"), "{shape:?}: {seen}");
        let identity = identified.unwrap().identity;
        assert_eq!(identity.client.as_deref(), Some("host-1"), "{shape:?}");
        assert!(identity.scopes.contains("tools.read"), "{shape:?}");
        let other = provider.mint("host-1", "tools.read", None).unwrap();
        assert_eq!(world.bearer(&other).await, "audience-wrong (invalid, -)");
    }
}

#[tokio::test]
async fn a_token_counts_at_the_endpoints_that_take_its_issuer() {
    let provider = provider(Shape::Standard).await;
    let mut world = World::new(&authn(&provider, "")).await;
    let token = mint(&provider);
    assert_eq!(world.bearer(&token).await, "User corp:ada");
    assert_eq!(world.bearer("").await, "credential-missing (missing, -)");

    world.endpoint = Endpoint::new([("other".to_owned(), vec![RESOURCE.to_owned()])]);
    assert_eq!(world.bearer(&token).await, "issuer-not-taken (invalid, -)");
    // The audiences of one issuer are not those of another.
    world.endpoint = Endpoint::new([
        ("other".to_owned(), vec![RESOURCE.to_owned()]),
        ("corp".to_owned(), vec!["https://corp.example".to_owned()]),
    ]);
    assert_eq!(world.bearer(&token).await, "audience-wrong (invalid, -)");
}

#[tokio::test]
async fn nobody_is_asked_for_the_keys_of_a_token_that_cannot_be_good() {
    let provider = provider(Shape::Standard).await;
    let world = World::new(&authn(&provider, "")).await;
    let key = provider.current_key().unwrap();
    let claims = |issuer: &str| json!({"iss": issuer, "sub": "ada", "aud": RESOURCE});
    let sign = |header, claims| key.sign(&header, &claims).unwrap();
    let good = json!({"typ": "at+jwt", "alg": "RS256", "kid": key.kid()});
    let none = json!({"typ": "at+jwt", "alg": "none", "kid": key.kid()});
    for (token, outcome) in [
        (
            sign(good.clone(), claims("https://attacker.example")),
            "issuer-unknown",
        ),
        (
            sign(good, claims(&format!("{}/", provider.issuer()))),
            "issuer-unknown",
        ),
        (
            sign(none, claims(provider.issuer())),
            "algorithm-not-allowed",
        ),
        ("eyJhbGciOiJSUzI1NiJ9.e30".to_owned(), "token-malformed"),
        ("x".to_owned(), "token-malformed"),
        ("A".repeat(1 << 20), "token-malformed"),
        (format!("eyJ{}", "A".repeat(1 << 20)), "token-too-large"),
    ] {
        let seen = world.bearer(&token).await;
        assert_eq!(seen, format!("{outcome} (invalid, -)"));
    }
    let keys = provider.endpoint("jwks_uri").unwrap();
    let path = keys.strip_prefix(provider.base_url()).unwrap();
    assert_eq!(provider.requests(path), 0);
}

#[tokio::test]
async fn what_a_token_does_not_say_the_configuration_does() {
    let provider = provider(Shape::Standard).await;
    let token = mint(&provider);
    let own = provider.mint("ada", "tools.read", Some(RESOURCE)).unwrap();
    let check = async |more: &str, token: &str| {
        let world = World::new(&authn(&provider, more)).await;
        world.bearer(token).await
    };
    assert_eq!(
        check("principal = \"agent\"", &token).await,
        "Agent corp:ada"
    );
    assert_eq!(
        check("principal = \"workload\"", &token).await,
        "Workload corp:ada"
    );
    assert_eq!(
        check(
            "agent-clients = [\"host-1\"]\nprincipal = \"workload\"",
            &token
        )
        .await,
        "User corp:ada"
    );
    assert_eq!(
        check("principal = \"agent\"", &own).await,
        "Workload corp:ada"
    );
    assert_eq!(
        check("clients = [\"other\"]", &token).await,
        "client-not-allowed (invalid, -)"
    );
}

#[tokio::test]
async fn metadata_for_another_issuer_leads_to_no_keys() {
    let provider = provider(Shape::Standard).await;
    provider.misbehave(Misbehaviour::Metadata {
        member: "issuer".to_owned(),
        value: Some("https://attacker.example".into()),
    });
    let world = World::new(&authn(&provider, "")).await;
    assert_eq!(
        world.bearer(&mint(&provider)).await,
        "issuer-unavailable (unavailable, metadata-issuer-mismatch)"
    );
    provider.behave();
    provider.misbehave(Misbehaviour::Metadata {
        member: "jwks_uri".to_owned(),
        value: Some("https://169.254.169.254/keys".into()),
    });
    let world = World::new(&authn(&provider, "")).await;
    assert_eq!(
        world.bearer(&mint(&provider)).await,
        "issuer-unavailable (unavailable, keys-unavailable)"
    );
}

#[tokio::test]
async fn a_bundle_in_a_file_is_read_again() {
    const SPIFFE: &str = "[authn.issuers.mesh]\nkind = \"spiffe\"\ntrust-domain = \"example.org\"\nbundle = \"bundle.json\"\n";
    let world = World::new("").await;
    let (first, second) = (SigningKey::ec().unwrap(), SigningKey::ec().unwrap());
    let publish = |key: &SigningKey| {
        let mut jwk = key.jwk();
        jwk["use"] = "jwt-svid".into();
        jwk.as_object_mut().unwrap().remove("use");
        std::fs::write(
            world.path("bundle.json"),
            json!({"keys": [jwk]}).to_string(),
        )
        .unwrap();
    };
    publish(&first);
    let issuers = world.try_reload(SPIFFE).await.unwrap();
    let endpoint = Endpoint::new([("mesh".to_owned(), vec![RESOURCE.to_owned()])]);
    let check = async |key: &SigningKey| {
        let now = world.now();
        let claims = json!({
            "sub": "spiffe://example.org/ns/prod/importer", "aud": [RESOURCE],
            "exp": now + 300, "iat": now,
        });
        let header = json!({"alg": "ES256", "kid": key.kid()});
        let token = SecretString::from(key.sign(&header, &claims).unwrap());
        outcome(&issuers.identify(&shown(&token), &endpoint).await)
    };
    let good = "Workload mesh:spiffe://example.org/ns/prod/importer";
    assert_eq!(check(&first).await, good);
    assert_eq!(check(&second).await, "key-unknown (invalid, -)");
    publish(&second);
    world.advance(1);
    assert_eq!(check(&second).await, good);
    assert_eq!(check(&first).await, "key-unknown (invalid, -)");
}
