//! What a new configuration keeps, and what is wrong with it.

use portcullis_lab::identity_provider::{IdentityProvider, ProviderSettings};

use crate::world::{RESOURCE, World};

async fn provider() -> IdentityProvider {
    let settings = ProviderSettings::default();
    let provider = IdentityProvider::start(settings).await.unwrap();
    provider.set_time(Some(1_800_000_000));
    provider
}

fn authn(provider: &IdentityProvider, more: &str) -> String {
    format!(
        "[authn.issuers.corp]\nkind = \"oidc\"\nissuer = \"{}\"\n{more}\n\
         [authn.issuers.corp.client]\nid = \"gateway\"\nsecret = SECRET\n",
        provider.issuer()
    )
}

#[tokio::test]
async fn keys_stay_as_long_as_they_are_asked_for_in_the_same_way() {
    let provider = provider().await;
    let keys = provider.endpoint("jwks_uri").unwrap();
    let path = keys.strip_prefix(provider.base_url()).unwrap();
    let token = provider.mint("host-1", "a", Some(RESOURCE)).unwrap();
    let mut world = World::new(&authn(&provider, "")).await;
    assert_eq!(world.bearer(&token).await, "User corp:ada");

    for same in [
        "",
        "\n\n# a comment\n",
        "clients = [\"host-1\"]",
        "max-token-age = \"1h\"",
    ] {
        world = world.reload(&authn(&provider, same)).await;
        assert_eq!(world.bearer(&token).await, "User corp:ada");
        assert_eq!(provider.requests(path), 1, "{same}");
    }
    // What is judged is new even so.
    world = world
        .reload(&authn(&provider, "clients = [\"other\"]"))
        .await;
    assert_eq!(
        world.bearer(&token).await,
        "client-not-allowed (invalid, -)"
    );

    world = world
        .reload(&authn(&provider, &format!("jwks-url = \"{keys}\"")))
        .await;
    assert_eq!(world.bearer(&token).await, "User corp:ada");
    assert_eq!(provider.requests(path), 2);

    world.secret("another");
    world = world
        .reload(&authn(&provider, &format!("jwks-url = \"{keys}\"")))
        .await;
    assert_eq!(world.bearer(&token).await, "User corp:ada");
    assert_eq!(provider.requests(path), 3, "a secret was replaced");
}

#[tokio::test]
async fn every_problem_is_named() {
    let provider = provider().await;
    let world = World::new("").await;
    std::fs::remove_file(world.path("secret")).unwrap();
    std::fs::write(world.path("no.pem"), "no certificate").unwrap();
    let other = |name: &str, more: &str| {
        format!(
            "[authn.issuers.{name}]\nkind = \"oidc\"\nissuer = \"https://{name}.example\"\n{more}\n"
        )
    };
    let text = [
        authn(&provider, "ca = \"missing.pem\""),
        other("unreadable", "ca = \"no.pem\""),
        other("keyless", "client = { id = \"a\", key = \"file:no.pem\" }"),
        other(
            "unset",
            "client = { id = \"a\", secret = \"env:PORTCULLIS_TEST_THAT_IS_NOT_SET\" }",
        ),
        other("fine", ""),
    ];
    let problems = world.try_reload(&text.concat()).await.unwrap_err();
    let places: Vec<_> = problems
        .iter()
        .map(|problem| problem.place.as_str())
        .collect();
    assert_eq!(
        places,
        [
            "authn.issuers.corp.ca",
            "authn.issuers.corp.client",
            "authn.issuers.keyless.client",
            "authn.issuers.unreadable.ca",
            "authn.issuers.unset.client",
        ],
        "{problems:?}"
    );
    assert!(
        problems[3]
            .to_string()
            .starts_with("`authn.issuers.unreadable.ca`: ")
    );
}
