//! Tokens for the user, in exchange for the one that the user came with.

use std::sync::Arc;

use portcullis_broker::{Broker, Caller, Needed, Reason, Rejected, Retry, SubjectToken};
use portcullis_lab::entra::sample::{ADA, CONTOSO, FABRIKAM, GATEWAY, HOST, PAPERS};
use portcullis_lab::entra::{EntraLab, EntraSettings, Policy};
use portcullis_lab::identity_provider::{
    IdentityProvider, ProviderClient, ProviderSettings, Trusted,
};
use portcullis_token::challenge;
use portcullis_token::identity::PrincipalKind;

use crate::mcp::Mcp;
use crate::world::{World, came_by, claims, needed, refused, subject, token, user};

async fn entra() -> EntraLab {
    EntraLab::start(EntraSettings::default()).await.unwrap()
}

fn entra_config(lab: &EntraLab, more: &str) -> String {
    format!(
        r#"
        [authn.issuers.entra]
        kind = "entra"
        tenant = "{CONTOSO}"
        audiences = ["{GATEWAY}"]
        authority-url = "{}"
        [authn.issuers.entra.client]
        id = "{GATEWAY}"
        secret = "env:ENTRA"
        auth = "post"
        [servers.papers]
        url = "http://127.0.0.1:9/mcp"
        [servers.papers.auth]
        kind = "on-behalf-of"
        through = "entra"
        scopes = ["api://papers.contoso.com/papers.read"]
        {more}
        "#,
        lab.base_url()
    )
}

/// A token of Ada's for the gateway.
fn adas(lab: &EntraLab) -> SubjectToken {
    let scope = format!("api://{GATEWAY}/tools.read");
    subject(
        &lab.mint(&lab.user_claims(ADA, HOST, &scope).unwrap())
            .unwrap(),
    )
}

fn asked(lab: &EntraLab) -> usize {
    lab.requests(&format!("/{CONTOSO}/oauth2/v2.0/token"))
}

fn conditional_access() -> Policy {
    Policy::ConditionalAccess {
        resource: PAPERS.to_owned(),
        code: 50076,
        policy: "37c4f5b7-1a0e-4d7f-8a86-000000000001".to_owned(),
    }
}

#[tokio::test]
async fn entra_gives_a_token_on_behalf_of_the_user() {
    let lab = entra().await;
    let world = World::new().await;
    let broker = world.broker(&entra_config(&lab, ""));
    let ada = adas(&lab);
    let caller = came_by("entra", CONTOSO, &ada);
    let credential = broker.credential("papers", &caller).await.unwrap().unwrap();
    let told = claims(&credential);
    assert_eq!(told["aud"], PAPERS);
    assert_eq!(told["scp"], "papers.read");
    assert_eq!(told["azp"], GATEWAY);
    // Kept as long as it is Ada's same token, over a reload too.
    let reloaded = world.broker_after(&entra_config(&lab, ""), Some(&broker));
    reloaded
        .credential("papers", &caller)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(asked(&lab), 1);
    let fresh = adas(&lab);
    let caller = came_by("entra", CONTOSO, &fresh);
    broker.credential("papers", &caller).await.unwrap().unwrap();
    assert_eq!(asked(&lab), 2);
}

#[tokio::test]
async fn interaction_required_is_said_and_no_older_token_is_used() {
    let lab = entra().await;
    let world = World::new().await;
    let broker = world.broker(&entra_config(&lab, "max-token-age = \"600s\""));
    let ada = adas(&lab);
    let caller = Caller {
        can_be_challenged: true,
        ..came_by("entra", CONTOSO, &ada)
    };
    broker.credential("papers", &caller).await.unwrap().unwrap();
    lab.set_policy(conditional_access());
    // Due for renewal, and good for another minute.
    world.clock.pass(540);
    let Needed::Challenge { claims } = needed(broker.credential("papers", &caller).await) else {
        panic!("no challenge");
    };
    assert!(claims.contains("polids"), "{claims}");
    let plain = came_by("entra", CONTOSO, &ada);
    let credential = broker.credential("papers", &plain).await;
    assert_eq!(needed(credential), refused(Reason::InteractionRequired));
    // And it is not asked for all the time.
    assert_eq!(asked(&lab), 2);
    lab.clear_policies();
    world.clock.pass(3);
    broker.credential("papers", &caller).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_token_goes_to_its_own_issuer_and_tenant_only() {
    let lab = entra().await;
    let world = World::new().await;
    let broker = world.broker(&entra_config(&lab, ""));
    let ada = adas(&lab);
    let check = async |caller: Caller<'_>, reason| {
        let credential = broker.credential("papers", &caller).await;
        assert_eq!(needed(credential), refused(reason));
    };
    let right = came_by("entra", CONTOSO, &ada);
    check(came_by("other", CONTOSO, &ada), Reason::SubjectForeign).await;
    check(came_by("entra", FABRIKAM, &ada), Reason::SubjectForeign).await;
    check(came_by("entra", "", &ada), Reason::SubjectForeign).await;
    check(user("ada"), Reason::SubjectMissing).await;
    let kind = PrincipalKind::Workload;
    check(Caller { kind, ..right }, Reason::UsersOnly).await;
    let actors = ["a", "b", "c", "d"].map(str::to_owned);
    let actors = &actors;
    check(Caller { actors, ..right }, Reason::ChainTooLong).await;
    assert_eq!(asked(&lab), 0);
}

#[tokio::test]
async fn entra_refuses_a_token_that_ended() {
    let lab = entra().await;
    let world = World::new().await;
    let broker = world.broker(&entra_config(&lab, ""));
    let scope = format!("api://{GATEWAY}/tools.read");
    let mut old = lab.user_claims(ADA, HOST, &scope).unwrap();
    old["exp"] = 1_700_000_000.into();
    let old = subject(&lab.mint(&old).unwrap());
    let credential = broker
        .credential("papers", &came_by("entra", CONTOSO, &old))
        .await;
    assert_eq!(needed(credential), refused(Reason::SubjectRefused));
}

async fn provider(lifetime: u64) -> IdentityProvider {
    let settings = ProviderSettings {
        token_lifetime: lifetime,
        ..ProviderSettings::default()
    };
    IdentityProvider::start(settings).await.unwrap()
}

fn company(provider: &IdentityProvider) -> String {
    format!(
        r#"
        [authn.issuers.company]
        kind = "oidc"
        issuer = "{}"
        audiences = ["https://gw.example.com/mcp"]
        [authn.issuers.company.client]
        id = "gateway"
        secret = "env:PROVIDER"
        [servers.papers]
        url = "http://127.0.0.1:9/mcp"
        [servers.papers.auth]
        through = "company"
        "#,
        provider.issuer()
    )
}

fn token_path(provider: &IdentityProvider) -> String {
    let url = provider.endpoint("token_endpoint").unwrap();
    url.strip_prefix(provider.base_url()).unwrap().to_owned()
}

fn minted(provider: &IdentityProvider, scope: &str) -> String {
    provider
        .mint("host", scope, Some("https://gw.example.com/mcp"))
        .unwrap()
}

#[tokio::test]
async fn an_exchange_only_narrows() {
    let provider = provider(3600).await;
    let world = World::new().await;
    let config = company(&provider) + "kind = \"token-exchange\"\nscopes = [\"papers.read\"]";
    let broker = world.broker(&config);
    let held = minted(&provider, "papers.read papers.write");
    let subject = subject(&held);
    let caller = came_by("company", "", &subject);
    let credential = broker.credential("papers", &caller).await.unwrap().unwrap();
    let told = claims(&credential);
    assert_eq!(told["aud"], "http://127.0.0.1:9/mcp");
    assert_eq!(told["scope"], "papers.read");
    assert_eq!(told["sub"], "ada");
    assert_ne!(token(&credential), held);

    // The server asks for more than is configured: refused here, and nobody is asked.
    let wider = challenge::parse("Bearer error=\"insufficient_scope\", scope=\"papers.write\"");
    let rejected = Rejected {
        status: http::StatusCode::FORBIDDEN,
        challenges: &wider.unwrap(),
    };
    let retry = broker
        .rejected("papers", &caller, &credential, &rejected)
        .await;
    assert!(
        matches!(&retry, Retry::Needed(needed) if *needed == refused(Reason::Scope)),
        "{retry:?}"
    );
    assert_eq!(provider.requests(&token_path(&provider)), 1);
}

#[tokio::test]
async fn without_configured_scopes_the_caller_passes_on_at_most_its_own() {
    let provider = provider(3600).await;
    let world = World::new().await;
    let broker = world.broker(&(company(&provider) + "kind = \"token-exchange\""));
    let subject = subject(&minted(&provider, "papers.read papers.write"));
    let scopes = ["papers.read", "papers.write"].map(str::to_owned);
    let caller = Caller {
        scopes: &scopes,
        ..came_by("company", "", &subject)
    };
    let credential = broker.credential("papers", &caller).await.unwrap().unwrap();
    let rejects = async |used, scope: &str| {
        let text = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
        let challenges = challenge::parse(&text).unwrap();
        let rejected = Rejected {
            status: http::StatusCode::FORBIDDEN,
            challenges: &challenges,
        };
        broker.rejected("papers", &caller, used, &rejected).await
    };
    let before = provider.requests(&token_path(&provider));
    let retry = rejects(&credential, "everything").await;
    assert!(matches!(&retry, Retry::Needed(needed) if *needed == refused(Reason::Scope)));
    assert_eq!(provider.requests(&token_path(&provider)), before);
    // What the caller has may be passed on.
    let Retry::With(more) = rejects(&credential, "papers.write").await else {
        panic!("no other token");
    };
    assert_eq!(claims(&more)["scope"], "papers.write");
    assert_eq!(provider.requests(&token_path(&provider)), before + 1);
}

#[tokio::test]
async fn five_hundred_calls_at_the_end_cause_one_exchange() {
    let provider = provider(600).await;
    let world = World::new().await;
    let config = company(&provider) + "kind = \"token-exchange\"\nscopes = [\"papers.read\"]";
    let broker = Arc::new(world.broker(&config));
    let held = minted(&provider, "papers.read");
    for round in 1..=2 {
        let calls: Vec<_> = (0..500)
            .map(|_| {
                let (broker, held) = (Arc::clone(&broker), held.clone());
                tokio::spawn(async move { exchanged(&broker, &held).await })
            })
            .collect();
        let mut tokens = Vec::new();
        for call in calls {
            tokens.push(call.await.unwrap());
        }
        tokens.dedup();
        assert_eq!(tokens.len(), 1);
        assert_eq!(provider.requests(&token_path(&provider)), round);
        world.clock.pass(601);
    }
}

async fn exchanged(broker: &Broker, held: &str) -> String {
    let subject = subject(held);
    let credential = broker
        .credential("papers", &came_by("company", "", &subject))
        .await;
    token(&credential.unwrap().unwrap())
}

#[tokio::test]
async fn a_refused_token_is_exchanged_anew_once() {
    let provider = provider(3600).await;
    let world = World::new().await;
    let config = company(&provider) + "kind = \"token-exchange\"\nscopes = [\"papers.read\"]";
    let broker = world.broker(&config);
    let subject = subject(&minted(&provider, "papers.read"));
    let caller = came_by("company", "", &subject);
    let first = broker.credential("papers", &caller).await.unwrap().unwrap();
    let rejected = Rejected {
        status: http::StatusCode::UNAUTHORIZED,
        challenges: &[],
    };
    let Retry::With(second) = broker.rejected("papers", &caller, &first, &rejected).await else {
        panic!("no other token");
    };
    assert_ne!(token(&first), token(&second));
    // Somebody else was refused with the first one too: the second is there already.
    let Retry::With(same) = broker.rejected("papers", &caller, &first, &rejected).await else {
        panic!("no other token");
    };
    assert_eq!(token(&second), token(&same));
    let retry = broker.rejected("papers", &caller, &second, &rejected).await;
    assert!(matches!(&retry, Retry::Needed(needed) if *needed == refused(Reason::Rejected)));
    assert_eq!(provider.requests(&token_path(&provider)), 2);
}

#[tokio::test]
async fn an_identity_assertion_leads_to_a_token_of_the_servers_own_issuer() {
    let company = provider(3600).await;
    let theirs = IdentityProvider::start(ProviderSettings {
        trusted: vec![Trusted {
            issuer: company.issuer().to_owned(),
            keys: vec![company.current_key().unwrap().jwk()],
        }],
        clients: vec![ProviderClient {
            id: "gateway".to_owned(),
            secret: Some("theirs".to_owned()),
            ..ProviderClient::default()
        }],
        ..ProviderSettings::default()
    });
    let theirs = theirs.await.unwrap();
    let world = World::new().await;
    world
        .secrets
        .0
        .lock()
        .unwrap()
        .insert("THEIRS".to_owned(), "theirs".to_owned());
    let config = self::company(&company)
        + &format!(
            "kind = \"id-jag\"\nissuer = \"{}\"\nscopes = [\"papers.read\"]
            client-id = \"gateway\"\nclient-secret = \"env:THEIRS\"",
            theirs.issuer()
        );
    let broker = world.broker(&config);
    let held = minted(&company, "papers.read");
    let subject = SubjectToken::id(secrecy::SecretString::from(held.as_str()));
    let caller = came_by("company", "", &subject);
    let credential = broker.credential("papers", &caller).await.unwrap().unwrap();
    let told = claims(&credential);
    assert_eq!(told["iss"], theirs.issuer());
    assert_eq!(told["aud"], "http://127.0.0.1:9/mcp");
    assert_eq!(told["sub"], "ada");
    // The caller's own token was shown to its issuer alone.
    let to_theirs = theirs.asked(&token_path(&theirs));
    assert_eq!(to_theirs.len(), 1);
    let body = String::from_utf8_lossy(&to_theirs[0].body).into_owned();
    assert!(!body.contains(&held), "{body}");
}

/// What the caller brought, and what it was exchanged for, are nowhere but where they belong.
#[tokio::test]
async fn neither_token_is_stored_or_told() {
    let lab = entra().await;
    let mcp = Mcp::start(&["https://as.example.com"]).await;
    mcp.challenges("Bearer error=\"invalid_token\"");
    let world = World::new().await;
    let config = entra_config(&lab, "").replace("http://127.0.0.1:9/mcp", &mcp.url());
    let broker = world.broker(&config);
    let held = lab.user_claims(ADA, HOST, &format!("api://{GATEWAY}/tools.read"));
    let held = lab.mint(&held.unwrap()).unwrap();
    let ada = subject(&held);
    let caller = came_by("entra", CONTOSO, &ada);
    let credential = broker.credential("papers", &caller).await.unwrap().unwrap();
    lab.set_policy(conditional_access());
    let rejected = Rejected {
        status: http::StatusCode::UNAUTHORIZED,
        challenges: &[],
    };
    let retry = broker
        .rejected("papers", &caller, &credential, &rejected)
        .await;
    let told = format!("{retry:?} {credential:?} {:?} {broker:?}", world.events());
    let given = token(&credential);
    for secret in [&held, &given] {
        // A part that stands in no other token: the signature.
        let signature = secret.rsplit('.').next().unwrap();
        assert!(!told.contains(signature), "{told}");
        assert!(mcp.asked().iter().all(|asked| !asked.contains(signature)));
        assert_eq!(world.files_with(signature.as_bytes()), Vec::<String>::new());
    }
    let bodies = lab.asked(&format!("/{CONTOSO}/oauth2/v2.0/token"));
    let assertion = bodies[0].form();
    assert_eq!(assertion.get("assertion"), Some(held.as_str()));
}
