//! Tokens that are bound to a key of the gateway (RFC 9449). What checks the proofs is the resource
//! server's side of the gateway.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode};
use portcullis_broker::{Broker, Credential, Event, Needed, Reason, Rejected, Retry, Visit};
use portcullis_lab::identity_provider::{
    IdentityProvider, Misbehaviour, Proofs, ProviderClient, ProviderSettings,
};
use portcullis_store::{Resealed, VaultStore as _};
use portcullis_token::challenge;
use portcullis_token::dpop::{ALGORITHMS, Proof, ProofExpected, verify};
use portcullis_vault::{self as vault, CredentialFilter, CredentialKey};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use url::Url;

use crate::browser::{browse, parameter};
use crate::mcp::Mcp;
use crate::world::{World, came_by, refused, subject, user};

const BROWSER: &str = "a-mark-of-at-least-128-bits";
const OWN: &str = "client-credentials";
const USERS: &str = "user-grant";

async fn provider(proofs: Option<Proofs>) -> IdentityProvider {
    let settings = ProviderSettings {
        token_lifetime: 600,
        proofs,
        ..ProviderSettings::default()
    };
    IdentityProvider::start(settings).await.unwrap()
}

/// Binds tokens, and wants its nonce.
fn strict() -> Option<Proofs> {
    Some(Proofs {
        required: true,
        nonce: Some("as-1".to_owned()),
    })
}

fn config(provider: &IdentityProvider, mcp: &Mcp, kind: &str, more: &str) -> String {
    format!(
        r#"
        [servers.papers]
        url = "{}"
        [servers.papers.auth]
        kind = "{kind}"
        issuer = "{}"
        client-id = "gateway"
        client-secret = "env:PROVIDER"
        scopes = ["tools.read"]
        {more}
        "#,
        mcp.url(),
        provider.issuer()
    )
}

/// The header's scheme.
fn scheme(credential: &Credential) -> &str {
    let value = credential.value.expose_secret();
    value.split_once(' ').unwrap().0
}

fn claims(credential: &Credential) -> serde_json::Value {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let (_, token) = credential.value.expose_secret().split_once(' ').unwrap();
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Makes a proof, and checks it as a resource server does.
fn proven(world: &World, credential: &Credential, method: &str, url: &str) -> Proof {
    use portcullis_oauth::Clock as _;

    let now = world.clock.unix_seconds();
    let target = Url::parse(url).unwrap();
    let proof = credential.prove(method, &target, now).unwrap().unwrap();
    let (_, token) = credential.value.expose_secret().split_once(' ').unwrap();
    let expected = ProofExpected {
        method,
        url,
        algorithms: &ALGORITHMS,
        now,
        max_age: 60,
        skew: 0,
        nonces: None,
    };
    let proof = verify(proof.to_str().unwrap(), token, &expected).unwrap();
    assert_eq!(claims(credential)["cnf"]["jkt"], proof.key_thumbprint());
    proof
}

async fn credential(broker: &Broker, principal: &str) -> Result<Credential, Needed> {
    let credential = broker.credential("papers", &user(principal)).await;
    credential.map(Option::unwrap)
}

async fn signs_in(broker: &Broker, principal: &str) -> Url {
    let mark = SecretString::from(BROWSER);
    let visit = Visit {
        browser: &mark,
        return_to: None,
        scopes: &[],
        claims: None,
    };
    let begun = broker.begin("papers", &user(principal), &visit).await;
    let url = begun.unwrap().url;
    broker.complete(&browse(&url).await, &mark).await.unwrap();
    url
}

/// Lets time pass for both: who checks proofs looks at their time.
fn pass(world: &World, provider: &IdentityProvider, seconds: u64) {
    use portcullis_oauth::Clock as _;

    world.clock.pass(seconds);
    provider.set_time(Some(world.clock.unix_seconds()));
}

fn place(provider: &IdentityProvider, server: &str) -> CredentialKey {
    CredentialKey {
        tenant: String::new(),
        principal: String::new(),
        server: server.to_owned(),
        issuer: provider.issuer().to_owned(),
        kind: "proof-key".to_owned(),
    }
}

fn sign_in() -> Needed {
    Needed::SignIn {
        server: "papers".to_owned(),
    }
}

#[tokio::test]
async fn tokens_are_bound_where_both_sides_say_so_or_somebody_demands_it() {
    const NOT: Result<&str, Reason> = Ok("Bearer");
    const BOUND: Result<&str, Reason> = Ok("DPoP");
    const REFUSED: Result<&str, Reason> = Err(Reason::Possession);
    let algorithms = "dpop_signing_alg_values_supported";
    let demanded = "dpop_bound_access_tokens_required";
    let check = async |binds: bool,
                       dpop: &str,
                       document: &[(&str, serde_json::Value)],
                       challenge: &str,
                       expected: Result<&str, Reason>| {
        let provider = provider(binds.then(Proofs::default)).await;
        let mcp = Mcp::start(&[provider.issuer()]).await;
        for (member, value) in document {
            mcp.says(member, value.clone());
        }
        mcp.challenges(challenge);
        let world = World::new().await;
        // The server's document is read for the scopes.
        let config = config(&provider, &mcp, OWN, dpop);
        let broker = world.broker(&config.replace("scopes = [\"tools.read\"]", ""));
        let given = credential(&broker, "ada").await;
        let given = given.as_ref().map(scheme);
        let case = format!("{binds} {dpop} {document:?} {challenge}");
        match (given, expected) {
            (Ok(given), Ok(expected)) => assert_eq!(given, expected, "{case}"),
            (Err(needed), Err(reason)) => assert_eq!(*needed, refused(reason), "{case}"),
            (given, _) => panic!("{case}: {given:?}"),
        }
    };
    let es256 = || (algorithms, json!(["RS256", "ES256"]));
    let other = || (algorithms, json!(["RS256"]));
    let demand = || (demanded, json!(true));
    let auto = "";
    // Many authorization servers offer it, and their servers know nothing of it.
    check(true, auto, &[], "Bearer", NOT).await;
    check(true, auto, &[], "DPoP", BOUND).await;
    check(true, auto, &[], "Bearer, DPoP algs=\"RS256 ES256\"", BOUND).await;
    check(true, auto, &[], "DPoP algs=\"RS256\"", NOT).await;
    check(true, auto, &[es256()], "Bearer", BOUND).await;
    check(true, auto, &[other()], "DPoP", NOT).await;
    check(true, auto, &[demand()], "Bearer", BOUND).await;
    check(true, auto, &[demand(), other()], "Bearer", REFUSED).await;
    check(false, auto, &[es256()], "DPoP", NOT).await;
    check(false, auto, &[demand()], "DPoP", REFUSED).await;
    check(true, "dpop = \"auto\"", &[], "DPoP", BOUND).await;
    check(true, "dpop = \"required\"", &[], "Bearer", BOUND).await;
    check(false, "dpop = \"required\"", &[], "Bearer", REFUSED).await;
    check(true, "dpop = \"never\"", &[es256()], "DPoP", NOT).await;
    check(true, "dpop = \"never\"", &[demand()], "DPoP", NOT).await;
}

#[tokio::test]
async fn every_request_has_a_new_proof_for_itself_with_the_servers_nonce() {
    let provider = provider(strict()).await;
    let mcp = Mcp::start(&[provider.issuer()]).await;
    mcp.challenges("DPoP");
    let world = World::new().await;
    let broker = world.broker(&config(&provider, &mcp, OWN, ""));
    let given = credential(&broker, "ada").await.unwrap();
    assert!(given.is_bound());
    let url = mcp.url();
    let first = proven(&world, &given, "POST", &url);
    let second = proven(&world, &given, "GET", &url);
    assert_ne!(first.id(), second.id());

    let target = Url::parse(&url).unwrap();
    let nonce = |credential: &Credential, target: &Url| {
        let proof = credential.prove("POST", target, 0).unwrap().unwrap();
        let claims = provider_claims(proof.to_str().unwrap());
        claims["nonce"].as_str().map(str::to_owned)
    };
    // The authorization server's nonce is its own.
    assert_eq!(nonce(&given, &target), None);
    let head = |challenge: &'static str| {
        let mut head = HeaderMap::new();
        head.insert("dpop-nonce", HeaderValue::from_static("rs-1"));
        head.insert("www-authenticate", HeaderValue::from_static(challenge));
        head
    };
    let wants = head("Bearer, DPoP error=\"use_dpop_nonce\"");
    assert!(given.answered(&target, StatusCode::UNAUTHORIZED, &wants));
    assert_eq!(nonce(&given, &target).as_deref(), Some("rs-1"));
    // What else an answer says does not make it come again.
    let invalid = head("DPoP error=\"invalid_token\"");
    assert!(!given.answered(&target, StatusCode::UNAUTHORIZED, &invalid));
    assert!(!given.answered(&target, StatusCode::FORBIDDEN, &wants));
    assert!(!given.answered(&target, StatusCode::UNAUTHORIZED, &HeaderMap::new()));
    // Whoever calls next has it, too.
    let next = credential(&broker, "bob").await.unwrap();
    assert_eq!(nonce(&next, &target).as_deref(), Some("rs-1"));
    assert_eq!(
        nonce(&next, &Url::parse("http://127.0.0.1:9/").unwrap()),
        None
    );
}

fn provider_claims(jwt: &str) -> serde_json::Value {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let payload = jwt.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn a_grant_stays_bound_over_renewal_and_restart() {
    let provider = provider(strict()).await;
    let mcp = Mcp::start(&[provider.issuer()]).await;
    mcp.challenges("DPoP");
    let world = World::new().await;
    let config = config(&provider, &mcp, USERS, "");
    let broker = world.broker(&config);
    let url = signs_in(&broker, "ada").await;
    let first = credential(&broker, "ada").await.unwrap();
    let key = proven(&world, &first, "POST", &mcp.url());
    assert_eq!(
        parameter(&url, "dpop_jkt").as_deref(),
        Some(key.key_thumbprint())
    );

    // Another process, or another replica: it has the key of the vault.
    for passed in [700, 700] {
        pass(&world, &provider, passed);
        let again = world.broker(&config);
        let renewed = credential(&again, "ada").await.unwrap();
        assert_ne!(
            renewed.value.expose_secret(),
            first.value.expose_secret(),
            "it is renewed"
        );
        let with = proven(&world, &renewed, "POST", &mcp.url());
        assert_eq!(with.key_thumbprint(), key.key_thumbprint());
    }

    // The key is nowhere in clear.
    let kept = world.vault.get(&place(&provider, "papers")).await.unwrap();
    let secret = kept.unwrap().secret;
    assert!(secret.expose().len() > 100);
    for bytes in [secret.expose(), &secret.expose()[36..68]] {
        assert_eq!(world.files_with(bytes), Vec::<String>::new());
    }
    let shown = format!("{first:?} {broker:?} {:?}", world.events());
    assert!(!shown.contains(key.key_thumbprint()), "{shown}");
    assert!(shown.contains("is_bound: true"), "{shown}");
}

#[tokio::test]
async fn a_refused_token_is_renewed_with_its_key() {
    let provider = provider(strict()).await;
    let mcp = Mcp::start(&[provider.issuer()]).await;
    mcp.challenges("DPoP");
    let world = World::new().await;
    let broker = world.broker(&config(&provider, &mcp, USERS, ""));
    signs_in(&broker, "ada").await;
    let first = credential(&broker, "ada").await.unwrap();
    let reject = async |challenge: &str| {
        let challenges = challenge::parse(challenge).unwrap();
        let rejected = Rejected {
            status: StatusCode::UNAUTHORIZED,
            challenges: &challenges,
        };
        let caller = user("ada");
        broker.rejected("papers", &caller, &first, &rejected).await
    };
    // Another token would not help.
    let retry = reject("DPoP error=\"use_dpop_nonce\"").await;
    assert!(matches!(retry, Retry::No), "{retry:?}");
    let retry = reject("DPoP error=\"invalid_token\"").await;
    let Retry::With(second) = retry else {
        panic!("{retry:?}");
    };
    assert_ne!(second.value.expose_secret(), first.value.expose_secret());
    proven(&world, &second, "POST", &mcp.url());
    // A challenge for more scopes counts in this scheme as in the other.
    let retry = reject("DPoP error=\"insufficient_scope\", scope=\"tools.write\"").await;
    assert!(
        matches!(
            retry,
            Retry::Needed(Needed::Refused {
                reason: Reason::Scope
            })
        ),
        "{retry:?}"
    );
}

#[tokio::test]
async fn an_unbound_answer_is_used_only_where_nobody_demands_more() {
    for (dpop, is_used) in [("", true), ("dpop = \"required\"", false)] {
        let provider = provider(Some(Proofs::default())).await;
        provider.misbehave(Misbehaviour::TokenResponse(json!({"token_type": "Bearer"})));
        let mcp = Mcp::start(&[provider.issuer()]).await;
        mcp.challenges("DPoP");
        let world = World::new().await;
        let broker = world.broker(&config(&provider, &mcp, OWN, dpop));
        let given = credential(&broker, "ada").await;
        match is_used {
            true => assert_eq!(scheme(&given.unwrap()), "Bearer"),
            false => assert_eq!(given.unwrap_err(), refused(Reason::AnswerUnusable)),
        }
    }
}

#[tokio::test]
async fn what_was_bound_is_not_renewed_as_what_anybody_could_use() {
    let provider = provider(Some(Proofs::default())).await;
    let mcp = Mcp::start(&[provider.issuer()]).await;
    mcp.challenges("DPoP");
    let world = World::new().await;
    let broker = world.broker(&config(&provider, &mcp, USERS, ""));
    signs_in(&broker, "ada").await;
    // The refresh token is another one by now, so that a refusal would look like a theft.
    pass(&world, &provider, 700);
    assert_eq!(scheme(&credential(&broker, "ada").await.unwrap()), "DPoP");
    provider.misbehave(Misbehaviour::TokenResponse(json!({"token_type": "Bearer"})));
    pass(&world, &provider, 700);
    assert_eq!(credential(&broker, "ada").await.unwrap_err(), sign_in());
    let is_ended = |event: &Event| {
        let Event::Renewal { event, .. } = event else {
            return false;
        };
        assert!(!matches!(event, vault::Event::Reused { .. }), "{event:?}");
        matches!(event, vault::Event::Ended { .. })
    };
    assert_eq!(world.events().iter().filter(|it| is_ended(it)).count(), 1);
    let given_back = provider.endpoint("revocation_endpoint").unwrap();
    let path = given_back.strip_prefix(provider.base_url()).unwrap();
    assert!(provider.requests(path) > 0, "nobody else can use it");

    // A sign-in of the person is another matter.
    signs_in(&broker, "ada").await;
    assert_eq!(scheme(&credential(&broker, "ada").await.unwrap()), "Bearer");
}

#[tokio::test]
async fn the_gateways_own_token_follows_what_both_sides_say() {
    let provider = provider(Some(Proofs::default())).await;
    let mcp = Mcp::start(&[provider.issuer()]).await;
    mcp.challenges("DPoP");
    let world = World::new().await;
    let broker = world.broker(&config(&provider, &mcp, OWN, ""));
    assert_eq!(scheme(&credential(&broker, "ada").await.unwrap()), "DPoP");
    provider.misbehave(Misbehaviour::TokenResponse(json!({"token_type": "Bearer"})));
    pass(&world, &provider, 700);
    assert_eq!(scheme(&credential(&broker, "ada").await.unwrap()), "Bearer");
    provider.behave();
    pass(&world, &provider, 700);
    assert_eq!(scheme(&credential(&broker, "ada").await.unwrap()), "DPoP");
    // A changed configuration counts at once.
    let never = world.broker(&config(&provider, &mcp, OWN, "dpop = \"never\""));
    assert_eq!(scheme(&credential(&never, "ada").await.unwrap()), "Bearer");
    let required = world.broker(&config(&provider, &mcp, OWN, "dpop = \"required\""));
    assert_eq!(scheme(&credential(&required, "ada").await.unwrap()), "DPoP");
}

#[tokio::test]
async fn a_users_plain_token_does_not_do_where_bound_ones_are_demanded() {
    let provider = provider(Some(Proofs::default())).await;
    let mcp = Mcp::start(&[provider.issuer()]).await;
    let world = World::new().await;
    let plain = world.broker(&config(&provider, &mcp, USERS, "dpop = \"never\""));
    let url = signs_in(&plain, "ada").await;
    assert_eq!(parameter(&url, "dpop_jkt"), None);
    assert_eq!(scheme(&credential(&plain, "ada").await.unwrap()), "Bearer");
    let strict = world.broker(&config(&provider, &mcp, USERS, "dpop = \"required\""));
    assert_eq!(credential(&strict, "ada").await.unwrap_err(), sign_in());
    signs_in(&strict, "ada").await;
    assert_eq!(scheme(&credential(&strict, "ada").await.unwrap()), "DPoP");
    assert_eq!(credential(&plain, "ada").await.unwrap_err(), sign_in());
}

#[tokio::test]
async fn a_lost_key_is_not_replaced_under_a_grant() {
    let provider = provider(strict()).await;
    let mcp = Mcp::start(&[provider.issuer()]).await;
    mcp.challenges("DPoP");
    let world = World::new().await;
    let config = config(&provider, &mcp, USERS, "");
    let broker = world.broker(&config);
    signs_in(&broker, "ada").await;
    let filter = CredentialFilter {
        kind: Some("proof-key".to_owned()),
        ..CredentialFilter::default()
    };
    let keys = world.vault.list(&filter).await.unwrap();
    assert_eq!(keys.len(), 1);
    world.vault.revoke(&keys[0].id).await.unwrap();
    let again = world.broker(&config);
    assert_eq!(credential(&again, "ada").await.unwrap_err(), sign_in());
    signs_in(&again, "ada").await;
    let given = credential(&again, "ada").await.unwrap();
    proven(&world, &given, "POST", &mcp.url());
    // The process that knew the old key hears of the new one when the server complains.
    let rejected = Rejected {
        status: StatusCode::UNAUTHORIZED,
        challenges: &challenge::parse("DPoP error=\"invalid_token\"").unwrap(),
    };
    let old = credential(&broker, "ada").await.unwrap();
    let caller = user("ada");
    let retry = broker.rejected("papers", &caller, &old, &rejected).await;
    let Retry::With(new) = retry else {
        panic!("no other credential");
    };
    proven(&world, &new, "POST", &mcp.url());
}

/// A sign-in names the key before its tokens are asked for: it must still be the one in the vault then.
#[tokio::test]
async fn many_first_sign_ins_at_once_have_one_key() {
    let provider = provider(strict()).await;
    let mcp = Mcp::start(&[provider.issuer()]).await;
    mcp.challenges("DPoP");
    let world = World::new().await;
    let broker = Arc::new(world.broker(&config(&provider, &mcp, USERS, "")));
    let users: Vec<_> = (0..8)
        .map(|number| {
            let broker = Arc::clone(&broker);
            tokio::spawn(async move {
                let url = signs_in(&broker, &format!("user-{number}")).await;
                parameter(&url, "dpop_jkt").unwrap()
            })
        })
        .collect();
    let mut keys = Vec::new();
    for user in users {
        keys.push(user.await.unwrap());
    }
    keys.dedup();
    assert_eq!(keys.len(), 1);
}

#[tokio::test]
async fn the_key_of_another_server_opens_nothing() {
    let provider = provider(strict()).await;
    let mcp = Mcp::start(&[provider.issuer()]).await;
    mcp.challenges("DPoP");
    let world = World::new().await;
    let config = config(&provider, &mcp, OWN, "");
    let both = format!(
        "{config}\n{}",
        config.replace("servers.papers", "servers.library")
    );
    let broker = world.broker(&both);
    let papers = credential(&broker, "ada").await.unwrap();
    let library = broker.credential("library", &user("ada")).await;
    let library = library.unwrap().unwrap();
    assert_ne!(claims(&papers)["cnf"], claims(&library)["cnf"]);

    // Whoever can write into the database puts the one key where the other one was.
    let sealed = async |server: &str| {
        let found = world.store.credential(&place(&provider, server)).await;
        found.unwrap().unwrap()
    };
    let (from, to) = (sealed("library").await, sealed("papers").await);
    let forged = Resealed {
        sealed: from.sealed,
        key_id: from.record.key_id,
        updated_us: to.record.updated_us,
        expires_us: None,
    };
    let (id, version) = (&to.record.id, to.record.version);
    let done = world.store.replace_credential(id, version, &forged).await;
    assert!(done.unwrap());
    let again = world.broker(&both);
    assert_eq!(
        credential(&again, "ada").await.unwrap_err(),
        Needed::Unavailable
    );
    assert!(again.credential("library", &user("ada")).await.is_ok());
}

#[tokio::test]
async fn an_exchanged_token_is_bound_to_a_key_that_is_stored_nowhere() {
    let settings = ProviderSettings {
        proofs: strict(),
        clients: vec![ProviderClient {
            id: "gateway".to_owned(),
            secret: Some("lab-provider-secret".to_owned()),
            ..ProviderClient::default()
        }],
        ..ProviderSettings::default()
    };
    let provider = IdentityProvider::start(settings).await.unwrap();
    let mcp = Mcp::start(&[provider.issuer()]).await;
    mcp.challenges("DPoP");
    let world = World::new().await;
    let config = format!(
        r#"
        [authn.issuers.company]
        kind = "oidc"
        issuer = "{}"
        audiences = ["https://gw.example/mcp"]
        [authn.issuers.company.client]
        id = "gateway"
        secret = "env:PROVIDER"
        [servers.papers]
        url = "{}"
        [servers.papers.auth]
        kind = "token-exchange"
        through = "company"
        scopes = ["tools.read"]
        "#,
        provider.issuer(),
        mcp.url()
    );
    let broker = Arc::new(world.broker(&config));
    let audience = Some("https://gw.example/mcp");
    let token = provider.mint("editor", "tools.read", audience).unwrap();
    let own = subject(&token);
    let scopes = ["tools.read".to_owned()];
    let caller = portcullis_broker::Caller {
        scopes: &scopes,
        ..came_by("company", "", &own)
    };
    for _ in 0..2 {
        let given = broker.credential("papers", &caller).await;
        let given = given.unwrap().unwrap();
        proven(&world, &given, "POST", &mcp.url());
    }
    let records = world.vault.list(&CredentialFilter::default()).await;
    assert_eq!(records.unwrap(), []);
}
