//! Accounts that users connect at a server, from the first call to the end.

mod client;
mod on_record;
mod scopes;

use std::net::SocketAddr;

use portcullis_lab::identity_provider::IdentityProvider;
use portcullis_store::{Revocation, RevocationKind, RevocationStore, State};
use portcullis_testkit::{Builder, Caller, Reply, Speaks, TestGateway, eventually};
use serde_json::{Value, json};
use url::Url;

use super::scene::{BASE, SECRET, builder, claims, finish, kept, provider, shown};

const PAGES: &str = r#"{"elicitation":{"url":{}}}"#;

/// Users are known by where they come from, and connect accounts.
fn granting(provider: &IdentityProvider, secret: &super::scene::Kept, speaks: Speaks) -> Builder {
    let auth = format!(
        "kind = \"user-grant\"\nissuer = \"{}\"\nscopes = [\"papers.read\"]\n\
         client-id = \"gateway\"\nclient-secret = \"{}\"",
        provider.issuer(),
        secret.reference
    );
    builder(provider, secret, speaks, &auth).section("authn", "loopback = \"local\"")
}

/// What a browser keeps.
#[derive(Default)]
struct Browser {
    cookie: Option<String>,
}

impl Browser {
    async fn get(&mut self, gateway: &TestGateway, path: &str) -> Reply {
        self.send(gateway, "GET", path, String::new()).await
    }

    async fn send(&mut self, gateway: &TestGateway, verb: &str, path: &str, body: String) -> Reply {
        let form = "application/x-www-form-urlencoded";
        let mut call = gateway.http(verb, path).header("content-type", form);
        if let Some(cookie) = &self.cookie {
            call = call.header("cookie", cookie);
        }
        let reply = call.body(body).send().await;
        if let Some((cookie, _)) = reply.header("set-cookie").and_then(|it| it.split_once(';')) {
            self.cookie = Some(cookie.to_owned());
        }
        reply
    }

    /// Opens the page at this address and agrees, signs in at the server, and comes back.
    async fn connect(&mut self, gateway: &TestGateway, address: &str) -> Reply {
        self.connect_for(gateway, address, &[]).await
    }

    /// The same, where the page has to name these scopes.
    async fn connect_for(
        &mut self,
        gateway: &TestGateway,
        address: &str,
        scopes: &[&str],
    ) -> Reply {
        let path = address.strip_prefix(BASE).unwrap();
        let page = self.get(gateway, path).await;
        assert_eq!(page.status, 200, "{}", page.body);
        for scope in scopes {
            let shown = format!("<code>{scope}</code>");
            assert!(page.body.contains(&shown), "{scope}: {}", page.body);
        }
        let form = between(&page.body, "name=\"form\" value=\"", "\"");
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.append_pair("form", &form);
        let onward = self.send(gateway, "POST", path, body.finish()).await;
        assert_eq!(onward.status, 200, "{}", onward.body);
        let link = between(&onward.body, "rel=\"noreferrer\" href=\"", "\"");
        let back = sign_in(gateway, &Url::parse(&link).unwrap()).await;
        self.get(gateway, back.strip_prefix(BASE).unwrap()).await
    }
}

/// Where the authorization server sends the browser back to.
async fn sign_in(gateway: &TestGateway, at: &Url) -> String {
    let port = at.port().unwrap();
    let mut next = at.clone();
    for _ in 0..8 {
        let path = format!("{}?{}", next.path(), next.query().unwrap_or_default());
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let reply = gateway.http("GET", &path).at(address).send().await;
        let location = reply.header("location");
        let location = location.unwrap_or_else(|| panic!("{} {}", reply.status, reply.body));
        if location.starts_with(BASE) {
            return location.to_owned();
        }
        next = next.join(location).unwrap();
    }
    panic!("no way back from {at}");
}

fn between(text: &str, start: &str, end: &str) -> String {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("{text}"));
    let (found, _) = rest.split_once(end).unwrap();
    found.replace("&amp;", "&").replace("&#39;", "'")
}

async fn search(caller: &Caller<'_>) -> Reply {
    caller.tool("search", "{}").await
}

/// The address to which a host was sent.
fn page(speaks: Speaks, reply: &Reply) -> String {
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    let asked = match speaks {
        Speaks::Legacy => {
            assert_eq!(body["error"]["code"], -32042, "{body}");
            body["error"]["data"]["elicitations"][0].clone()
        }
        Speaks::Modern => {
            let result = &body["result"];
            assert_eq!(result["resultType"], "input_required", "{body}");
            let asked = &result["inputRequests"]["io.portcullis/sign-in"];
            assert_eq!(asked["method"], "elicitation/create");
            asked["params"].clone()
        }
    };
    assert_eq!(asked["mode"], "url");
    assert_eq!(asked["elicitationId"].is_string(), speaks == Speaks::Legacy);
    asked["url"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_user_connects_an_account_and_the_call_goes_through() {
    for speaks in Speaks::BOTH {
        let provider = provider().await;
        let secret = kept(SECRET);
        let gateway = granting(&provider, &secret, speaks).start().await;
        let caller = gateway.able(speaks, PAGES).await;
        let address = page(speaks, &search(&caller).await);
        assert!(gateway.server("papers").received().is_empty());
        let entry = gateway.entry("tools/call").await;
        let outcome = entry.closed.unwrap().outcome;
        let expected = match speaks {
            Speaks::Legacy => "refused",
            Speaks::Modern => "input-required",
        };
        assert_eq!(outcome, expected);

        let done = Browser::default().connect(&gateway, &address).await;
        assert!(done.body.contains("Connected"), "{}", done.body);
        let connected = gateway.entry("account/connected").await.opened;
        assert_eq!(connected.direction, "gateway");
        assert_eq!(connected.principal.as_deref(), Some("local"));
        assert_eq!(connected.server.as_deref(), Some("papers"));

        // A modern host brings its answer along, which the server never sees.
        let params = json!({
            "name": "search", "arguments": {},
            "inputResponses": {"io.portcullis/sign-in": {"action": "accept"}},
        });
        let reply = match speaks {
            Speaks::Legacy => search(&caller).await,
            Speaks::Modern => caller.call("tools/call", &params.to_string()).await,
        };
        assert_eq!(reply.reason(), "", "{}", reply.body);
        let called = gateway.server("papers").last("tools/call");
        assert_eq!(
            claims(shown(&called))["aud"],
            gateway.server("papers").url()
        );
        assert!(!called.body.contains("io.portcullis"), "{}", called.body);
        finish(gateway, &[SECRET]).await;
    }
}

#[tokio::test]
async fn a_legacy_host_hears_that_its_user_is_done() {
    let provider = provider().await;
    let secret = kept(SECRET);
    let gateway = granting(&provider, &secret, Speaks::Legacy).start().await;
    let caller = gateway.able(Speaks::Legacy, PAGES).await;
    let reply = search(&caller).await;
    let id = {
        let body: Value = serde_json::from_str(&reply.body).unwrap();
        body["error"]["data"]["elicitations"][0]["elicitationId"].clone()
    };
    let mut stream = gateway
        .http("GET", "/mcp/main")
        .header("mcp-session-id", caller.session().unwrap())
        .header("mcp-protocol-version", "2025-11-25")
        .header("accept", "text/event-stream")
        .open()
        .await;
    let address = page(Speaks::Legacy, &reply);
    Browser::default().connect(&gateway, &address).await;
    let told = loop {
        let event = stream.json().await;
        if event["method"] == "notifications/elicitation/complete" {
            break event;
        }
    };
    assert_eq!(told["params"]["elicitationId"], id);
    drop(stream);
    finish(gateway, &[SECRET]).await;
}

#[tokio::test]
async fn a_host_that_cannot_be_asked_is_told_the_address() {
    for speaks in Speaks::BOTH {
        let provider = provider().await;
        let secret = kept(SECRET);
        let gateway = granting(&provider, &secret, speaks).start().await;
        let caller = gateway.able(speaks, "{}").await;
        let reply = search(&caller).await;
        assert_eq!(reply.reason(), "sign-in-needed", "{}", reply.body);
        let body: Value = serde_json::from_str(&reply.body).unwrap();
        let address = body["error"]["data"]["url"].as_str().unwrap();
        let text = body["error"]["message"].as_str().unwrap();
        assert!(text.contains(address), "{text}");
        let done = Browser::default().connect(&gateway, address).await;
        assert!(done.body.contains("Connected"), "{}", done.body);
        assert_eq!(search(&caller).await.reason(), "");
        finish(gateway, &[SECRET]).await;
    }
}

#[tokio::test]
async fn a_user_who_says_no_is_not_asked_again_at_once() {
    let provider = provider().await;
    let secret = kept(SECRET);
    let gateway = granting(&provider, &secret, Speaks::Modern).start().await;
    let caller = gateway.able(Speaks::Modern, PAGES).await;
    for action in ["decline", "cancel"] {
        let params = json!({
            "name": "search", "arguments": {},
            "inputResponses": {"io.portcullis/sign-in": {"action": action}},
        });
        let reply = caller.call("tools/call", &params.to_string()).await;
        assert_eq!(reply.reason(), "sign-in-needed", "{}", reply.body);
    }
    finish(gateway, &[SECRET]).await;
}

/// One server that its user has to sign in at does not take the others along, and says what it lacks.
#[tokio::test]
async fn lists_leave_the_server_out_until_the_user_is_there() {
    for speaks in Speaks::BOTH {
        let provider = provider().await;
        let secret = kept(SECRET);
        let gateway = granting(&provider, &secret, speaks)
            .server("open", portcullis_testkit::Script::of(speaks).tool("look"))
            .section("profiles.main", "servers = [\"papers\", \"open\"]")
            .section("profiles.alone", "servers = [\"papers\"]")
            .start()
            .await;
        let caller = gateway.able(speaks, PAGES).await;
        assert_eq!(caller.list("tools/list").await, ["open__look"]);
        let closed = gateway.entry("tools/list").await.closed.unwrap();
        assert_eq!(closed.outcome, "ok");
        assert_eq!(closed.reason.as_deref(), Some("sign-in-needed"));
        let alone = gateway.caller(speaks, "/mcp/alone", &[]).await;
        assert!(alone.list("tools/list").await.is_empty());

        let reply = caller.tool("papers__search", "{}").await;
        let address = page(speaks, &reply);
        Browser::default().connect(&gateway, &address).await;
        let names = caller.list("tools/list").await;
        assert_eq!(names, ["papers__search", "open__look"]);
        let closed = gateway.entry("tools/list").await.closed.unwrap();
        assert_eq!(closed.reason, None);
        gateway.finish().await;
    }
}

#[tokio::test]
async fn another_person_cannot_use_the_link() {
    let provider = provider().await;
    let secret = kept(SECRET);
    let gateway = granting(&provider, &secret, Speaks::Modern)
        .key("bob", "the-key-of-bob", "")
        .start()
        .await;
    let headers = [("authorization", "Bearer the-key-of-bob")];
    let mut bob = gateway.stranger(Speaks::Modern, "/mcp/main", &headers);
    bob.declare(PAGES);
    let address = page(Speaks::Modern, &search(&bob).await);
    // The browser on this machine is that of the user `local`.
    let path = address.strip_prefix(BASE).unwrap();
    let opened = Browser::default().get(&gateway, path).await;
    assert_eq!(opened.status, 400, "{}", opened.body);
    let refused = gateway.entry("front/refused").await.closed.unwrap();
    assert_eq!(refused.outcome, "refused");
    assert_eq!(refused.reason.as_deref(), Some("connect-other-person"));
    finish(gateway, &["the-key-of-bob", SECRET]).await;
}

#[tokio::test]
async fn a_revoked_user_is_not_called_for_any_more() {
    let provider = provider().await;
    let secret = kept(SECRET);
    let gateway = granting(&provider, &secret, Speaks::Legacy).start().await;
    let caller = gateway.able(Speaks::Legacy, PAGES).await;
    let address = page(Speaks::Legacy, &search(&caller).await);
    Browser::default().connect(&gateway, &address).await;
    assert_eq!(search(&caller).await.reason(), "");
    let server = gateway.server("papers");
    eventually("the server's stream is open", async || {
        (server.streams() > 0).then_some(())
    })
    .await;
    let revocation = Revocation {
        kind: RevocationKind::User,
        key: "local".to_owned(),
        at_us: i64::try_from(super::scene::now()).unwrap() * 1_000_000,
        reason: String::new(),
        by: "tester".to_owned(),
        expires_us: None,
    };
    gateway.store().revoke(&revocation).await.unwrap();
    eventually("the user is not believed", async || {
        (search(&caller).await.status == 401).then_some(())
    })
    .await;
    // Nothing of the user's is left open at the server.
    eventually("the stream has ended", async || {
        (server.streams() == 0).then_some(())
    })
    .await;
    finish(gateway, &[SECRET]).await;
}
