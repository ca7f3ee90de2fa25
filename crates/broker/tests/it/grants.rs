//! Users' grants, from the sign-in to the end.

use std::sync::Arc;

use portcullis_broker::{
    AtServer, Broker, Completed, Event, GrantFilter, Needed, Reason, Rejected, Retry, SignInError,
    Visit,
};
use portcullis_lab::entra::sample::{CONTOSO, GATEWAY, PAPERS};
use portcullis_lab::entra::{EntraLab, EntraSettings};
use portcullis_lab::identity_provider::{
    Endpoint, Fault, IdentityProvider, Misbehaviour, ProviderClient, ProviderSettings,
};
use portcullis_store::{Revocation, RevocationKind, RevocationStore as _};
use portcullis_token::challenge;
use portcullis_vault::{self as vault, CredentialFilter, Reuse};
use secrecy::SecretString;

use crate::browser::{browse, parameter};
use crate::mcp::Mcp;
use crate::world::{World, claims, client, needed, refused, token, user};

const BROWSER: &str = "a-mark-of-at-least-128-bits";

struct Scene {
    provider: IdentityProvider,
    mcp: Mcp,
    world: World,
    broker: Arc<Broker>,
}

impl Scene {
    async fn new(more: &str) -> Self {
        let provider = IdentityProvider::start(ProviderSettings {
            token_lifetime: 600,
            ..ProviderSettings::default()
        });
        let provider = provider.await.unwrap();
        let mcp = Mcp::start(&[provider.issuer()]).await;
        let world = World::new().await;
        let config = format!(
            r#"
            [servers.papers]
            url = "{}"
            [servers.papers.auth]
            kind = "user-grant"
            client-id = "gateway"
            client-secret = "env:PROVIDER"
            {more}
            [servers.papers.identity]
            issuer = "{}"
            "#,
            mcp.url(),
            provider.issuer()
        );
        let broker = Arc::new(world.broker(&config));
        Self {
            provider,
            mcp,
            world,
            broker,
        }
    }

    /// What the browser brings back after a sign-in of that user.
    async fn query(&self, principal: &str) -> String {
        let mark = SecretString::from(BROWSER);
        let (caller, visit) = (user(principal), visit(&mark));
        let begun = self.broker.begin("papers", &caller, &visit).await;
        browse(&begun.unwrap().url).await
    }

    async fn complete(&self, query: &str) -> Result<Completed, SignInError> {
        let mark = SecretString::from(BROWSER);
        self.broker.complete(query, &mark).await
    }

    async fn signs_in(&self, principal: &str) -> Completed {
        self.complete(&self.query(principal).await).await.unwrap()
    }

    async fn token(&self, principal: &str) -> String {
        let credential = self.broker.credential("papers", &user(principal)).await;
        token(&credential.unwrap().unwrap())
    }

    fn token_requests(&self) -> usize {
        self.provider.requests(&self.path("token_endpoint"))
    }

    fn path(&self, endpoint: &str) -> String {
        let url = self.provider.endpoint(endpoint).unwrap();
        url.strip_prefix(self.provider.base_url())
            .unwrap()
            .to_owned()
    }
}

fn visit(mark: &SecretString) -> Visit<'_> {
    Visit {
        browser: mark,
        return_to: Some("question 7"),
        scopes: &[],
        claims: None,
    }
}

fn sign_in() -> Needed {
    Needed::SignIn {
        server: "papers".to_owned(),
    }
}

#[tokio::test]
async fn a_user_signs_in_once_and_has_a_token_of_its_own() {
    let scene = Scene::new("").await;
    let broker = &scene.broker;
    assert_eq!(
        needed(broker.credential("papers", &user("ada")).await),
        sign_in()
    );
    let offer = broker.offer("papers", &user("ada"), &[]).await.unwrap();
    assert_eq!(offer.issuer, scene.provider.issuer());
    assert_eq!(offer.scopes, ["tools.read"]);

    let completed = scene.signs_in("ada").await;
    assert_eq!(
        (completed.server.as_str(), completed.principal.as_str()),
        ("papers", "ada")
    );
    assert_eq!(completed.return_to.as_deref(), Some("question 7"));
    let credential = broker
        .credential("papers", &user("ada"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(claims(&credential)["aud"], scene.mcp.url());
    // The next user has to sign in, too, and gets another token.
    assert_eq!(
        needed(broker.credential("papers", &user("bob")).await),
        sign_in()
    );
    scene.signs_in("bob").await;
    assert_ne!(scene.token("bob").await, scene.token("ada").await);
    let filter = GrantFilter::default();
    assert_eq!(broker.grants(&filter).await.unwrap().len(), 2);

    // Ada leaves: the server knows, and Bob stays.
    let filter = GrantFilter {
        principal: Some("ada".to_owned()),
        ..filter
    };
    let ended = broker.disconnect(&filter).await.unwrap();
    let at_server: Vec<AtServer> = ended.iter().map(|one| one.at_server).collect();
    assert_eq!(at_server, [AtServer::Revoked]);
    assert_eq!(
        scene.provider.requests(&scene.path("revocation_endpoint")),
        2
    );
    assert_eq!(
        needed(broker.credential("papers", &user("ada")).await),
        sign_in()
    );
    scene.token("bob").await;
}

/// Whatever the authorization server says, the tokens are erased here.
#[tokio::test]
async fn a_grant_ends_also_where_the_server_does_not_hear_of_it() {
    let no_endpoint = Misbehaviour::Metadata {
        member: "revocation_endpoint".to_owned(),
        value: None,
    };
    let broken = |fault| Misbehaviour::Broken {
        endpoint: Endpoint::Revocation,
        how: fault,
    };
    for (misbehaviour, expected) in [
        (no_endpoint, AtServer::NoEndpoint),
        (broken(Fault::Status(503)), AtServer::Unreached),
        (broken(Fault::Status(400)), AtServer::Refused),
    ] {
        let scene = Scene::new("").await;
        scene.provider.misbehave(misbehaviour);
        scene.signs_in("ada").await;
        scene.signs_in("bob").await;
        let ended = scene.broker.disconnect(&GrantFilter::default()).await;
        let at_server: Vec<AtServer> = ended.unwrap().iter().map(|one| one.at_server).collect();
        assert_eq!(at_server, [expected; 2]);
        if expected == AtServer::Unreached {
            // It was not asked again for Bob.
            let path = scene.path("revocation_endpoint");
            assert_eq!(scene.provider.requests(&path), 1);
        }
        for principal in ["ada", "bob"] {
            let credential = scene.broker.credential("papers", &user(principal)).await;
            assert_eq!(needed(credential), sign_in());
        }
    }
}

#[tokio::test]
async fn an_answer_is_good_once_and_in_its_own_browser() {
    let scene = Scene::new("").await;
    let query = scene.query("ada").await;
    let other = SecretString::from("another-mark-of-at-least-128-bits");
    let error = scene.broker.complete(&query, &other).await.unwrap_err();
    assert_eq!(error.code(), "sign-in-other-browser");
    // It is over then, in the right browser too.
    let error = scene.complete(&query).await.unwrap_err();
    assert_eq!(error.code(), "sign-in-unknown");
    let query = scene.query("ada").await;
    scene.complete(&query).await.unwrap();
    let error = scene.complete(&query).await.unwrap_err();
    assert_eq!(error.code(), "sign-in-unknown");
    // Nor is it good for ever, nor is a mark that somebody could guess.
    let query = scene.query("ada").await;
    scene.world.clock.pass(601);
    let error = scene.complete(&query).await.unwrap_err();
    assert_eq!(error.code(), "sign-in-unknown");
    let short = SecretString::from("short");
    let begun = scene
        .broker
        .begin("papers", &user("ada"), &visit(&short))
        .await;
    assert_eq!(begun.unwrap_err().code(), "sign-in-other-browser");
}

#[tokio::test]
async fn answers_of_others_are_not_accepted() {
    let scene = Scene::new("").await;
    let cases = [
        (
            Misbehaviour::Iss(Some("https://evil.example.com".to_owned())),
            "sign-in-issuer-wrong",
        ),
        (Misbehaviour::Iss(None), "sign-in-issuer-missing"),
        (
            Misbehaviour::State(Some("somebody-elses".to_owned())),
            "sign-in-unknown",
        ),
        (
            Misbehaviour::AuthorizationError("access_denied".to_owned()),
            "sign-in-refused",
        ),
        (
            Misbehaviour::WiderScope(vec!["everything".to_owned()]),
            "token-scope-widened",
        ),
    ];
    for (misbehaviour, code) in cases {
        scene.provider.misbehave(misbehaviour);
        let query = scene.query("ada").await;
        let error = scene.complete(&query).await.unwrap_err();
        assert_eq!(error.code(), code);
        let told = scene.world.events();
        assert!(
            matches!(told.last(), Some(Event::SignInRefused { code: told, .. }) if *told == code),
            "{told:?}"
        );
        scene.provider.behave();
    }
    // A code that is not this sign-in's: it was made for another verifier.
    let stolen = scene.query("bob").await;
    let query = scene.query("ada").await;
    let code = |query: &str| {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        let code = pairs.into_iter().find(|(name, _)| name == "code");
        code.unwrap().1.into_owned()
    };
    let mixed = query.replace(&code(&query), &code(&stolen));
    let error = scene.complete(&mixed).await.unwrap_err();
    assert_eq!(error.code(), "token-refused");
    assert_eq!(
        needed(scene.broker.credential("papers", &user("ada")).await),
        sign_in()
    );
}

#[tokio::test]
async fn five_hundred_calls_at_the_end_cause_one_refresh() {
    let scene = Scene::new("").await;
    scene.signs_in("ada").await;
    let first = scene.token("ada").await;
    let before = scene.token_requests();
    scene.world.clock.pass(601);
    let calls: Vec<_> = (0..500)
        .map(|_| {
            let broker = Arc::clone(&scene.broker);
            tokio::spawn(async move {
                let credential = broker.credential("papers", &user("ada")).await;
                token(&credential.unwrap().unwrap())
            })
        })
        .collect();
    let mut tokens = Vec::new();
    for call in calls {
        tokens.push(call.await.unwrap());
    }
    tokens.dedup();
    assert_eq!(tokens.len(), 1);
    assert_ne!(tokens[0], first);
    assert_eq!(scene.token_requests(), before + 1);
}

#[tokio::test]
async fn a_stolen_refresh_token_ends_the_family_and_alarms() {
    let scene = Scene::new("").await;
    scene.signs_in("ada").await;
    let stolen = refresh_token(&scene).await;
    scene.world.clock.pass(601);
    scene.token("ada").await;
    // A thief uses the token that was replaced; the server ends the whole family.
    let form = format!("grant_type=refresh_token&refresh_token={stolen}");
    let request = http::Request::post(scene.provider.endpoint("token_endpoint").unwrap())
        .header("content-type", "application/x-www-form-urlencoded")
        .header(
            "authorization",
            "Basic Z2F0ZXdheTpsYWItcHJvdmlkZXItc2VjcmV0",
        )
        .body(form.into())
        .unwrap();
    let limits = portcullis_egress::Limits::default();
    let http = client(false);
    let answer = http.send(request, portcullis_egress::Naming::Configured, &limits);
    assert_eq!(answer.await.unwrap().status(), 400);

    scene.world.clock.pass(601);
    assert_eq!(
        needed(scene.broker.credential("papers", &user("ada")).await),
        sign_in()
    );
    let alarms = scene.world.events();
    let is_alarm = |event: &&Event| {
        matches!(event, Event::Renewal { server, event: vault::Event::Reused { how, .. } }
            if server == "papers" && *how == Reuse::RefusedAfterRotation)
    };
    assert_eq!(alarms.iter().filter(is_alarm).count(), 1, "{alarms:?}");
    assert!(
        scene
            .broker
            .grants(&GrantFilter::default())
            .await
            .unwrap()
            .is_empty()
    );
}

/// The refresh token in the vault.
async fn refresh_token(scene: &Scene) -> String {
    let filter = CredentialFilter {
        kind: Some("user-grant".to_owned()),
        ..CredentialFilter::default()
    };
    let records = scene.world.vault.list(&filter).await.unwrap();
    let opened = scene
        .world
        .vault
        .get(&records[0].key)
        .await
        .unwrap()
        .unwrap();
    let grant = vault::Grant::decode(&opened.secret).unwrap();
    grant.refresh.unwrap().expose_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_server_may_ask_for_more_a_few_times() {
    let scene = Scene::new("").await;
    scene.signs_in("ada").await;
    let caller = user("ada");
    let rejects = async |scope: &str| {
        let credential = scene
            .broker
            .credential("papers", &caller)
            .await
            .unwrap()
            .unwrap();
        let text = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
        let challenges = challenge::parse(&text).unwrap();
        let rejected = Rejected {
            status: http::StatusCode::FORBIDDEN,
            challenges: &challenges,
        };
        match scene
            .broker
            .rejected("papers", &caller, &credential, &rejected)
            .await
        {
            Retry::Needed(needed) => needed,
            other => panic!("{other:?}"),
        }
    };
    let Needed::Scope { scopes, .. } = rejects("papers.write").await else {
        panic!("no more scopes");
    };
    assert_eq!(scopes, ["tools.read", "papers.write"]);
    let mark = SecretString::from(BROWSER);
    let visit = Visit {
        scopes: &scopes,
        ..visit(&mark)
    };
    let begun = scene.broker.begin("papers", &caller, &visit).await.unwrap();
    assert_eq!(
        parameter(&begun.url, "scope").as_deref(),
        Some("tools.read papers.write offline_access")
    );
    assert_eq!(parameter(&begun.url, "resource"), Some(scene.mcp.url()));
    assert_eq!(
        parameter(&begun.url, "code_challenge_method").as_deref(),
        Some("S256")
    );
    scene.complete(&browse(&begun.url).await).await.unwrap();
    // What was granted already is not asked for again, and there is an end to it.
    assert_eq!(rejects("papers.write").await, refused(Reason::Scope));
    assert!(matches!(rejects("a").await, Needed::Scope { .. }));
    assert_eq!(rejects("b").await, refused(Reason::Scope));
}

#[tokio::test]
async fn more_than_configured_is_refused_here() {
    let scene = Scene::new("scopes = [\"tools.read\"]").await;
    let mark = SecretString::from(BROWSER);
    let scopes = ["tools.write".to_owned()];
    let wider = Visit {
        scopes: &scopes,
        ..visit(&mark)
    };
    let error = scene
        .broker
        .begin("papers", &user("ada"), &wider)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "scope-too-wide");
    assert!(scene.world.events().contains(&Event::ScopeRefused {
        server: "papers".to_owned()
    }));
    scene.signs_in("ada").await;
    let caller = user("ada");
    let credential = scene
        .broker
        .credential("papers", &caller)
        .await
        .unwrap()
        .unwrap();
    let challenges = "Bearer error=\"insufficient_scope\", scope=\"tools.write\"";
    let rejected = Rejected {
        status: http::StatusCode::FORBIDDEN,
        challenges: &challenge::parse(challenges).unwrap(),
    };
    // Nobody is sent to a sign-in that would be refused.
    let retry = scene
        .broker
        .rejected("papers", &caller, &credential, &rejected)
        .await;
    assert!(matches!(&retry, Retry::Needed(needed) if *needed == refused(Reason::Scope)));
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let scene = Scene::new("").await;
    scene.signs_in("ada").await;
    let caller = user("ada");
    let first = scene
        .broker
        .credential("papers", &caller)
        .await
        .unwrap()
        .unwrap();
    let rejected = Rejected {
        status: http::StatusCode::UNAUTHORIZED,
        challenges: &[],
    };
    let Retry::With(second) = scene
        .broker
        .rejected("papers", &caller, &first, &rejected)
        .await
    else {
        panic!("no other token");
    };
    assert_ne!(token(&first), token(&second));
    let retry = scene
        .broker
        .rejected("papers", &caller, &second, &rejected)
        .await;
    assert!(matches!(&retry, Retry::Needed(needed) if *needed == refused(Reason::Rejected)));
    let forbidden = Rejected {
        status: http::StatusCode::FORBIDDEN,
        challenges: &[],
    };
    let retry = scene
        .broker
        .rejected("papers", &caller, &second, &forbidden)
        .await;
    assert!(matches!(retry, Retry::No));
}

#[tokio::test]
async fn the_gateway_registers_itself_where_it_may() {
    let provider = IdentityProvider::start(ProviderSettings {
        documents: false,
        clients: vec![ProviderClient::default()],
        ..ProviderSettings::default()
    });
    let provider = provider.await.unwrap();
    let mcp = Mcp::start(&[provider.issuer()]).await;
    let mut world = World::new().await;
    let config = format!(
        r#"
        [servers.papers]
        url = "{}"
        [servers.papers.auth]
        kind = "user-grant"
        issuer = "{}"
        "#,
        mcp.url(),
        provider.issuer()
    );
    let mark = SecretString::from(BROWSER);
    let broker = world.broker(&config);
    let error = broker
        .begin("papers", &user("ada"), &visit(&mark))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "client-refused");
    world.own.may_register = true;
    for principal in ["ada", "bob"] {
        // Each time a new process: the registration is kept.
        let broker = world.broker(&config);
        let begun = broker
            .begin("papers", &user(principal), &visit(&mark))
            .await
            .unwrap();
        let query = browse(&begun.url).await;
        broker.complete(&query, &mark).await.unwrap();
        broker
            .credential("papers", &user(principal))
            .await
            .unwrap()
            .unwrap();
    }
    let path = provider.endpoint("registration_endpoint").unwrap();
    let path = path.strip_prefix(provider.base_url()).unwrap();
    assert_eq!(provider.requests(path), 1);
}

#[tokio::test]
async fn what_came_of_a_revoked_sign_in_is_not_given_out() {
    let scene = Scene::new("").await;
    scene.signs_in("ada").await;
    scene.token("ada").await;
    let records = scene.broker.grants(&GrantFilter::default()).await.unwrap();
    let revocation = Revocation {
        kind: RevocationKind::Family,
        key: records[0].id.clone(),
        at_us: 1,
        reason: "a test".to_owned(),
        by: "operator".to_owned(),
        expires_us: None,
    };
    scene.world.store.revoke(&revocation).await.unwrap();
    scene.world.clock.pass(1);
    let credential = scene.broker.credential("papers", &user("ada")).await;
    assert_eq!(needed(credential), refused(Reason::Revoked));
}

#[tokio::test]
async fn who_is_revoked_meanwhile_is_not_signed_in() {
    let scene = Scene::new("").await;
    let query = scene.query("ada").await;
    let revocation = Revocation {
        kind: RevocationKind::User,
        key: "ada".to_owned(),
        at_us: 1,
        reason: "a test".to_owned(),
        by: "operator".to_owned(),
        expires_us: None,
    };
    scene.world.store.revoke(&revocation).await.unwrap();
    scene.world.clock.pass(1);
    let error = scene.complete(&query).await.unwrap_err();
    assert_eq!(error.code(), "revoked");
    assert!(
        scene
            .broker
            .grants(&GrantFilter::default())
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn who_came_anew_after_the_revocation_is_signed_in() {
    let scene = Scene::new("").await;
    let revocation = Revocation {
        kind: RevocationKind::User,
        key: "ada".to_owned(),
        at_us: 1_000_500_000,
        reason: "a test".to_owned(),
        by: "operator".to_owned(),
        expires_us: None,
    };
    scene.world.store.revoke(&revocation).await.unwrap();
    let mark = SecretString::from(BROWSER);
    let ada = |issued| portcullis_broker::Caller {
        issued,
        ..user("ada")
    };
    for issued in [None, Some(1_000)] {
        let (caller, visit) = (ada(issued), visit(&mark));
        let begun = scene.broker.begin("papers", &caller, &visit).await;
        assert_eq!(begun.unwrap_err().code(), "revoked", "{issued:?}");
    }
    let anew = ada(Some(1_001));
    let begun = scene.broker.begin("papers", &anew, &visit(&mark)).await;
    let query = browse(&begun.unwrap().url).await;
    scene.complete(&query).await.unwrap();
    let credential = scene.broker.credential("papers", &anew).await;
    assert!(credential.unwrap().is_some());
    let credential = scene.broker.credential("papers", &ada(Some(1_000))).await;
    assert_eq!(needed(credential), refused(Reason::Revoked));
}

#[tokio::test]
async fn users_sign_in_at_entra_too() {
    let lab = EntraLab::start(EntraSettings::default()).await.unwrap();
    let world = World::new().await;
    let broker = world.broker(&format!(
        r#"
        [authn.issuers.entra]
        kind = "entra"
        tenant = "{CONTOSO}"
        audiences = ["{GATEWAY}"]
        authority-url = "{}"
        [servers.papers]
        url = "http://127.0.0.1:9/mcp"
        [servers.papers.auth]
        kind = "user-grant"
        issuer = "{}"
        client-id = "{GATEWAY}"
        client-secret = "env:ENTRA"
        client-auth = "post"
        scopes = ["api://papers.contoso.com/papers.read"]
        "#,
        lab.base_url(),
        lab.issuer_v2(CONTOSO)
    ));
    let mark = SecretString::from(BROWSER);
    let visit = Visit {
        claims: Some(r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#),
        ..visit(&mark)
    };
    let begun = broker.begin("papers", &user("ada"), &visit).await.unwrap();
    // Entra takes the resource from the scope, and says nothing about PKCE.
    assert_eq!(parameter(&begun.url, "resource"), None);
    assert!(parameter(&begun.url, "claims").is_some());
    broker
        .complete(&browse(&begun.url).await, &mark)
        .await
        .unwrap();
    let first = broker
        .credential("papers", &user("ada"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(claims(&first)["aud"], PAPERS);
    world.clock.pass(3601);
    let second = broker
        .credential("papers", &user("ada"))
        .await
        .unwrap()
        .unwrap();
    assert_ne!(token(&first), token(&second));
}
