use futures_util::FutureExt;

use super::*;
use crate::UpstreamError;
use crate::fixture::{asked, notification, peer, refusals};

fn now(loose: &mut Loose) -> Option<Arc<Message>> {
    loose.next().now_or_never()?
}

#[test]
fn every_reader_gets_a_notification() {
    let (peer, _replies) = peer("{}");
    assert!(!peer.loose.announce(notification("{}")));
    let mut readers = [
        peer.loose.join(&peer, Hears::Everything),
        peer.loose.join(&peer, Hears::Everything),
    ];
    assert!(peer.loose.announce(notification(r#"{"data":1}"#)));
    for reader in &mut readers {
        assert_eq!(now(reader).unwrap().params(), Some(r#"{"data":1}"#));
        assert!(now(reader).is_none());
    }
    drop(readers);
    assert!(!peer.loose.announce(notification("{}")));
}

#[test]
fn one_reader_gets_a_request_and_answers_it() {
    let (peer, mut replies) = peer("{}");
    let mut first = peer.loose.join(&peer, Hears::Everything);
    let mut latest = peer.loose.join(&peer, Hears::Everything);
    peer.loose.ask(asked("1", &peer));
    assert!(now(&mut first).is_none());
    assert_eq!(now(&mut latest).unwrap().id(), Some("1"));
    drop(latest);
    peer.loose.ask(asked("2", &peer));
    assert_eq!(now(&mut first).unwrap().id(), Some("2"));
    drop(first);
    assert_eq!(refusals(&mut replies), []);
}

#[test]
fn a_reader_of_notifications_is_given_no_request() {
    let (peer, mut replies) = peer("{}");
    let mut asked_first = peer.loose.join(&peer, Hears::Everything);
    let mut hearer = peer.loose.join(&peer, Hears::Notifications);
    peer.loose.ask(asked("1", &peer));
    assert!(now(&mut hearer).is_none());
    assert_eq!(now(&mut asked_first).unwrap().id(), Some("1"));
    drop(asked_first);
    peer.loose.ask(asked("2", &peer));
    assert_eq!(refusals(&mut replies), [("2".to_owned(), -32601)]);
    assert!(peer.loose.announce(notification("{}")));
    assert!(now(&mut hearer).is_some());
}

#[test]
fn a_request_that_nobody_can_take_is_answered() {
    let (peer, mut replies) = peer("{}");
    peer.loose.ask(asked("1", &peer));
    assert_eq!(refusals(&mut replies), [("1".to_owned(), -32601)]);
    let reader = peer.loose.join(&peer, Hears::Everything);
    peer.loose.ask(asked("2", &peer));
    drop(reader);
    assert_eq!(refusals(&mut replies), [("2".to_owned(), -32603)]);
}

#[test]
fn a_slow_reader_loses_the_oldest() {
    let (peer, mut replies) = peer("{}");
    let mut reader = peer.loose.join(&peer, Hears::Everything);
    peer.loose.ask(asked("1", &peer));
    for number in 0..MAX_MESSAGES + 9 {
        let params = format!(r#"{{"data":{number}}}"#);
        peer.loose.announce(notification(&params));
    }
    assert_eq!(refusals(&mut replies), [("1".to_owned(), -32603)]);
    assert_eq!(reader.missed(), 10);
    assert_eq!(reader.missed(), 0);
    assert_eq!(now(&mut reader).unwrap().params(), Some(r#"{"data":9}"#));
    let left = std::iter::from_fn(|| now(&mut reader)).count();
    assert_eq!(left, MAX_MESSAGES - 1);
}

#[test]
fn the_bytes_are_bounded() {
    let (peer, _replies) = peer("{}");
    let mut reader = peer.loose.join(&peer, Hears::Everything);
    let large = format!(r#"{{"data":"{}"}}"#, "x".repeat(peer.limits.max_bytes / 3));
    for _ in 0..10 {
        peer.loose.announce(notification(&large));
    }
    assert_eq!(std::iter::from_fn(|| now(&mut reader)).count(), 2);
    assert_eq!(reader.missed(), 8);
}

#[test]
fn a_request_can_be_withdrawn() {
    let (peer, mut replies) = peer("{}");
    assert!(!peer.loose.withdraw("1", notification("{}")));
    let mut reader = peer.loose.join(&peer, Hears::Everything);
    peer.loose.ask(asked("1", &peer));
    peer.loose.ask(asked("2", &peer));
    assert!(peer.loose.withdraw("1", notification("{}")));
    assert_eq!(now(&mut reader).unwrap().id(), Some("2"));
    assert!(now(&mut reader).is_none());
    // One that was read is announced.
    assert!(peer.loose.withdraw("2", notification("{}")));
    assert!(now(&mut reader).is_some());
    drop(reader);
    assert_eq!(refusals(&mut replies), []);
}

#[tokio::test]
async fn the_end_of_the_connection_is_the_end() {
    let (peer, _replies) = peer("{}");
    let mut reader = peer.loose.join(&peer, Hears::Everything);
    assert!(reader.next().now_or_never().is_none());
    peer.loose.announce(notification("{}"));
    peer.lifeline.end(UpstreamError::Closed);
    assert!(reader.next().await.is_some(), "what came before is read");
    assert!(reader.next().await.is_none());
}
