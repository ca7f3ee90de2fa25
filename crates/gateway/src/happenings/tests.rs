use std::net::{IpAddr, Ipv4Addr};

use super::*;

fn key() -> vault::CredentialKey {
    vault::CredentialKey {
        tenant: "t1".to_owned(),
        principal: "company:t1/ada".to_owned(),
        server: "papers".to_owned(),
        issuer: "https://as.example".to_owned(),
        kind: "user-grant".to_owned(),
    }
}

#[track_caller]
fn check(happening: Happening, method: &str, outcome: &str, reason: Option<&str>) {
    let records = fact(&happening).unwrap().records();
    let [AuditRecord::Opened(opened), AuditRecord::Closed(closed)] = records.as_slice() else {
        panic!("{records:?}");
    };
    assert_eq!(opened.entry, closed.entry);
    let told = (opened.direction.as_str(), opened.method.as_str());
    assert_eq!(told, ("gateway", method));
    let told = (closed.outcome.as_str(), closed.reason.as_deref());
    assert_eq!(told, (outcome, reason), "{method}");
}

fn renewal(event: vault::Event) -> Happening {
    let server = "papers".to_owned();
    Happening::Broker(broker::Event::Renewal { server, event })
}

#[test]
fn each_happening_has_a_record() {
    let connected = broker::Event::Connected {
        key: key(),
        scopes: Vec::new(),
    };
    check(
        Happening::Broker(connected),
        "account/connected",
        "ok",
        None,
    );
    let reused = vault::Event::Reused {
        id: "1".to_owned(),
        key: key(),
        how: vault::Reuse::Presented,
    };
    let replayed = Some("refresh-token-replayed");
    check(renewal(reused), "credential/reused", "refused", replayed);
    let changed = broker::Event::IssuerChanged {
        server: "papers".to_owned(),
        expected: "https://as.example".to_owned(),
        named: vec!["https://evil.example".to_owned()],
    };
    let reason = Some("issuer-changed");
    check(
        Happening::Broker(changed),
        "server/issuer-changed",
        "refused",
        reason,
    );
    let refused = front::Event {
        kind: front::EventKind::Refused("connect-other-person"),
        peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        issuer: None,
        client: None,
        subject: None,
        reference: None,
    };
    let reason = Some("connect-other-person");
    check(
        Happening::Front(refused),
        "front/refused",
        "refused",
        reason,
    );
}

#[test]
fn what_is_only_delayed_has_none() {
    let delayed = vault::Event::Delayed {
        id: "1".to_owned(),
        key: key(),
        retry_us: 0,
    };
    assert!(fact(&renewal(delayed)).is_none());
}

#[tokio::test]
async fn too_many_are_logged_and_lose_their_record_only() {
    let (happenings, mut attended) = channel();
    for _ in 0..=WAITING {
        happenings.of_broker(broker::Event::ScopeRefused {
            server: "papers".to_owned(),
        });
    }
    let mut count = 0;
    while attended.0.try_recv().is_ok() {
        count += 1;
    }
    assert_eq!(count, WAITING);
}
