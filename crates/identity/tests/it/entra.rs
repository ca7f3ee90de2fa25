//! Tokens of Microsoft Entra ID, as the lab issues them.

use portcullis_lab::entra::sample::{
    ADA, AGENT, ALAN, CONTOSO, DAEMON, FABRIKAM, GATEWAY, GRACE, HOST,
};
use portcullis_lab::entra::{EntraLab, EntraSettings, Policy};
use portcullis_token::identity::Groups;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::world::{World, shown, until};

const SCOPE: &str = "https://gw.contoso.com/research/tools.read";
const KEYS: &str = "/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/discovery/v2.0/keys";
const ADA_OID: &str = "690222be-ff1a-4d56-abd1-000000000001";
const GRACE_OID: &str = "690222be-ff1a-4d56-abd1-000000000002";

async fn lab() -> EntraLab {
    let lab = EntraLab::start(EntraSettings::default()).await.unwrap();
    lab.set_time(Some(1_800_000_000));
    lab
}

fn authn(lab: &EntraLab, more: &str) -> String {
    let (authority, graph) = (lab.base_url(), lab.graph_url());
    format!(
        "[authn.issuers.contoso]\nkind = \"entra\"\nauthority-url = \"{authority}\"\n\
         graph-url = \"{graph}\"\n{more}\n\
         [authn.issuers.contoso.client]\nid = \"{GATEWAY}\"\nsecret = SECRET\n"
    )
}

fn one_tenant(lab: &EntraLab, more: &str) -> String {
    authn(lab, &format!("tenant = \"{CONTOSO}\"\n{more}"))
}

fn user(lab: &EntraLab, name: &str) -> Value {
    lab.user_claims(name, HOST, SCOPE).unwrap()
}

fn outage(endpoint: &str) -> Policy {
    Policy::Outage {
        endpoint: endpoint.to_owned(),
        status: 503,
        retry_after: None,
    }
}

#[tokio::test]
async fn tokens_of_both_versions_are_of_users_workloads_and_agents() {
    let lab = lab().await;
    let more = "token-versions = [\"1.0\", \"2.0\"]\naudiences = [\"api://legacy.contoso.com\"]";
    let world = World::new(&one_tenant(&lab, more)).await;
    let check = async |claims: Value| world.bearer(&lab.mint(&claims).unwrap()).await;

    let subject = format!("contoso:{CONTOSO}/{ADA_OID}");
    assert_eq!(check(user(&lab, ADA)).await, format!("User {subject}"));
    let legacy = "api://legacy.contoso.com/user_impersonation";
    let first = lab.user_claims(ADA, HOST, legacy).unwrap();
    assert_eq!(first["ver"], "1.0");
    assert_eq!(check(first).await, format!("User {subject}"));
    let everything = format!("{GATEWAY}/.default");
    let daemon = lab.app_claims(DAEMON, &everything).unwrap();
    assert!(check(daemon.clone()).await.starts_with("Workload contoso:"));
    let agent = lab.app_claims(AGENT, &everything).unwrap();
    assert!(check(agent).await.starts_with("Agent contoso:"));

    let mut powerless = daemon;
    powerless.as_object_mut().unwrap().remove("roles");
    assert_eq!(
        check(powerless).await,
        "no-permission (insufficient-scope, -)"
    );
    assert_eq!(
        check(user(&lab, ALAN)).await,
        "guest-not-allowed (invalid, -)"
    );
    assert_eq!(lab.requests(KEYS), 1);
}

#[tokio::test]
async fn listed_tenants_are_taken_by_the_common_document() {
    let lab = lab().await;
    let both = format!("tenant = \"common\"\ntenants = [\"{CONTOSO}\", \"{FABRIKAM}\"]");
    let world = World::new(&authn(&lab, &both)).await;
    let check = async |claims: Value| world.bearer(&lab.mint(&claims).unwrap()).await;
    assert!(check(user(&lab, ADA)).await.starts_with("User contoso:"));
    let other = check(user(&lab, "alan@fabrikam.com")).await;
    assert!(
        other.starts_with(&format!("User contoso:{FABRIKAM}/")),
        "{other}"
    );
    assert_eq!(lab.requests("/common/discovery/v2.0/keys"), 1);
    assert_eq!(lab.requests(KEYS), 0);

    // The key of the personal accounts is in the same document.
    let personal = lab.personal_key().unwrap();
    let header = json!({"typ": "JWT", "alg": "RS256", "kid": personal.kid()});
    let forged = personal.sign(&header, &user(&lab, ADA)).unwrap();
    assert_eq!(
        world.bearer(&forged).await,
        "key-issuer-mismatch (invalid, -)"
    );

    let world = world.reload(&one_tenant(&lab, "")).await;
    let foreign = lab.mint(&user(&lab, "alan@fabrikam.com")).unwrap();
    assert_eq!(
        world.bearer(&foreign).await,
        "tenant-not-allowed (invalid, -)"
    );
}

#[tokio::test]
async fn keys_rotate_while_tokens_come() {
    let lab = lab().await;
    let world = World::new(&one_tenant(&lab, "")).await;
    let old_key = lab.current_key();
    let first = lab.mint(&user(&lab, ADA)).unwrap();
    for _ in 0..2 {
        assert!(world.bearer(&first).await.starts_with("User"));
    }

    lab.rotate_keys().unwrap();
    let token = lab.mint(&user(&lab, ADA)).unwrap();
    assert_eq!(world.bearer(&token).await, "key-unknown (invalid, -)");
    assert_eq!(
        lab.requests(KEYS),
        1,
        "strangers could ask for keys without end"
    );
    world.advance(30);
    assert!(world.bearer(&token).await.starts_with("User"));
    assert_eq!(lab.requests(KEYS), 2);

    // A key that was taken away stops working when the keys are next asked for.
    lab.retire_keys();
    world.advance(24 * 3600);
    lab.set_time(Some(world.now()));
    let header = json!({"typ": "JWT", "alg": "RS256", "kid": old_key.kid()});
    let token = old_key.sign(&header, &user(&lab, ADA)).unwrap();
    until("the old key stops working", async || {
        world.bearer(&token).await == "key-unknown (invalid, -)"
    })
    .await;
    // That its signature was verified before helps no token.
    assert_eq!(world.bearer(&first).await, "key-unknown (invalid, -)");
}

#[tokio::test]
async fn groups_without_room_come_from_our_graph_and_not_from_the_tokens() {
    let lab = lab().await;
    let world = World::new(&one_tenant(&lab, "groups = \"graph\"")).await;
    world.secret(portcullis_lab::entra::sample::GATEWAY_SECRET);
    let world = world.reload(&one_tenant(&lab, "groups = \"graph\"")).await;
    let mut claims = user(&lab, GRACE);
    claims["_claim_sources"]["src1"]["endpoint"] = format!("{}/elsewhere", lab.graph_url()).into();
    let place = format!("/v1.0/users/{GRACE_OID}/getMemberObjects");
    for _ in 0..3 {
        let token = SecretString::from(lab.mint(&claims).unwrap());
        let identified = world.identify(&shown(&token)).await.unwrap();
        let Groups::Listed(groups) = identified.identity.groups else {
            panic!("groups are listed");
        };
        assert_eq!(groups.len(), 201);
    }
    assert_eq!(lab.requests(&place), 1);
    assert_eq!(lab.requests("/elsewhere"), 0);

    // What is not known is not assumed to be empty.
    lab.set_policy(outage("graph"));
    world.issuers.forget();
    let token = lab.mint(&claims).unwrap();
    assert_eq!(
        world.bearer(&token).await,
        "groups-unavailable (unavailable, graph-throttled)"
    );
    lab.clear_policies();
    world.advance(61);
    claims["oid"] = "00000000-0000-4000-8000-000000000000".into();
    let token = lab.mint(&claims).unwrap();
    assert_eq!(
        world.bearer(&token).await,
        "groups-unavailable (invalid, graph-user-unknown)"
    );

    // Without leave to ask, the token says that they are not known.
    let world = world.reload(&one_tenant(&lab, "")).await;
    let token = SecretString::from(lab.mint(&user(&lab, GRACE)).unwrap());
    let identified = world.identify(&shown(&token)).await.unwrap();
    assert_eq!(identified.identity.groups, Groups::Overage);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn five_hundred_callers_at_once_cause_one_fetch() {
    let lab = lab().await;
    let world = std::sync::Arc::new(World::new(&one_tenant(&lab, "")).await);
    let token = lab.mint(&user(&lab, ADA)).unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..500 {
        let (world, token) = (world.clone(), token.clone());
        calls.spawn(async move { world.bearer(&token).await });
    }
    for outcome in calls.join_all().await {
        assert!(outcome.starts_with("User"), "{outcome}");
    }
    assert_eq!(lab.requests(KEYS), 1);
}

#[tokio::test]
async fn an_issuer_that_is_down_makes_callers_wait_and_lets_nobody_in() {
    let lab = lab().await;
    let token = lab.mint(&user(&lab, ADA)).unwrap();
    for (endpoint, cause) in [
        ("metadata", "document-status"),
        ("keys", "keys-unavailable"),
    ] {
        let world = World::new(&one_tenant(&lab, "")).await;
        lab.set_policy(outage(endpoint));
        assert_eq!(
            world.bearer(&token).await,
            format!("issuer-unavailable (unavailable, {cause})")
        );
        lab.clear_policies();
        world.advance(5);
        assert!(world.bearer(&token).await.starts_with("User"));
        // From now on its keys are here.
        lab.set_policy(outage(endpoint));
        assert!(world.bearer(&token).await.starts_with("User"));
        lab.clear_policies();
    }
    let (authority, graph) = (lab.base_url().to_owned(), lab.graph_url().to_owned());
    let gone = one_tenant(&lab, "");
    drop(lab);
    let world = World::new(&gone).await;
    assert_eq!(
        world.bearer(&token).await,
        "issuer-unavailable (unavailable, document-unreachable)",
        "{authority} {graph}"
    );
}
