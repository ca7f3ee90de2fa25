//! What is connected on the command line is what the gateway finds for who calls.

use portcullis_lab::entra::sample::{self, ADA, CONTOSO, GATEWAY, HOST};
use portcullis_lab::entra::{EntraLab, EntraSettings};
use portcullis_lab::identity_provider::IdentityProvider;
use portcullis_testkit::{Script, ScriptedServer};
use serde_json::json;

use super::{connect, settings};
use crate::binary::eventually;
use crate::http;
use crate::sign_in::world::{PROFILE, World};

/// The answer to a call of the tool by whoever has this token.
fn call(world: &World, token: &str) -> String {
    let params = json!({
        "name": "search",
        "arguments": {},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    });
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let (body, address) = (call.to_string(), world.address());
    let request = format!(
        "POST /mcp/{PROFILE} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Authorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n\
         Mcp-Method: tools/call\r\nMcp-Name: search\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    http::send(&address, &request).body
}

#[test]
fn an_account_is_found_for_the_user_who_calls() {
    let world = World::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let entra = EntraSettings {
        tenants: sample::tenants(),
        ..EntraSettings::default()
    };
    let (provider, entra, crm) = runtime.block_on(async {
        (
            IdentityProvider::start(settings()).await.unwrap(),
            EntraLab::start(entra).await.unwrap(),
            ScriptedServer::start(Script::modern().tool("search")).await,
        )
    });
    world.place.write("secret", "lab-provider-secret");
    let text = format!(
        "[listen]\naddress = \"{address}\"\npublic-url = \"{base}\"\n\
         [registry]\nmode = \"trust-on-first-use\"\n\
         [authn.issuers.idp]\nkind = \"oidc\"\nissuer = \"{issuer}\"\n\
         [authn.issuers.company]\nkind = \"entra\"\ntenant = \"{CONTOSO}\"\nauthority-url = \"{entra}\"\n\
         audiences = [\"{GATEWAY}\"]\n\
         [servers.crm]\nurl = \"{crm}\"\n\
         [servers.crm.auth]\nkind = \"user-grant\"\nissuer = \"{issuer}\"\nscopes = [\"crm.read\"]\n\
         client-id = \"portcullis\"\nclient-secret = \"file:secret\"\n\
         [profiles.{PROFILE}]\nservers = [\"crm\"]\n",
        address = world.address(),
        base = world.base(),
        issuer = provider.issuer(),
        entra = entra.base_url(),
        crm = crm.url(),
    );
    world.place.write("portcullis.toml", &text);
    let _gateway = world.serve();

    let scope = format!("api://{GATEWAY}/tools.read");
    let claims = entra.user_claims(ADA, HOST, &scope).unwrap();
    let object = claims["oid"].as_str().unwrap();
    for (token, user, name) in [
        (
            provider
                .mint("editor", "tools.read", Some(&world.url()))
                .unwrap(),
            "idp:ada".to_owned(),
            "idp:ada".to_owned(),
        ),
        (
            entra.mint(&claims).unwrap(),
            // The tenant follows from the configuration, and ids are lower case.
            format!("company:{}", object.to_uppercase()),
            format!("company:{CONTOSO}/{object}"),
        ),
    ] {
        let before = call(&world, &token);
        assert!(before.contains("sign-in-needed"), "{before}");
        // The trail reaches the database a moment later.
        eventually("the user is on record", || {
            let seen = world.place.trail(&["--principal", &name]);
            (!seen.is_empty()).then_some(())
        });
        let said = connect(&world.place, &["crm", "--user", &user]);
        assert!(said.contains(&format!("Connects {name} to crm")), "{said}");
        assert!(!said.contains("warning"), "{said}");
        let calls = crm.calls("tools/call").len();
        let after = call(&world, &token);
        assert!(after.contains("\"text\":\"done\""), "{after}");
        assert_eq!(crm.calls("tools/call").len(), calls + 1);
        let shown = crm.last("tools/call");
        let shown = shown.header("authorization").unwrap();
        assert!(!shown.contains(&token), "the caller's own token");
    }

    // A name that nobody ever had is connected, and it is said how names are written.
    let said = connect(&world.place, &["crm", "--user", "ada"]);
    assert!(said.contains("nobody called ada was ever here"), "{said}");
    assert!(said.contains("a user of idp is `idp:SUBJECT`"), "{said}");
    assert!(
        said.contains("a user of company is `company:TENANT/OBJECT`"),
        "{said}"
    );
    runtime.shutdown_background();
}
