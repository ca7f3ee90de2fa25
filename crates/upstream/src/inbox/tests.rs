use futures_util::FutureExt;
use portcullis_mcp::Kind;

use super::*;
use crate::fixture::{asked, notification, parse, peer, refusals};

fn now(inbox: &Inbox) -> Option<Parcel> {
    inbox.pop().now_or_never()?.map(Result::unwrap)
}

#[test]
fn requests_are_bounded_and_the_rest_is_answered() {
    let (peer, mut replies) = peer("{}");
    let inbox = Inbox::new(peer.limits.max_bytes);
    for number in 0..MAX_REQUESTS + 5 {
        let queued = inbox.push(asked(&number.to_string(), &peer));
        assert_eq!(queued, number < MAX_REQUESTS);
    }
    assert!(inbox.push(notification("{}").into()), "others have room");
    let refused = refusals(&mut replies);
    assert_eq!(refused.len(), 5);
    assert_eq!(refused.first(), Some(&(MAX_REQUESTS.to_string(), -32603)));
    assert_eq!(now(&inbox).unwrap().open().id(), Some("0"));
    assert!(inbox.push(asked("\"again\"", &peer)), "there is room again");
}

#[test]
fn what_is_left_is_answered_when_the_inbox_closes() {
    let (peer, mut replies) = peer("{}");
    let inbox = Inbox::new(1_000);
    inbox.push(asked("1", &peer));
    inbox.push(asked("2", &peer));
    inbox.push(notification("{}").into());
    now(&inbox).unwrap().open();
    inbox.close();
    assert_eq!(refusals(&mut replies), [("2".to_owned(), -32603)]);
    assert!(!inbox.push(asked("3", &peer)));
    assert_eq!(refusals(&mut replies), [("3".to_owned(), -32603)]);
    assert!(now(&inbox).is_none());
}

#[test]
fn a_request_is_withdrawn_before_it_is_read_and_announced_after() {
    let (peer, mut replies) = peer("{}");
    let inbox = Inbox::new(1_000);
    let cancelled = notification("{}");
    assert!(!inbox.withdraw("1", &cancelled));
    inbox.push(asked("1", &peer));
    inbox.push(asked("2", &peer));
    assert!(inbox.withdraw("1", &cancelled));
    assert_eq!(now(&inbox).unwrap().open().id(), Some("2"));
    assert!(inbox.withdraw("2", &cancelled));
    let told = now(&inbox).unwrap().open();
    assert_eq!(told.kind(), Kind::Notification);
    assert!(!inbox.withdraw("3", &cancelled));
    assert_eq!(refusals(&mut replies), []);
}

#[test]
fn the_answer_comes_last_and_has_its_place() {
    let (peer, _replies) = peer("{}");
    let inbox = Inbox::new(1_000);
    let answer = || parse(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    while inbox.push(notification(r#"{"data":"0123456789"}"#).into()) {}
    inbox.finish(Ok(answer()));
    inbox.finish(Err(UpstreamError::Closed));
    assert!(!inbox.push(asked("1", &peer)));
    let read: Vec<Kind> = std::iter::from_fn(|| now(&inbox))
        .map(|parcel| parcel.open().kind())
        .collect();
    assert!(read.len() > 5);
    assert_eq!(
        read.iter().filter(|kind| **kind == Kind::Response).count(),
        1
    );
    assert_eq!(read.last(), Some(&Kind::Response));
}
