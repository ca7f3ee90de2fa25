//! Tokens that are bound to a key (DPoP), at a server that checks every proof as the gateway itself
//! checks those of hosts.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_lab::identity_provider::{
    IdentityProvider, Proofs, ProviderClient, ProviderSettings,
};
use portcullis_testkit::{Received, ScriptedServer, Speaks, eventually};
use portcullis_token::dpop::{ALGORITHMS, ProofExpected, verify};
use serde_json::Value;

use super::scene::{BASE, SECRET, builder, call, kept, now, token};

async fn binding() -> IdentityProvider {
    let settings = ProviderSettings {
        clients: vec![ProviderClient {
            id: "gateway".to_owned(),
            secret: Some(SECRET.to_owned()),
            redirect_uris: vec![format!("{BASE}/connect/callback")],
            ..ProviderClient::default()
        }],
        proofs: Some(Proofs {
            required: true,
            nonce: Some("as-nonce".to_owned()),
        }),
        ..ProviderSettings::default()
    };
    IdentityProvider::start(settings).await.unwrap()
}

/// What a server that takes bound tokens only makes of its requests.
#[derive(Default)]
struct Judged {
    nonce: Mutex<String>,
    /// Requests that were let in, by verb and method.
    passed: Mutex<Vec<String>>,
    /// Whoever comes without the nonce of now.
    sent_back: Mutex<usize>,
    faults: Mutex<Vec<String>>,
    used: Mutex<HashSet<String>>,
}

impl Judged {
    fn wants(&self, nonce: &str) {
        nonce.clone_into(&mut self.nonce.lock().unwrap());
    }

    /// Lets it in, or says with what challenge it is refused.
    fn judge(&self, url: &str, received: &Received) -> Option<&'static str> {
        let Some(authorization) = received.header("authorization") else {
            return Some("DPoP algs=\"ES256\"");
        };
        let proofs = received.headers.iter().filter(|(name, _)| name == "dpop");
        let proofs: Vec<&str> = proofs.map(|(_, value)| value.as_str()).collect();
        let (Some(token), [proof]) = (authorization.strip_prefix("DPoP "), proofs.as_slice())
        else {
            self.fault(received, "no bound token with one proof");
            return Some("DPoP error=\"invalid_token\"");
        };
        let expected = ProofExpected {
            method: &received.verb,
            url,
            algorithms: &ALGORITHMS,
            now: now(),
            max_age: 60,
            skew: 10,
            nonces: None,
        };
        match verify(proof, token, &expected) {
            Ok(proof) if claims(token)["cnf"]["jkt"] != proof.key_thumbprint() => {
                self.fault(received, "another key");
            }
            Ok(proof) if !self.used.lock().unwrap().insert(proof.id().to_owned()) => {
                self.fault(received, "a used proof");
            }
            Ok(_) => {}
            Err(rejection) => self.fault(received, rejection.code()),
        }
        if claims(proof)["nonce"].as_str().unwrap_or_default() != *self.nonce.lock().unwrap() {
            *self.sent_back.lock().unwrap() += 1;
            return Some("DPoP error=\"use_dpop_nonce\"");
        }
        let of = format!("{} {}", received.verb, received.method);
        self.passed.lock().unwrap().push(of.trim().to_owned());
        None
    }

    fn fault(&self, received: &Received, fault: &str) {
        let of = format!("{} {}: {fault}", received.verb, received.method);
        self.faults.lock().unwrap().push(of);
    }

    fn passed(&self) -> Vec<String> {
        self.passed.lock().unwrap().clone()
    }
}

fn claims(jwt: &str) -> Value {
    let payload = jwt.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn guarded(server: &ScriptedServer) -> Arc<Judged> {
    let judged = Arc::new(Judged::default());
    judged.wants("rs-1");
    let (judge, url) = (Arc::clone(&judged), server.url());
    server.guard(move |received| {
        let challenge = judge.judge(&url, received)?.to_owned();
        let nonce = judge.nonce.lock().unwrap().clone();
        Some((
            401,
            vec![("www-authenticate", challenge), ("dpop-nonce", nonce)],
        ))
    });
    judged
}

#[tokio::test]
async fn every_request_proves_possession_with_the_servers_nonce() {
    for speaks in Speaks::BOTH {
        let provider = binding().await;
        let secret = kept(SECRET);
        let auth = format!(
            "kind = \"client-credentials\"\nissuer = \"{}\"\nscopes = [\"papers.read\"]\n\
             client-id = \"gateway\"\nclient-secret = \"{}\"",
            provider.issuer(),
            secret.reference
        );
        let ada = token(&provider, "ada", "1");
        // A call that was sent twice has one entry, which the usual end of a test does not know.
        let gateway = builder(&provider, &secret, speaks, &auth)
            .canary(&ada)
            .without("audit")
            .start()
            .await;
        let judged = guarded(gateway.server("papers"));
        let reply = call(&gateway, speaks, &ada).await;
        assert_eq!(reply.reason(), "", "{}", reply.body);
        // The first request learned the nonce; the call had it at once.
        assert_eq!(gateway.server("papers").calls("tools/call").len(), 1);
        let before = *judged.sent_back.lock().unwrap();
        assert!(before >= 1);

        judged.wants("rs-2");
        let reply = call(&gateway, speaks, &ada).await;
        assert_eq!(reply.reason(), "", "{}", reply.body);
        let sent_back = *judged.sent_back.lock().unwrap() - before;
        assert!(sent_back >= 1, "{sent_back}");
        if speaks == Speaks::Legacy {
            eventually(
                "the server's stream is asked for with a proof",
                async || judged.passed().contains(&"GET".to_owned()).then_some(()),
            )
            .await;
        }
        let server = gateway.server("papers").clone();
        gateway.finish().await;
        if speaks == Speaks::Legacy {
            eventually("the session is ended with a proof", async || {
                judged.passed().contains(&"DELETE".to_owned()).then_some(())
            })
            .await;
        }
        let calls = judged.passed();
        let calls = calls.iter().filter(|of| *of == "POST tools/call");
        assert_eq!(calls.count(), 2);
        assert_eq!(*judged.faults.lock().unwrap(), Vec::<String>::new());
        for received in server.received() {
            let shown = received.header("authorization").unwrap_or("DPoP ");
            assert!(shown.starts_with("DPoP "), "{received:?}");
        }
        let logged = super::logs::logged();
        assert!(!logged.contains("dpop+jwt") && !logged.contains("eyJ0eXAiOiJkcG9w"));
    }
}

/// A server that is never content gets one repetition, and the host hears that it was refused.
#[tokio::test]
async fn a_server_that_wants_ever_new_nonces_is_given_up() {
    let provider = binding().await;
    let secret = kept(SECRET);
    let auth = format!(
        "kind = \"client-credentials\"\nissuer = \"{}\"\nscopes = [\"papers.read\"]\n\
         client-id = \"gateway\"\nclient-secret = \"{}\"",
        provider.issuer(),
        secret.reference
    );
    let ada = token(&provider, "ada", "1");
    let gateway = builder(&provider, &secret, Speaks::Modern, &auth)
        .canary(&ada)
        .without("audit")
        .start()
        .await;
    let server = gateway.server("papers");
    let judged = guarded(server);
    assert_eq!(call(&gateway, Speaks::Modern, &ada).await.reason(), "");
    let count = Mutex::new(0);
    server.guard(move |received| {
        if received.method != "tools/call" {
            return None;
        }
        let mut count = count.lock().unwrap();
        *count += 1;
        let challenge = "DPoP error=\"use_dpop_nonce\"".to_owned();
        let nonce = format!("new-{count}");
        Some((
            401,
            vec![("www-authenticate", challenge), ("dpop-nonce", nonce)],
        ))
    });
    let before = server.calls("tools/call").len();
    let reply = call(&gateway, Speaks::Modern, &ada).await;
    assert_eq!(reply.reason(), "upstream-unavailable", "{}", reply.body);
    assert_eq!(server.calls("tools/call").len() - before, 2);
    let nonces: Vec<Value> = server.calls("tools/call")[before..]
        .iter()
        .map(|received| claims(received.header("dpop").unwrap())["nonce"].clone())
        .collect();
    assert_eq!(nonces, ["rs-1", "new-1"]);
    assert_eq!(*judged.faults.lock().unwrap(), Vec::<String>::new());
    gateway.finish().await;
}
