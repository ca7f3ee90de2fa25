//! Tokens for the caller, in exchange for the caller's own.

use std::collections::BTreeSet;

use portcullis_lab::entra::sample::{ADA, CONTOSO, GATEWAY, GATEWAY_SECRET, HOST, PAPERS};
use portcullis_lab::entra::{EntraLab, EntraSettings, Policy};
use portcullis_lab::identity_provider::{
    IdentityProvider, Misbehaviour, ProviderClient, ProviderSettings, Trusted,
};
use portcullis_store::{Revocation, RevocationKind, RevocationStore};
use portcullis_testkit::{Builder, Script, Speaks, Step, TestGateway, eventually};

use super::logs;
use super::scene::{
    BASE, RESOURCE, SECRET, builder, call, claims, finish, kept, now, provider, shown, token,
    token_requests,
};

const EXCHANGE: &str =
    "kind = \"token-exchange\"\nthrough = \"company\"\nscopes = [\"papers.read\"]";

#[tokio::test]
async fn each_caller_has_an_own_token_at_the_server() {
    for speaks in Speaks::BOTH {
        let provider = provider().await;
        let secret = kept(SECRET);
        let (ada, bob) = (token(&provider, "ada", "1"), token(&provider, "bob", "2"));
        let gateway = builder(&provider, &secret, speaks, EXCHANGE)
            .canary(&ada)
            .canary(&bob)
            .start()
            .await;
        for token in [&ada, &bob] {
            let reply = call(&gateway, speaks, token).await;
            assert_eq!(reply.reason(), "", "{}", reply.body);
        }
        let calls = gateway.server("papers").calls("tools/call");
        assert_ne!(shown(&calls[0]), shown(&calls[1]));
        for called in &calls {
            let told = claims(shown(called));
            assert_eq!(told["aud"], gateway.server("papers").url());
            assert_eq!(told["scope"], "papers.read");
        }
        assert_eq!(token_requests(&provider), 2);
        finish(gateway, &[&ada, &bob, SECRET]).await;
    }
}

/// A call is made with what its own token was exchanged for, whatever the same user shows meanwhile.
#[tokio::test]
async fn two_tokens_of_one_user_stay_apart() {
    let provider = provider().await;
    let secret = kept(SECRET);
    let tokens = [token(&provider, "ada", "1"), token(&provider, "ada", "2")];
    let gateway = builder(&provider, &secret, Speaks::Modern, EXCHANGE)
        .canary(&tokens[0])
        .canary(&tokens[1])
        .start()
        .await;
    let headers = tokens.each_ref().map(|token| format!("Bearer {token}"));
    let callers = headers.each_ref().map(|authorization| {
        let headers = [("authorization", authorization.as_str())];
        gateway.stranger(Speaks::Modern, "/mcp/main", &headers)
    });
    let calls = (0..16).map(|number| {
        let whose = number % 2;
        let (caller, arguments) = (&callers[whose], format!("{{\"whose\":{whose}}}"));
        async move { caller.tool("search", &arguments).await.result() }
    });
    futures_util::future::join_all(calls).await;
    let mut shown_by = [BTreeSet::new(), BTreeSet::new()];
    for called in gateway.server("papers").calls("tools/call") {
        let whose = called.json()["arguments"]["whose"].as_u64().unwrap();
        let whose = usize::try_from(whose).unwrap();
        shown_by[whose].insert(shown(&called).to_owned());
    }
    assert_eq!(shown_by.each_ref().map(BTreeSet::len), [1, 1]);
    assert_ne!(shown_by[0], shown_by[1]);
    finish(gateway, &[&tokens[0], &tokens[1], SECRET]).await;
}

/// The gateway believes a token that was issued after the revocation, and so does who gives the
/// credential for the server.
#[tokio::test]
async fn who_signs_in_anew_after_a_revocation_is_called_for() {
    let provider = provider().await;
    let secret = kept(SECRET);
    let issued = |at: u64, id: &str| {
        let claims = serde_json::json!({"sub": "ada", "jti": id, "iat": at});
        provider.misbehave(Misbehaviour::Claims(claims));
        let minted = provider.mint("editor", "papers.read papers.write", Some(RESOURCE));
        provider.behave();
        minted.unwrap()
    };
    let (before, after) = (issued(now() - 60, "before"), issued(now(), "after"));
    let gateway = builder(&provider, &secret, Speaks::Modern, EXCHANGE)
        .canary(&before)
        .canary(&after)
        .start()
        .await;
    assert_eq!(call(&gateway, Speaks::Modern, &before).await.reason(), "");
    let revocation = Revocation {
        kind: RevocationKind::User,
        key: "company:ada".to_owned(),
        at_us: i64::try_from(now() - 30).unwrap() * 1_000_000,
        reason: String::new(),
        by: "tester".to_owned(),
        expires_us: None,
    };
    gateway.store().revoke(&revocation).await.unwrap();
    let ask = |token: &str| {
        let authorization = format!("Bearer {token}");
        let headers = [("authorization", authorization.as_str())];
        gateway.stranger(Speaks::Modern, "/mcp/main", &headers)
    };
    eventually("the old token is not believed", async || {
        let refused = ask(&before).tool("search", "{}").await;
        (refused.status == 401).then_some(())
    })
    .await;
    let reply = call(&gateway, Speaks::Modern, &after).await;
    assert_eq!(reply.reason(), "", "{}", reply.body);
    finish(gateway, &[&before, &after, SECRET]).await;
}

#[tokio::test]
async fn what_goes_wrong_shows_no_token_either() {
    let failures = [
        Step::Error(r#"{"code":-32000,"message":"no"}"#.to_owned()),
        Step::Http(500, "text/plain".to_owned(), "no".to_owned()),
        Step::Http(403, "text/plain".to_owned(), "no".to_owned()),
        Step::Raw("not json".to_owned()),
        Step::Die,
    ];
    for speaks in Speaks::BOTH {
        let provider = provider().await;
        let secret = kept(SECRET);
        let ada = token(&provider, "ada", "1");
        let gateway = builder(&provider, &secret, speaks, EXCHANGE)
            .canary(&ada)
            .start()
            .await;
        for failure in &failures {
            gateway.server("papers").change(|script| {
                let steps = vec![failure.clone()];
                script.answers = vec![("tools/call".to_owned(), "*".to_owned(), steps)];
            });
            let reply = call(&gateway, speaks, &ada).await;
            assert!(reply.body.contains("error"), "{failure:?}: {}", reply.body);
        }
        let other = token(&provider, "ada", "3");
        // What the issuer answers is no token.
        provider.misbehave(Misbehaviour::TokenResponse(
            serde_json::json!({"access_token": 7}),
        ));
        let reply = call(&gateway, speaks, &other).await;
        assert!(reply.body.contains("server-credential"), "{}", reply.body);
        finish(gateway, &[&ada, &other, SECRET]).await;
    }
}

#[tokio::test]
async fn a_caller_without_a_token_of_the_issuer_gets_none() {
    let provider = provider().await;
    let secret = kept(SECRET);
    let gateway = builder(&provider, &secret, Speaks::Modern, EXCHANGE)
        .key("bob", "the-key-of-bob", "")
        .start()
        .await;
    let reply = call(&gateway, Speaks::Modern, "the-key-of-bob").await;
    assert_eq!(
        reply.reason(),
        "server-credential-refused",
        "{}",
        reply.body
    );
    assert!(
        reply.body.contains("subject-token-missing"),
        "{}",
        reply.body
    );
    assert!(gateway.server("papers").received().is_empty());
    finish(gateway, &["the-key-of-bob", SECRET]).await;
}

#[tokio::test]
async fn an_identity_assertion_leads_to_a_token_of_the_servers_own_issuer() {
    let company = provider().await;
    let theirs = IdentityProvider::start(ProviderSettings {
        trusted: vec![Trusted {
            issuer: company.issuer().to_owned(),
            keys: vec![company.current_key().unwrap().jwk()],
        }],
        clients: vec![ProviderClient {
            id: "gateway".to_owned(),
            secret: Some(SECRET.to_owned()),
            ..ProviderClient::default()
        }],
        ..ProviderSettings::default()
    });
    let theirs = theirs.await.unwrap();
    let secret = kept(SECRET);
    let auth = format!(
        "kind = \"id-jag\"\nthrough = \"company\"\nissuer = \"{}\"\nscopes = [\"papers.read\"]\n\
         client-id = \"gateway\"\nclient-secret = \"{}\"",
        theirs.issuer(),
        secret.reference
    );
    let ada = token(&company, "ada", "1");
    let gateway = builder(&company, &secret, Speaks::Modern, &auth)
        .canary(&ada)
        .start()
        .await;
    let reply = call(&gateway, Speaks::Modern, &ada).await;
    assert_eq!(reply.reason(), "", "{}", reply.body);
    let told = claims(shown(&gateway.server("papers").last("tools/call")));
    assert_eq!(told["iss"], theirs.issuer());
    finish(gateway, &[&ada, SECRET]).await;
}

fn entra(lab: &EntraLab, secret: &str) -> Builder {
    logs::keep();
    TestGateway::builder()
        .server("papers", Script::modern().tool("search"))
        .without_loopback()
        .section("listen", &format!("public-url = \"{BASE}\""))
        .section(
            "authn.issuers.entra",
            &format!(
                "kind = \"entra\"\ntenant = \"{CONTOSO}\"\naudiences = [\"{GATEWAY}\"]\n\
                 authority-url = \"{}\"",
                lab.base_url()
            ),
        )
        .section(
            "authn.issuers.entra.client",
            &format!("id = \"{GATEWAY}\"\nsecret = \"{secret}\"\nauth = \"post\""),
        )
        .section("profiles.main", "servers = [\"papers\"]")
        .section(
            "servers.papers.auth",
            "kind = \"on-behalf-of\"\nthrough = \"entra\"\n\
             scopes = [\"api://papers.contoso.com/papers.read\"]",
        )
}

fn adas(lab: &EntraLab, can_be_challenged: bool) -> String {
    let scope = format!("api://{GATEWAY}/tools.read");
    let mut claims = lab.user_claims(ADA, HOST, &scope).unwrap();
    if can_be_challenged {
        claims["xms_cc"] = serde_json::json!(["cp1"]);
    }
    lab.mint(&claims).unwrap()
}

#[tokio::test]
async fn entra_gives_a_token_on_behalf_of_the_user() {
    let lab = EntraLab::start(EntraSettings::default()).await.unwrap();
    let secret = kept(GATEWAY_SECRET);
    let ada = adas(&lab, true);
    let gateway = entra(&lab, &secret.reference).canary(&ada).start().await;
    let reply = call(&gateway, Speaks::Modern, &ada).await;
    assert_eq!(reply.reason(), "", "{}", reply.body);
    let told = claims(shown(&gateway.server("papers").last("tools/call")));
    assert_eq!(told["aud"], PAPERS);
    assert_eq!(told["scp"], "papers.read");
    finish(gateway, &[&ada, GATEWAY_SECRET]).await;
}

#[tokio::test]
async fn what_entra_demands_is_passed_on_as_its_challenge() {
    let lab = EntraLab::start(EntraSettings::default()).await.unwrap();
    let secret = kept(GATEWAY_SECRET);
    let (ada, plain) = (adas(&lab, true), adas(&lab, false));
    let gateway = entra(&lab, &secret.reference).canary(&ada).start().await;
    lab.set_policy(Policy::ConditionalAccess {
        resource: PAPERS.to_owned(),
        code: 50076,
        policy: "37c4f5b7-1a0e-4d7f-8a86-000000000001".to_owned(),
    });
    let reply = call(&gateway, Speaks::Modern, &ada).await;
    assert_eq!(
        (reply.status, reply.reason().as_str()),
        (401, "claims-required")
    );
    let challenges: Vec<&str> = reply
        .headers
        .get_all("www-authenticate")
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect();
    assert_eq!(challenges.len(), 2, "{challenges:?}");
    let read = portcullis_token::challenge::parse(challenges[0]).unwrap();
    let base = lab.base_url();
    let expected = [
        ("realm", CONTOSO.to_owned()),
        (
            "authorization_uri",
            format!("{base}/{CONTOSO}/oauth2/v2.0/authorize"),
        ),
        ("client_id", GATEWAY.to_owned()),
        ("error", "insufficient_claims".to_owned()),
    ];
    for (name, value) in expected {
        assert_eq!(read[0].parameter(name), Some(value.as_str()), "{name}");
    }
    assert_eq!(
        read[0].claims().unwrap(),
        r#"{"access_token":{"polids":{"essential":true,"values":["37c4f5b7-1a0e-4d7f-8a86-000000000001"]}}}"#
    );
    assert!(
        challenges[1].contains("resource_metadata="),
        "{}",
        challenges[1]
    );
    // A client that does not understand it is told no.
    let reply = call(&gateway, Speaks::Modern, &plain).await;
    assert_eq!(
        (reply.status, reply.reason().as_str()),
        (403, "step-up-impossible")
    );
    assert!(gateway.server("papers").received().is_empty());
    finish(gateway, &[&ada, &plain, GATEWAY_SECRET]).await;
}
