use portcullis_mcp::ProtocolVersion;

use super::*;
use crate::fixture::{parse, peer, request};

#[test]
fn a_ping_is_answered() {
    let (peer, mut replies) = peer("{}");
    assert!(take(&peer, request("\"p-1\"", "ping")).is_none());
    let pong = parse(&replies.try_recv().unwrap());
    assert_eq!((pong.id(), pong.result()), (Some("\"p-1\""), Some("{}")));
    assert_eq!(peer.discards.read().requests, 0);
}

#[test]
fn only_what_was_declared_is_passed_on() {
    let check = |declared: &str, method: &str, passed: bool| {
        let (peer, mut replies) = peer(declared);
        let taken = take(&peer, request("1.0", method));
        assert_eq!(taken.is_some(), passed, "{declared} {method}");
        let Some(parcel) = taken else {
            let answer = parse(&replies.try_recv().unwrap());
            assert_eq!(answer.id(), Some("1.0"));
            assert_eq!(answer.error().unwrap().code, codes::METHOD_NOT_FOUND);
            return;
        };
        assert_eq!(parcel.request_id(), Some("1.0"));
        assert_eq!(parcel.open().method_name(), Some(method));
        assert!(replies.try_recv().is_err(), "the caller answers");
    };
    for method in ["sampling/createMessage", "elicitation/create", "roots/list"] {
        check("{}", method, false);
        check(
            r#"{"sampling":{},"elicitation":{},"roots":{}}"#,
            method,
            true,
        );
    }
    check(r#"{"sampling":{}}"#, "sampling/createMessage", true);
    check(r#"{"sampling":{}}"#, "elicitation/create", false);
    check(
        r#"{"roots":{"listChanged":true}}"#,
        "elicitation/create",
        false,
    );
    check(r#"{"roots":{"listChanged":true}}"#, "roots/list", true);
    check(
        r#"{"tasks":{},"tasks/get":{},"vendor":{}}"#,
        "tasks/get",
        false,
    );
    check(r#"{"vendor/x":{}}"#, "vendor/x", false);
}

#[test]
fn what_nobody_takes_is_answered() {
    let (peer, mut replies) = peer(r#"{"roots":{}}"#);
    drop(take(&peer, request("7", "roots/list")).unwrap());
    let answer = parse(&replies.try_recv().unwrap());
    assert_eq!(answer.id(), Some("7"));
    assert_eq!(answer.error().unwrap().code, codes::INTERNAL_ERROR);
    assert_eq!(peer.discards.read().requests, 1);
    assert!(replies.try_recv().is_err(), "once");
}

#[test]
fn a_modern_server_gets_no_answer() {
    let (peer, mut replies) = peer(r#"{"roots":{}}"#);
    peer.agree(ProtocolVersion::LATEST);
    for method in ["ping", "roots/list", "vendor/x"] {
        assert!(take(&peer, request("1", method)).is_none(), "{method}");
    }
    assert!(replies.try_recv().is_err());
    assert_eq!(peer.discards.read().requests, 3);
}

#[test]
fn a_long_id_is_not_repeated() {
    let (peer, mut replies) = peer(r#"{"roots":{}}"#);
    let id = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    assert!(take(&peer, request(&id(MAX_ID), "roots/list")).is_some());
    assert!(replies.try_recv().is_ok(), "dropped, so answered");
    assert!(take(&peer, request(&id(MAX_ID + 1), "roots/list")).is_none());
    assert!(take(&peer, request(&id(MAX_ID + 1), "ping")).is_none());
    assert!(replies.try_recv().is_err());
    assert_eq!(peer.discards.read().malformed, 2);
}
