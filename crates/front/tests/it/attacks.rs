//! Published attacks on authorization proxies, played against the front door.

use portcullis_lab::entra::EntraSettings;
use portcullis_lab::entra::sample::CONTOSO;
use url::Url;

use crate::browser::{Browser, code, redeem};
use crate::world::{CLIENT, ISSUER, REDIRECT, World};

fn issuer_asked(world: &World) -> usize {
    world.lab.requests(&format!("/{CONTOSO}/oauth2/v2.0/token"))
}

/// MCP, security best practices, "Confused Deputy Problem": the person consented to a good client,
/// and is still signed in at the issuer. A link then begins the same for a client of the attacker.
#[tokio::test]
async fn consent_to_one_client_is_none_to_another() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let good = world.app.id("app.example", "web");
    let good = [
        ("client_id", good.as_str()),
        ("redirect_uri", "https://app.example/callback"),
    ];
    let done = browser.sign_in(&world.front, &good).await;
    assert!(
        done.header("location")
            .starts_with("https://app.example/callback?code=")
    );
    assert_eq!(browser.authorize(&world.front, &good).await.status, 302);
    // The attacker's client, with the attacker's redirect URI.
    let evil = world.app.id("evil.example", "web");
    let evil = [
        ("client_id", evil.as_str()),
        ("redirect_uri", "https://evil.example/callback"),
    ];
    let page = browser.authorize(&world.front, &evil).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("It belongs to evil.example."));
    assert_eq!(page.header("location"), "");
    // The good client's id with the attacker's redirect URI, and the other way round.
    for (client, redirect) in [(good[0], evil[1]), (evil[0], good[1])] {
        let page = browser.authorize(&world.front, &[client, redirect]).await;
        assert_eq!((page.status, page.header("location")), (400, ""));
        assert_eq!(page.rule(), "redirect-uri-unregistered");
    }
    // Going on without asking is an error, and not a code.
    let quiet: Vec<_> = evil.iter().copied().chain([("prompt", "none")]).collect();
    let page = browser.authorize(&world.front, &quiet).await;
    assert_eq!((page.status, page.header("location")), (400, ""));
    assert_eq!(page.rule(), "oauth-consent-required");
}

#[tokio::test]
async fn nobody_else_answers_the_form() {
    let world = World::new().await;
    let mut victim = Browser::default();
    let asks = victim.authorize(&world.front, &[]).await;
    // The attacker has a form of their own and has the victim's browser send it.
    let mut attacker = Browser::default();
    let own = attacker.authorize(&world.front, &[]).await;
    let planted = victim.allow(&world.front, &own).await;
    assert_eq!(planted.rule(), "consent-form-invalid");
    // Without the cookie, with a changed form, without one.
    let stolen = attacker.allow(&world.front, &asks).await;
    assert_eq!(stolen.rule(), "consent-form-invalid");
    let address = format!("{ISSUER}/consent");
    let request = asks.field("request");
    let (head, _) = request.split_at(request.len() - 4);
    for changed in [format!("{head}AAAA"), String::new(), "x".to_owned()] {
        let form = [("request", changed.as_str()), ("decision", "allow")];
        let page = victim.post(&world.front, &address, &form).await;
        assert_eq!(page.rule(), "consent-form-invalid");
    }
    // From a page of another website, as browsers tell.
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://127.0.0.1:8643"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "none"),
    ] {
        victim.headers = vec![(name, value.to_owned())];
        let page = victim.allow(&world.front, &asks).await;
        assert_eq!(page.rule(), "form-of-another-site", "{name}: {value}");
    }
    // The honest form still works after all of that, once, and not after ten minutes.
    victim.headers = vec![
        ("origin", "http://127.0.0.1:8642".to_owned()),
        ("sec-fetch-site", "same-origin".to_owned()),
    ];
    assert_eq!(victim.allow(&world.front, &asks).await.status, 200);
    assert_eq!(
        victim.allow(&world.front, &asks).await.rule(),
        "consent-form-invalid"
    );
    let asks = victim.authorize(&world.front, &[]).await;
    world.clock.advance(601);
    assert_eq!(
        victim.allow(&world.front, &asks).await.rule(),
        "consent-form-invalid"
    );
}

#[tokio::test]
async fn an_answer_of_the_issuer_counts_once_in_one_browser() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let asks = browser.authorize(&world.front, &[]).await;
    let onward = browser.allow(&world.front, &asks).await;
    let back = browser.at_issuer(&onward).await;
    // In another browser: the attacker's sign-in in the victim's session. It is over then.
    let page = Browser::default().get(&world.front, back.as_str()).await;
    assert_eq!(page.rule(), "sign-in-other-browser");
    let page = browser.get(&world.front, back.as_str()).await;
    assert_eq!(page.rule(), "sign-in-state-unknown");
    assert_eq!(issuer_asked(&world), 0);
    // Replayed in the same browser.
    let asks = browser.authorize(&world.front, &[]).await;
    let onward = browser.allow(&world.front, &asks).await;
    let back = browser.at_issuer(&onward).await;
    assert_eq!(browser.get(&world.front, back.as_str()).await.status, 302);
    let page = browser.get(&world.front, back.as_str()).await;
    assert_eq!(page.rule(), "sign-in-state-unknown");
    // Too late.
    let asks = browser.authorize(&world.front, &[]).await;
    let onward = browser.allow(&world.front, &asks).await;
    let back = browser.at_issuer(&onward).await;
    world.clock.advance(601);
    let page = browser.get(&world.front, back.as_str()).await;
    assert_eq!(page.rule(), "sign-in-state-unknown");
    assert_eq!(issuer_asked(&world), 1);
}

#[tokio::test]
async fn an_answer_of_another_issuer_is_refused() {
    let world = World::new().await;
    let mut browser = Browser::default();
    for (name, value, rule) in [
        ("iss", "https://evil.example", "sign-in-issuer-wrong"),
        ("state", "guessed", "sign-in-state-unknown"),
        ("state", "", "sign-in-state-unknown"),
        ("code", "", "sign-in-without-code"),
    ] {
        let asks = browser.authorize(&world.front, &[]).await;
        let onward = browser.allow(&world.front, &asks).await;
        let mut back = browser.at_issuer(&onward).await;
        let kept: Vec<_> = back
            .query_pairs()
            .into_owned()
            .filter(|(own, _)| own != name)
            .collect();
        back.query_pairs_mut()
            .clear()
            .extend_pairs(kept)
            .append_pair(name, value);
        let page = browser.get(&world.front, back.as_str()).await;
        assert_eq!(page.rule(), rule, "{name}={value}");
    }
    let twice = format!("{ISSUER}/callback?state=a&state=b&code=c");
    let page = browser.get(&world.front, &twice).await;
    assert_eq!(page.rule(), "sign-in-malformed");
    assert_eq!(issuer_asked(&world), 0);
}

/// The attacker's code, from the issuer, in the victim's sign-in: the verifier is another one.
#[tokio::test]
async fn a_code_of_the_issuer_from_another_sign_in_gives_nothing() {
    let world = World::new().await;
    let (mut attacker, mut victim) = (Browser::default(), Browser::default());
    let mut backs = Vec::new();
    for browser in [&mut attacker, &mut victim] {
        let asks = browser.authorize(&world.front, &[]).await;
        let onward = browser.allow(&world.front, &asks).await;
        backs.push(browser.at_issuer(&onward).await);
    }
    let parameter = |url: &Url, name: &str| {
        let found = url.query_pairs().find(|(own, _)| own == name);
        found.unwrap().1.into_owned()
    };
    let mut injected = backs[1].clone();
    injected
        .query_pairs_mut()
        .clear()
        .append_pair("code", &parameter(&backs[0], "code"))
        .append_pair("state", &parameter(&backs[1], "state"));
    let page = victim.get(&world.front, injected.as_str()).await;
    assert_eq!(page.parameter("code"), None);
    assert_eq!(page.parameter("error").as_deref(), Some("server_error"));
}

#[tokio::test]
async fn only_a_redirect_uri_of_the_client_is_used() {
    let world = World::new().await;
    let web = world.app.id("app.example", "web");
    for (client, redirect) in [
        (CLIENT, ""),
        (CLIENT, "http://127.0.0.1:7777/callback/"),
        (CLIENT, "http://127.0.0.1:7777/callback?x=y"),
        (CLIENT, "http://127.0.0.1:7777/callback#"),
        (CLIENT, "http://127.0.0.1:7777/Callback"),
        (CLIENT, "http://localhost:7777/callback"),
        (CLIENT, "http://127.0.0.1:7777@evil.example/callback"),
        (CLIENT, "http://127.0.0.1.evil.example:7777/callback"),
        (CLIENT, "https://work.example/callback2"),
        (CLIENT, "https://work.example.evil.example/callback"),
        (
            CLIENT,
            "https://evil.example/?https://work.example/callback",
        ),
        (CLIENT, "https://WORK.example/callback"),
        (CLIENT, "workbench:/callback/.."),
        (CLIENT, "javascript:alert(1)"),
        (web.as_str(), REDIRECT),
        (web.as_str(), "https://app.example/callback/../x"),
        (web.as_str(), "https://app.example@evil.example/callback"),
    ] {
        let asked = [("client_id", client), ("redirect_uri", redirect)];
        // An error goes nowhere either.
        for more in [
            None,
            Some(("scope", "everything")),
            Some(("response_type", "")),
        ] {
            let asked: Vec<_> = asked.iter().copied().chain(more).collect();
            let page = Browser::default().authorize(&world.front, &asked).await;
            assert_eq!(page.header("location"), "", "{redirect}");
            assert_eq!(page.rule(), "redirect-uri-unregistered", "{redirect}");
            assert!(!page.body.contains("evil.example"));
        }
    }
}

/// RFC 9700 section 4.11.2: a website registers itself, and its mistake sends people there.
#[tokio::test]
async fn a_mistake_sends_nobody_to_a_website_by_itself() {
    let world = World::new().await;
    let evil = world.app.id("evil.example", "web");
    let asked = [
        ("client_id", evil.as_str()),
        ("redirect_uri", "https://evil.example/callback"),
        ("scope", "everything"),
    ];
    let page = Browser::default().authorize(&world.front, &asked).await;
    assert_eq!((page.status, page.header("location")), (400, ""));
    assert!(!page.body.contains("http-equiv=\"refresh\""));
    assert_eq!(page.rule(), "oauth-invalid-scope");
    // Whoever follows the link is told what the protocol says.
    assert_eq!(page.parameter("error").as_deref(), Some("invalid_scope"));
    assert_eq!(page.parameter("state").as_deref(), Some("its-state"));
}

#[tokio::test]
async fn a_client_id_leads_nowhere_inside() {
    let world = World::new().await;
    let (app, evil) = ("app.example", "evil.example");
    for (id, rule) in [
        (
            "https://169.254.169.254/latest/meta-data".to_owned(),
            "document-unreachable",
        ),
        (
            "https://metadata.example/client.json".to_owned(),
            "document-unreachable",
        ),
        (
            "https://inside.example/client.json".to_owned(),
            "document-unreachable",
        ),
        (
            "https://127.0.0.1:8642/client.json".to_owned(),
            "document-unreachable",
        ),
        (
            "https://[::1]/client.json".to_owned(),
            "document-unreachable",
        ),
        (
            "https://2130706433/client.json".to_owned(),
            "client-id-address",
        ),
        ("http://app.example/web.json".to_owned(), "client-unknown"),
        ("https://app.example/".to_owned(), "client-id-address"),
        (
            "https://app.example/a/../web.json".to_owned(),
            "client-id-address",
        ),
        (
            "https://user@app.example/web.json".to_owned(),
            "client-id-address",
        ),
        (
            "https://app.example/web.json#x".to_owned(),
            "client-id-address",
        ),
        (
            "HTTPS://app.example/web.json".to_owned(),
            "client-id-address",
        ),
        (world.app.id(evil, "chain"), "document-status"),
        (world.app.id(app, "none"), "document-status"),
        (world.app.id(evil, "other"), "client-document-other-client"),
        (
            world.app.id(app, "keyed"),
            "client-authentication-unsupported",
        ),
        ("nobody".to_owned(), "client-unknown"),
        ("registered.AAAA".to_owned(), "client-unknown"),
    ] {
        let asked = [
            ("client_id", id.as_str()),
            ("redirect_uri", "https://evil.example/callback"),
        ];
        let page = Browser::default().authorize(&world.front, &asked).await;
        assert_eq!(page.header("location"), "");
        let rule = match rule {
            "document-unreachable" | "document-status" => "client-document-unavailable",
            rule => rule,
        };
        assert_eq!(page.rule(), rule, "{id}");
    }
    // The redirect of the document was not followed.
    let asked = world.app.asked();
    assert_eq!(
        asked.iter().filter(|path| *path == "/chain.json").count(),
        1
    );
    assert!(!asked.contains(&"/chain2".to_owned()), "{asked:?}");
}

#[tokio::test]
async fn a_code_is_worth_nothing_to_who_steals_it() {
    let world = World::new().await;
    let other = "x".repeat(43);
    let web = "https://work.example/callback";
    for (name, value, error) in [
        ("code_verifier", other.as_str(), "invalid_grant"),
        ("code_verifier", crate::world::CHALLENGE, "invalid_grant"),
        ("code_verifier", "short", "invalid_grant"),
        ("client_id", "other", "invalid_grant"),
        ("redirect_uri", web, "invalid_grant"),
        (
            "redirect_uri",
            "http://127.0.0.1:7778/callback",
            "invalid_grant",
        ),
        ("resource", "https://elsewhere.example/", "invalid_target"),
    ] {
        let code = code(&world, &[]).await;
        let refused = redeem(&world.front, &code, &[(name, value)]).await;
        assert_eq!(
            (refused.status, refused.json()["error"].clone()),
            (400, error.into()),
            "{name}"
        );
        // The code is gone.
        let refused = redeem(&world.front, &code, &[]).await;
        assert_eq!(refused.json()["error"], "invalid_grant", "{name}");
    }
    // Leaving PKCE out is no way around it, and costs the code nothing.
    let code = code(&world, &[]).await;
    for name in ["code_verifier", "redirect_uri", "code"] {
        let refused = redeem(&world.front, &code, &[(name, "")]).await;
        assert_eq!(refused.json()["error"], "invalid_request");
    }
    assert_eq!(redeem(&world.front, &code, &[]).await.status, 200);
}

#[tokio::test]
async fn no_page_can_be_framed_or_kept_or_run_a_script() {
    let world = World::with(EntraSettings::default(), "registration = true").await;
    let mut browser = Browser::default();
    let asks = browser.authorize(&world.front, &[]).await;
    let onward = browser.allow(&world.front, &asks).await;
    let web = world.app.id("app.example", "web");
    let asked = [
        ("client_id", web.as_str()),
        ("redirect_uri", "https://app.example/callback"),
        ("scope", "everything"),
    ];
    let mistake = browser.authorize(&world.front, &asked).await;
    let error = browser
        .authorize(&world.front, &[("client_id", "<script>")])
        .await;
    for page in [asks, onward, mistake, error] {
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(page.header("x-frame-options"), "DENY");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("referrer-policy"), "same-origin");
        assert!(!page.body.contains("<script"));
        assert!(!page.body.contains(" src="));
    }
    let cookie = browser.cookie.unwrap();
    assert!(cookie.starts_with("__Host-portcullis="));
}
