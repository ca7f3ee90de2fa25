//! What happens besides messages: accounts are connected, tokens are renewed or misused, somebody
//! signs in at the front door.
//!
//! Each is logged where it happens, alarms as errors, and has a record of its own in the trail:
//! direction `gateway`, the method says what happened.

use std::sync::{Arc, Weak};

use portcullis_broker as broker;
use portcullis_front as front;
use portcullis_mcp::json::quote;
use portcullis_store::{AuditRecord, Closed, Opened};
use portcullis_vault as vault;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::clock;
use crate::digest::sha256;
use crate::gateway::Gateway;
use crate::registry::{Property, Seen};

/// How many wait for their record. What is more is logged only.
const WAITING: usize = 4096;

/// Something that happened.
pub(crate) enum Happening {
    Broker(broker::Event),
    Front(front::Event),
}

/// Takes what happens, from whatever task it happens in.
#[derive(Clone)]
pub(crate) struct Happenings(mpsc::Sender<Happening>);

/// The end at which they are attended to.
pub(crate) struct Attended(mpsc::Receiver<Happening>);

pub(crate) fn channel() -> (Happenings, Attended) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Happenings(sender), Attended(receiver))
}

impl Happenings {
    pub(crate) fn of_broker(&self, event: broker::Event) {
        log_broker(&event);
        self.hand_on(Happening::Broker(event));
    }

    pub(crate) fn of_front(&self, event: front::Event) {
        log_front(&event);
        self.hand_on(Happening::Front(event));
    }

    fn hand_on(&self, happening: Happening) {
        if self.0.try_send(happening).is_err() {
            tracing::error!("what happened has no record in the audit trail: too much happens");
        }
    }
}

/// Records what happens, and does what follows from it, as long as there is a gateway.
pub(crate) async fn attend(gateway: Weak<Gateway>, mut attended: Attended) {
    while let Some(happening) = attended.0.recv().await {
        let Some(gateway) = gateway.upgrade() else {
            return;
        };
        if let Some(fact) = fact(&happening)
            && gateway.snapshot().config().controls.audit
            && let Err(error) = gateway.trail().soon(fact.records())
        {
            tracing::error!(%error, "what happened could not be handed to the trail");
        }
        follow(&gateway, &happening).await;
    }
}

async fn follow(gateway: &Gateway, happening: &Happening) {
    match happening {
        Happening::Broker(broker::Event::Connected { key, .. }) => {
            gateway.servers().connected(&key.server, &key.principal);
            gateway.elicited().complete(&key.server, &key.principal);
        }
        Happening::Broker(broker::Event::IssuerChanged {
            server,
            expected,
            named,
        }) if gateway.snapshot().config().controls.server_identity => {
            hold(gateway, server, expected, named).await;
        }
        _ => {}
    }
}

/// A server with another authorization server than its own may be another server.
async fn hold(gateway: &Gateway, server: &str, expected: &str, named: &[String]) {
    let others: Vec<String> = named.iter().map(|issuer| quote(issuer)).collect();
    let text = format!(
        "{{\"expected\":{},\"named\":[{}]}}",
        quote(expected),
        others.join(",")
    );
    let seen = Seen {
        server: &Arc::from(server),
        property: Property::Issuer,
        hash: sha256(text.as_bytes()),
        text,
    };
    let note = "it names another authorization server";
    if let Err(error) = gateway.registry().hold(&seen, note).await {
        tracing::error!(server, %error, "that a server is another one could not be put on record");
    }
}

/// What the trail says.
#[derive(Default)]
struct Fact {
    method: &'static str,
    principal: Option<String>,
    server: Option<String>,
    issuer: Option<String>,
    target: Option<String>,
    remote: Option<String>,
    reason: Option<&'static str>,
}

impl Fact {
    fn records(self) -> Vec<AuditRecord> {
        let entry = Uuid::now_v7().simple().to_string();
        let at_us = clock::unix_micros();
        let outcome = match self.reason {
            Some(_) => "refused",
            None => "ok",
        };
        let opened = Opened {
            entry: entry.clone(),
            at_us,
            principal: self.principal,
            issuer: self.issuer,
            transport: "none".to_owned(),
            direction: "gateway".to_owned(),
            method: self.method.to_owned(),
            server: self.server,
            target: self.target,
            remote: self.remote,
            ..Opened::default()
        };
        let closed = Closed {
            entry,
            at_us,
            decision: "none".to_owned(),
            outcome: outcome.to_owned(),
            reason: self.reason.map(str::to_owned),
            ..Closed::default()
        };
        vec![AuditRecord::Opened(opened), AuditRecord::Closed(closed)]
    }
}

fn fact(happening: &Happening) -> Option<Fact> {
    match happening {
        Happening::Broker(event) => of_broker(event),
        Happening::Front(event) => Some(of_front(event)),
    }
}

fn of_broker(event: &broker::Event) -> Option<Fact> {
    use broker::Event;

    let about = |method, key: &vault::CredentialKey| Fact {
        method,
        principal: Some(key.principal.clone()).filter(|principal| !principal.is_empty()),
        server: Some(key.server.clone()),
        target: Some(key.issuer.clone()),
        ..Fact::default()
    };
    let of = |method, server: &str| Fact {
        method,
        server: Some(server.to_owned()),
        ..Fact::default()
    };
    Some(match event {
        Event::Renewal { event, .. } => {
            use vault::Event;
            match event {
                Event::Renewed { key, .. } => about("credential/renewed", key),
                Event::Ended { key, .. } => about("credential/ended", key),
                Event::Reused { key, .. } => Fact {
                    reason: Some("refresh-token-replayed"),
                    ..about("credential/reused", key)
                },
                Event::Refused { key, .. } => Fact {
                    reason: Some("client-refused"),
                    ..about("credential/refused", key)
                },
                Event::Lost { key, .. } => about("credential/lost", key),
                Event::Discarded { key, .. } => about("credential/discarded", key),
                // It is tried again, and nothing changed.
                _ => return None,
            }
        }
        Event::IssuerChanged { server, .. } => Fact {
            reason: Some("issuer-changed"),
            ..of("server/issuer-changed", server)
        },
        Event::IssuerBound { server, issuer } => Fact {
            target: Some(issuer.clone()),
            ..of("server/issuer-bound", server)
        },
        Event::Connected { key, .. } => about("account/connected", key),
        Event::Disconnected { key, .. } => about("account/disconnected", key),
        Event::SignInRefused { server, code } => Fact {
            server: server.clone(),
            reason: Some(code),
            ..of("account/refused", "")
        },
        Event::ScopeRefused { server } => Fact {
            reason: Some("scope-too-wide"),
            ..of("credential/scope-refused", server)
        },
        _ => return None,
    })
}

fn of_front(event: &front::Event) -> Fact {
    use front::EventKind as Is;

    let (method, reason) = match event.kind {
        Is::Refused(rule) => ("front/refused", Some(rule)),
        Is::ConsentGiven => ("front/consent-given", None),
        Is::ConsentDenied => ("front/consent-denied", None),
        Is::TokensIssued => ("front/tokens-issued", None),
        Is::TokensRefreshed => ("front/tokens-refreshed", None),
        Is::CodeReplayed => ("front/code-replayed", Some(event.kind.as_str())),
        Is::RefreshReplayed => ("front/refresh-replayed", Some(event.kind.as_str())),
        Is::Connected => ("front/account-connected", None),
        _ => ("front/other", None),
    };
    Fact {
        method,
        principal: event.subject.clone(),
        issuer: event.issuer.clone(),
        target: event.client.clone(),
        remote: Some(event.peer.to_string()),
        reason,
        ..Fact::default()
    }
}

fn log_broker(event: &broker::Event) {
    use broker::Event;

    match event {
        Event::Renewal { server, event } => log_renewal(server, event),
        Event::IssuerChanged {
            server,
            expected,
            named,
        } => {
            tracing::error!(
                server,
                expected,
                ?named,
                "a server names another authorization server than its own"
            );
        }
        Event::IssuerBound { server, issuer } => {
            tracing::warn!(
                server,
                issuer,
                "a server is bound to the authorization server that it names"
            );
        }
        Event::Connected { key, scopes } => {
            tracing::info!(
                server = key.server,
                principal = key.principal,
                issuer = key.issuer,
                ?scopes,
                "an account is connected"
            );
        }
        Event::Disconnected { key, at_server } => {
            tracing::info!(
                server = key.server,
                principal = key.principal,
                at_server,
                "an account is disconnected"
            );
        }
        Event::SignInRefused { server, code } => {
            tracing::warn!(server, code, "a sign-in at a server is refused");
        }
        Event::ScopeRefused { server } => {
            tracing::warn!(server, "a server asks for more scopes than it may get");
        }
        _ => {}
    }
}

fn log_renewal(server: &str, event: &vault::Event) {
    use vault::Event;

    match event {
        Event::Renewed { key, rotated, .. } => {
            tracing::debug!(
                server,
                principal = key.principal,
                rotated,
                "a token is renewed"
            );
        }
        Event::Ended { key, .. } => {
            tracing::info!(server, principal = key.principal, "a grant has ended");
        }
        Event::Reused { key, how, .. } => {
            tracing::error!(
                server,
                principal = key.principal,
                ?how,
                "a refresh token was used twice: somebody else may have it, and its grant is revoked"
            );
        }
        Event::Delayed { key, .. } => {
            tracing::warn!(
                server,
                principal = key.principal,
                "a token cannot be renewed now"
            );
        }
        Event::Refused { key, code, .. } => {
            tracing::error!(
                server,
                principal = key.principal,
                code,
                "the authorization server refuses the gateway"
            );
        }
        Event::Lost { key, .. } => {
            tracing::error!(
                server,
                principal = key.principal,
                "new tokens could not be stored"
            );
        }
        Event::Discarded { key, .. } => {
            tracing::info!(
                server,
                principal = key.principal,
                "new tokens of an ended grant are given back"
            );
        }
        _ => {}
    }
}

fn log_front(event: &front::Event) {
    let (kind, peer) = (event.kind.as_str(), event.peer);
    let (issuer, client) = (event.issuer.as_deref(), event.client.as_deref());
    let (subject, reference) = (event.subject.as_deref(), event.reference.as_deref());
    if event.kind.is_alarm() {
        tracing::error!(kind, %peer, issuer, client, subject, reference, "the front door raises an alarm");
    } else {
        tracing::info!(kind, %peer, issuer, client, subject, reference, "front door");
    }
}

#[cfg(test)]
mod tests;
