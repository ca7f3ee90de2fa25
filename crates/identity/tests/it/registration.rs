//! The gateway proves to issuers which client it is, in every configured way.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_lab::entra::sample::{CONTOSO, GATEWAY};
use portcullis_lab::entra::{EntraLab, EntraSettings};
use portcullis_lab::identity_provider::{IdentityProvider, ProviderClient, ProviderSettings};
use portcullis_lab::jose::SigningKey;

use crate::world::{RESOURCE, World};

#[tokio::test]
async fn a_key_of_either_kind_signs_assertions() {
    for key in [SigningKey::ec().unwrap(), SigningKey::rsa().unwrap()] {
        let settings = ProviderSettings {
            opaque: true,
            clients: vec![ProviderClient {
                id: "gateway".to_owned(),
                keys: vec![key.jwk()],
                ..ProviderClient::default()
            }],
            ..ProviderSettings::default()
        };
        let provider = IdentityProvider::start(settings).await.unwrap();
        provider.set_time(Some(1_800_000_000));
        let world = World::new("").await;
        world.secret(key.private_pem());
        let world = world
            .reload(&format!(
                "[authn.issuers.corp]\nkind = \"oidc\"\nissuer = \"{}\"\ntokens = \"opaque\"\n\
                 client = {{ id = \"gateway\", key = SECRET, key-id = \"{}\" }}\n",
                provider.issuer(),
                key.kid()
            ))
            .await;
        let token = provider.mint("host-1", "a", Some(RESOURCE)).unwrap();
        assert_eq!(world.bearer(&token).await, "User corp:ada");
    }
}

#[tokio::test]
async fn entra_takes_a_certificate() {
    let key = SigningKey::rsa().unwrap();
    let mut settings = EntraSettings::default();
    let apps = settings.tenants[0].apps.iter_mut();
    for app in apps.filter(|app| app.id == GATEWAY) {
        app.secrets.clear();
        app.certificates = vec![key.client_certificate()];
    }
    let lab = EntraLab::start(settings).await.unwrap();
    lab.set_time(Some(1_800_000_000));
    let world = World::new("").await;
    world.secret(key.private_pem());
    let certificate = STANDARD.encode(key.certificate());
    let pem = format!("-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n");
    std::fs::write(world.path("entra.pem"), pem).unwrap();
    let world = world
        .reload(&format!(
            "[authn.issuers.contoso]\nkind = \"entra\"\ntenant = \"{CONTOSO}\"\n\
             authority-url = \"{}\"\ngraph-url = \"{}\"\ngroups = \"graph\"\n\
             client = {{ id = \"{GATEWAY}\", certificate = \"entra.pem\", key = SECRET }}\n",
            lab.base_url(),
            lab.graph_url()
        ))
        .await;
    let probed = world.issuers.probe().await;
    assert_eq!(probed[0].problems, []);
    assert!(probed[0].found[2].starts_with("Graph answers"));
}
