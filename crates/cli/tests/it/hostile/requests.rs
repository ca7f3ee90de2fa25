//! Clients that send what is no request: too large, too deep, too many, cut short, not theirs.

use std::io::Write;
use std::net::Shutdown;

use serde_json::{Value, json};

use super::figures;
use super::raw::{Post, Reply, connect, rest};
use super::scene::{ADA, BOB, Scene};

const PROFILE: &str = "stdio-modern";

/// Bodies that are refused, with their HTTP status and the reason.
#[test]
fn sends_what_is_no_message() {
    let scene = Scene::new();
    let elements = |element: &str| format!("[{}{element}]", format!("{element},").repeat(999_999));
    let bodies: [(&str, Vec<u8>, u16, &str); 12] = [
        ("nothing", Vec::new(), 400, "malformed-json"),
        (
            "a million numbers",
            elements("1").into(),
            400,
            "batch-not-supported",
        ),
        (
            "a million objects",
            elements("{}").into(),
            400,
            "batch-not-supported",
        ),
        (
            "a million brackets",
            "[".repeat(1_000_000).into(),
            400,
            // What looks like a batch is not even read where there are none.
            "batch-not-supported",
        ),
        (
            "a million braces",
            r#"{"a":"#.repeat(600_000).into(),
            400,
            "malformed-json",
        ),
        ("a nested id", nested(r#""id":"#), 400, "malformed-json"),
        (
            "nested params",
            nested(r#""id":1,"method":"ping","params":"#),
            400,
            "malformed-json",
        ),
        (
            "invalid UTF-8",
            b"{\"jsonrpc\":\"2.0\",\"id\":\"\xff\xfe\",\"method\":\"ping\"}".to_vec(),
            400,
            "malformed-json",
        ),
        (
            "an overlong slash",
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\xc0\xafb\"}".to_vec(),
            400,
            "malformed-json",
        ),
        (
            "a NUL",
            b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\0b\"}".to_vec(),
            400,
            "malformed-json",
        ),
        (
            "two ids",
            br#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#.to_vec(),
            400,
            "malformed-json",
        ),
        (
            "two messages",
            br#"{"jsonrpc":"2.0","id":1,"method":"ping"}{"jsonrpc":"2.0","id":2,"method":"ping"}"#
                .to_vec(),
            400,
            "malformed-json",
        ),
    ];
    for (what, body, status, reason) in bodies {
        scene.case(what, &[PROFILE], || {
            let reply = scene.send(Post::body(&scene.address, PROFILE, body));
            assert_eq!(
                (reply.status, reply.end().as_str()),
                (status, reason),
                "{what}"
            );
        });
    }
    scene.finish();
}

fn nested(member: &str) -> Vec<u8> {
    let nest = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    format!(r#"{{"jsonrpc":"2.0",{member}{nest}}}"#).into_bytes()
}

/// A body over the limit is not read to its end, whether its length is announced or not.
#[test]
fn sends_a_hundred_megabytes() {
    const SIZE: usize = 100 * 1024 * 1024;
    let scene = Scene::new();
    scene.good_call(PROFILE);
    figures::forget_peak(scene.process());
    let before = figures::resident(scene.process());
    let post = || Post::body(&scene.address, PROFILE, Vec::new()).unmeasured();
    let heads = [
        post().header(format!("Content-Length: {SIZE}")),
        post().header("Transfer-Encoding: chunked"),
    ];
    for head in heads {
        let chunked = head.headers.iter().any(|line| line.contains("chunked"));
        scene.case("100 MB", &[PROFILE], || {
            let senders: Vec<_> = (0..8)
                .map(|_| {
                    scene.count(1);
                    let (address, head) = (scene.address.clone(), head.head());
                    std::thread::spawn(move || pour(&address, &head, SIZE, chunked))
                })
                .collect();
            for sender in senders {
                let reply = sender.join().unwrap();
                // A client that sends on while it is refused may lose the answer to the reset.
                if let Some(reply) = reply {
                    assert_eq!(
                        (reply.status, reply.end().as_str()),
                        (413, "message-too-large")
                    );
                }
            }
        });
    }
    let peak = figures::peak(scene.process());
    eprintln!("{before} KiB resident before, {peak} KiB at most with 8 bodies of 100 MB at a time");
    assert!(peak < before + 96 * 1024, "{before} KiB grew to {peak} KiB");
    let trail = scene.trail();
    let refused = trail
        .iter()
        .filter(|entry| entry["closed"]["reason"] == "message-too-large");
    assert_eq!(refused.count(), 16);
    scene.finish();
}

fn pour(address: &str, head: &[u8], size: usize, chunked: bool) -> Option<Reply> {
    let mut stream = connect(address);
    let mut piece = vec![b' '; 64 * 1024];
    if chunked {
        piece = [b"10000\r\n".as_slice(), &piece, b"\r\n"].concat();
    }
    stream.write_all(head).unwrap();
    for _ in 0..size / (64 * 1024) {
        if stream.write_all(&piece).is_err() {
            break;
        }
    }
    Reply::parse(&rest(&mut stream)).map(|(reply, _)| reply)
}

#[test]
fn sends_less_than_it_said() {
    let scene = Scene::new();
    scene.case("a body that breaks off", &[PROFILE], || {
        scene.count(2);
        let post = scene.post(PROFILE, "echo", json!({}));
        let bytes = post.bytes();
        let half = &bytes[..bytes.len() - 10];
        // One leaves, one only ends its side and waits.
        let mut leaves = connect(&scene.address);
        leaves.write_all(half).unwrap();
        drop(leaves);
        let mut waits = connect(&scene.address);
        waits.write_all(half).unwrap();
        waits.shutdown(Shutdown::Write).unwrap();
        let received = rest(&mut waits);
        if let Some((reply, _)) = Reply::parse(&received) {
            assert_eq!(
                (reply.status, reply.end().as_str()),
                (400, "invalid-request")
            );
        }
    });
    scene.finish();
}

#[test]
fn sends_more_than_it_said() {
    let scene = Scene::new();
    scene.case("a body that goes on", &[PROFILE], || {
        scene.count(1);
        let bytes = scene.post(PROFILE, "echo", json!({})).bytes();
        let more = [bytes.as_slice(), &vec![b'x'; 1_000_000], b"\r\n\r\n"].concat();
        let received = super::raw::everything(&scene.address, &more);
        let (reply, after) = Reply::parse(&received).unwrap();
        assert_eq!(reply.end(), "good");
        // What follows the body is no request.
        if let Some((second, _)) = Reply::parse(after) {
            assert!([400, 431].contains(&second.status), "{second:?}");
        }
    });
    scene.finish();
}

fn initialize(scene: &Scene, key: &str) -> String {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"},
    }});
    let post = Post::body(&scene.address, PROFILE, body.to_string());
    let reply = scene.send(post.header(format!("Authorization: Bearer {key}")));
    assert_eq!(reply.status, 200, "{reply:?}");
    let session = reply
        .head
        .lines()
        .find_map(|line| line.strip_prefix("mcp-session-id: "));
    session.unwrap().trim().to_owned()
}

fn in_session(scene: &Scene, session: &str, credential: &str) -> Reply {
    let body = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "echo", "arguments": {}}});
    let post = Post::body(&scene.address, PROFILE, body.to_string())
        .header(format!("Mcp-Session-Id: {session}"))
        .header("MCP-Protocol-Version: 2025-11-25");
    scene.send(match credential {
        "" => post,
        key => post.header(format!("Authorization: Bearer {key}")),
    })
}

#[test]
fn replays_a_session_of_another_principal() {
    let scene = Scene::new();
    let session = initialize(&scene, ADA);
    assert_eq!(in_session(&scene, &session, ADA).end(), "good");
    scene.case("a foreign session", &[PROFILE], || {
        for thief in [BOB, ""] {
            let reply = in_session(&scene, &session, thief);
            assert_eq!(
                (reply.status, reply.end().as_str()),
                (404, "session-unknown")
            );
        }
        assert_eq!(in_session(&scene, &session, "no-such-key").status, 401);
        let forged = format!("{}x", &session[..session.len() - 1]);
        assert_eq!(in_session(&scene, &forged, ADA).status, 404);
    });
    let trail = scene.trail();
    let by = |principal: &Value| {
        let found = trail.iter().filter(|entry| {
            entry["closed"]["reason"] == "session-unknown"
                && entry["opened"]["principal"] == *principal
        });
        found.count()
    };
    let principals: Vec<&Value> = trail
        .iter()
        .map(|entry| &entry["opened"]["principal"])
        .collect();
    let of = |name: &str| {
        let found = principals
            .iter()
            .find(|principal| principal.as_str().is_some_and(|text| text.contains(name)));
        (*found.unwrap()).clone()
    };
    assert_eq!(by(&of("bob")), 1, "the replay is on record");
    assert_eq!(by(&of("local")), 1, "the replay is on record");
    scene.finish();
}
