//! Tokens of the gateway itself.

use std::sync::Arc;

use portcullis_testkit::{ScriptedServer, Speaks, Step};

use super::scene::{builder, call, claims, finish, kept, provider, shown, token, token_requests};

fn own(issuer: &str, secret: &str) -> String {
    format!(
        "kind = \"client-credentials\"\nissuer = \"{issuer}\"\nscopes = [\"papers.read\"]\n\
         client-id = \"gateway\"\nclient-secret = \"{secret}\""
    )
}

#[tokio::test]
async fn every_request_goes_with_a_token_of_the_gateway() {
    for speaks in Speaks::BOTH {
        let provider = provider().await;
        let secret = kept(super::scene::SECRET);
        let auth = own(provider.issuer(), &secret.reference);
        let (ada, bob) = (token(&provider, "ada", "1"), token(&provider, "bob", "2"));
        let gateway = builder(&provider, &secret, speaks, &auth)
            .canary(&ada)
            .canary(&bob)
            .start()
            .await;
        for token in [&ada, &bob] {
            let reply = call(&gateway, speaks, token).await;
            assert_eq!(reply.reason(), "", "{}", reply.body);
        }
        let called = gateway.server("papers").last("tools/call");
        let told = claims(shown(&called));
        assert_eq!(told["client_id"], "gateway");
        assert_eq!(told["scope"], "papers.read");
        assert_eq!(told["aud"], gateway.server("papers").url());
        assert_eq!(token_requests(&provider), 1);
        finish(gateway, &[&ada, &bob, super::scene::SECRET]).await;
    }
}

/// Refuses calls with the first token that it sees.
fn refuse_first(server: &ScriptedServer, always: bool) {
    let first = Arc::new(std::sync::OnceLock::new());
    let of_hook = server.clone();
    server.on_arrival(move |received| {
        let (server, first) = (of_hook.clone(), Arc::clone(&first));
        Box::pin(async move {
            if received.method != "tools/call" {
                return;
            }
            let shown = shown(&received).to_owned();
            let refuses = *first.get_or_init(|| shown.clone()) == shown || always;
            server.change(|script| {
                script.answers.clear();
                if refuses {
                    let refusal = Step::Http(401, "text/plain".to_owned(), String::new());
                    let steps = vec![refusal];
                    let any = ("tools/call".to_owned(), "*".to_owned(), steps);
                    script.answers.push(any);
                }
            });
        })
    });
}

#[tokio::test]
async fn a_token_that_the_server_refuses_is_renewed_once() {
    let provider = provider().await;
    let secret = kept(super::scene::SECRET);
    let auth = own(provider.issuer(), &secret.reference);
    let ada = token(&provider, "ada", "1");
    // A call that was sent twice has one entry, which the usual end of a test does not know.
    let gateway = builder(&provider, &secret, Speaks::Modern, &auth)
        .canary(&ada)
        .without("audit")
        .start()
        .await;
    let server = gateway.server("papers");
    refuse_first(server, false);
    let reply = call(&gateway, Speaks::Modern, &ada).await;
    assert_eq!(reply.reason(), "", "{}", reply.body);
    let calls = server.calls("tools/call");
    assert_eq!(calls.len(), 2);
    assert_ne!(shown(&calls[0]), shown(&calls[1]));
    assert_eq!(token_requests(&provider), 2);

    refuse_first(server, true);
    let reply = call(&gateway, Speaks::Modern, &ada).await;
    assert_eq!(
        reply.reason(),
        "server-credential-refused",
        "{}",
        reply.body
    );
    finish(gateway, &[&ada, super::scene::SECRET]).await;
}

#[tokio::test]
async fn without_a_token_no_request_is_made_and_the_cause_is_on_record() {
    let provider = provider().await;
    let secret = kept("not the secret");
    let auth = own(provider.issuer(), &secret.reference);
    let ada = token(&provider, "ada", "1");
    let gateway = builder(&provider, &secret, Speaks::Modern, &auth)
        .canary(&ada)
        .start()
        .await;
    let reply = call(&gateway, Speaks::Modern, &ada).await;
    assert_eq!(
        reply.reason(),
        "server-credential-refused",
        "{}",
        reply.body
    );
    let closed = gateway.entry("tools/call").await.closed.unwrap();
    assert_eq!(closed.reason.as_deref(), Some("client-refused"));
    assert!(gateway.server("papers").received().is_empty());
    finish(gateway, &[&ada, "not the secret"]).await;
}
