//! Scopes that a server asks for when its user is already signed in.

use portcullis_testkit::{ScriptedServer, Speaks, Step};

use super::super::scene::{SECRET, builder, claims, kept, provider, shown};
use super::{Browser, PAGES, page, search};

/// Takes calls of tools only with this scope.
fn wants(server: &ScriptedServer, scope: &'static str) {
    let of_hook = server.clone();
    server.on_arrival(move |received| {
        let server = of_hook.clone();
        Box::pin(async move {
            if received.method != "tools/call" {
                return;
            }
            let told = claims(shown(&received));
            let granted = told["scope"].as_str().unwrap_or_default();
            let is_enough = granted.split(' ').any(|granted| granted == scope);
            server.change(|script| {
                script.answers.clear();
                if !is_enough {
                    let text = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
                    let steps = vec![Step::Challenge(403, text)];
                    let any = ("tools/call".to_owned(), "*".to_owned(), steps);
                    script.answers.push(any);
                }
            });
        })
    });
}

/// What the server asks for is granted by another sign-in, with what was granted before.
#[tokio::test]
async fn a_server_that_wants_more_scopes_gets_another_sign_in() {
    for speaks in Speaks::BOTH {
        let provider = provider().await;
        let secret = kept(SECRET);
        let auth = format!(
            "kind = \"user-grant\"\nissuer = \"{}\"\n\
             client-id = \"gateway\"\nclient-secret = \"{}\"",
            provider.issuer(),
            secret.reference
        );
        // A call that was refused and made again has two entries, which the usual end of a test does
        // not know.
        let gateway = builder(&provider, &secret, speaks, &auth)
            .section("authn", "loopback = \"local\"")
            .without("audit")
            .start()
            .await;
        let caller = gateway.able(speaks, PAGES).await;
        let mut browser = Browser::default();
        let first = page(speaks, &search(&caller).await);
        browser.connect(&gateway, &first).await;
        let server = gateway.server("papers");
        wants(server, "papers.share");

        let reply = search(&caller).await;
        let again = page(speaks, &reply);
        assert!(!again.contains("papers"), "{again}");
        // The scopes are in the sealed part of the address, and nothing that is added to it counts.
        let added = format!("{again}?scope=papers.delete&scopes=papers.delete");
        let done = browser
            .connect_for(&gateway, &added, &["papers.share"])
            .await;
        assert!(done.body.contains("Connected"), "{}", done.body);
        let reply = search(&caller).await;
        assert_eq!(reply.reason(), "", "{}", reply.body);
        let told = claims(shown(&server.last("tools/call")));
        let scopes: Vec<&str> = told["scope"].as_str().unwrap().split(' ').collect();
        assert!(scopes.contains(&"papers.share"), "{scopes:?}");
        assert!(!scopes.contains(&"papers.delete"), "{scopes:?}");
        gateway.finish().await;
    }
}
