//! Clients whose headers disagree with the body, with each other, or with the grammar of HTTP.

use serde_json::json;

use super::raw::{Post, Reply, everything};
use super::scene::Scene;

const PROFILE: &str = "stdio-modern";

#[test]
fn says_something_else_in_the_headers() {
    let scene = Scene::new();
    let post = || scene.post(PROFILE, "echo", json!({}));
    let cases = [
        post().without("mcp-name").header("Mcp-Name: calm"),
        post()
            .without("mcp-name")
            .header("Mcp-Name: echo ")
            .header("Mcp-Name: calm"),
        post().header("Mcp-Name: calm"),
        post().header("Mcp-Name: echo"),
        post().without("mcp-name"),
        post().without("mcp-name").header("Mcp-Name: ECHO"),
        post()
            .without("mcp-name")
            .header("Mcp-Name: =?base64?Y2FsbQ==?="),
        post()
            .without("mcp-name")
            .header("Mcp-Name: =?base64?%%%?="),
        post().without("mcp-name").header("Mcp-Name: \u{e9}cho"),
        post()
            .without("mcp-method")
            .header("Mcp-Method: tools/list"),
        post()
            .without("mcp-method")
            .header("Mcp-Method: Tools/Call"),
        post().header("Mcp-Method: tools/call"),
        post().without("mcp-method"),
        post().header("MCP-Protocol-Version: 2026-07-28"),
        post().header("MCP-Protocol-Version: 2025-11-25"),
        post()
            .without("mcp-protocol-version")
            .header("MCP-Protocol-Version: 2025-11-25"),
    ];
    scene.case("headers against the body", &[PROFILE], || {
        for post in cases {
            let headers = post.headers.join(" | ");
            let reply = scene.send(post);
            assert_eq!(reply.status, 400, "{headers}: {reply:?}");
            let code = &reply.messages()[0]["error"]["code"];
            assert_eq!(*code, json!(-32020), "{headers}: {reply:?}");
        }
    });
    scene.finish();
}

/// A call that must never be made: it stands where a proxy in front sees a body.
fn smuggled(scene: &Scene) -> String {
    let post = Post::call(&scene.address, PROFILE, "calm", json!({}));
    String::from_utf8(post.bytes()).unwrap()
}

/// `head` is the framing of the outer request, `body` what follows the blank line.
#[track_caller]
fn check(scene: &Scene, what: &str, head: &[&str], body: &str) {
    let mut post = scene.post(PROFILE, "echo", json!({})).unmeasured();
    post.headers
        .extend(head.iter().map(|line| (*line).to_owned()));
    post.body = Vec::new();
    let bytes = [post.bytes(), body.as_bytes().to_vec()].concat();
    let received = everything(&scene.address, &bytes);
    let mut rest = received.as_slice();
    let mut replies = Vec::new();
    while let Some((reply, after)) = Reply::parse(rest) {
        replies.push((reply.status, reply.end()));
        rest = after;
    }
    assert!(
        replies.len() <= 1,
        "{what}: more than one answer: {replies:?}"
    );
    let outcome = replies.first().map(|(status, _)| *status);
    assert!(
        matches!(outcome, None | Some(200 | 400 | 413 | 431 | 501)),
        "{what}: {replies:?}"
    );
}

#[test]
fn smuggles_a_second_request() {
    let scene = Scene::new();
    let second = smuggled(&scene);
    let call = scene.post(PROFILE, "echo", json!({})).body;
    let call = String::from_utf8(call).unwrap();
    let chunk = format!("{:x}\r\n{call}\r\n0\r\n\r\n", call.len());
    let chunked = format!("{chunk}{second}");
    let plain = format!("{call}{second}");
    let length = format!("Content-Length: {}", call.len());
    let over_all = format!("Content-Length: {}", chunked.len());
    let cases: &[(&str, &[&str], &str)] = &[
        (
            "length, then chunks",
            &[&over_all, "Transfer-Encoding: chunked"],
            &chunked,
        ),
        (
            "chunks, then length",
            &["Transfer-Encoding: chunked", &over_all],
            &chunked,
        ),
        (
            "chunks twice",
            &[
                "Transfer-Encoding: chunked",
                "Transfer-Encoding: chunked",
                &over_all,
            ],
            &chunked,
        ),
        (
            "chunks and identity",
            &["Transfer-Encoding: chunked, identity", &length],
            &plain,
        ),
        (
            "unknown coding",
            &["Transfer-Encoding: xchunked", &length],
            &plain,
        ),
        (
            "coding with a tab",
            &["Transfer-Encoding:\tchunked", &over_all],
            &chunked,
        ),
        (
            "coding in quotes",
            &["Transfer-Encoding: \"chunked\"", &length],
            &plain,
        ),
        (
            "blank before the colon",
            &["Transfer-Encoding : chunked", &length],
            &plain,
        ),
        (
            "folded coding",
            &["Transfer-Encoding:\r\n chunked", &length],
            &plain,
        ),
        (
            "folded header",
            &["X-Folded: a\r\n Content-Length: 1", "Content-Length: 0"],
            &plain,
        ),
        ("two lengths", &["Content-Length: 1", &length], &plain),
        ("two lengths in one", &["Content-Length: 1, 2"], &plain),
        ("a length with a sign", &["Content-Length: +5"], &plain),
        ("a negative length", &["Content-Length: -1"], &plain),
        ("a length in hex", &["Content-Length: 0x10"], &plain),
        (
            "a length over all numbers",
            &["Content-Length: 99999999999999999999999"],
            &plain,
        ),
        (
            "NUL in a value",
            &["X-Nul: a\0b", "Content-Length: 0"],
            &plain,
        ),
        (
            "NUL in a name",
            &["X-\0Nul: a", "Content-Length: 0"],
            &plain,
        ),
        (
            "a bare carriage return",
            &["X-Cr: a\rContent-Length: 7", "Content-Length: 0"],
            &plain,
        ),
        (
            "a chunk size with a sign",
            &["Transfer-Encoding: chunked"],
            "+5\r\nhello\r\n0\r\n\r\n",
        ),
        (
            "a chunk size over all numbers",
            &["Transfer-Encoding: chunked"],
            "ffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        ),
        (
            "a chunk without its end",
            &["Transfer-Encoding: chunked"],
            "5\r\nhelloXX0\r\n\r\n",
        ),
    ];
    scene.case("smuggled requests", &[PROFILE], || {
        for (what, head, body) in cases {
            check(&scene, what, head, body);
        }
    });
    let trail = scene.trail();
    let reached: Vec<_> = trail
        .iter()
        .filter(|entry| entry["opened"]["target"] == "calm")
        .collect();
    assert!(reached.is_empty(), "{reached:?}");
    scene.finish_uncounted();
}

#[test]
fn sends_headers_without_end() {
    let scene = Scene::new();
    let line = |count: usize, length: usize| {
        (0..count)
            .map(|number| format!("X-{number}: {}", "a".repeat(length)))
            .collect::<Vec<_>>()
    };
    let cases = [
        ("10,000 headers", line(10_000, 1)),
        ("a header of 10 MB", line(1, 10_000_000)),
        ("a target of 1 MB", Vec::new()),
    ];
    scene.case("endless headers", &[PROFILE], || {
        for (what, headers) in cases {
            let mut post = scene.post(PROFILE, "echo", json!({}));
            if headers.is_empty() {
                post.line = format!("POST /mcp/{} HTTP/1.1", "a".repeat(1_000_000));
            }
            post.headers.extend(headers);
            let received = everything(&scene.address, &post.bytes());
            if let Some((reply, _)) = Reply::parse(&received) {
                assert!([400, 414, 431].contains(&reply.status), "{what}: {reply:?}");
            }
        }
    });
    scene.finish_uncounted();
}

#[test]
fn asks_for_another_protocol() {
    let scene = Scene::new();
    let post = || {
        scene
            .post(PROFILE, "echo", json!({}))
            .header("Connection: close")
    };
    let mut connect = post();
    connect.line = "CONNECT 169.254.169.254:80 HTTP/1.1".to_owned();
    let mut absolute = post();
    absolute.line = format!("POST http://169.254.169.254/mcp/{PROFILE} HTTP/1.1");
    let mut old = post();
    old.line = format!("POST /mcp/{PROFILE} HTTP/1.0");
    let mut none = post();
    none.line = format!("POST /mcp/{PROFILE}");
    let cases = [
        ("CONNECT", connect, [400, 403, 405]),
        ("an absolute target", absolute, [403, 403, 403]),
        ("no version", none, [400, 400, 400]),
        ("HTTP/1.0", old, [200, 200, 200]),
        (
            "Upgrade",
            post().header("Upgrade: websocket"),
            [200, 200, 200],
        ),
        (
            "HTTP/2 by upgrade",
            post()
                .header("Upgrade: h2c")
                .header("HTTP2-Settings: AAMAAABkAAQAAP__"),
            [200, 200, 200],
        ),
    ];
    scene.case("other protocols", &[PROFILE], || {
        for (what, post, statuses) in cases {
            let received = everything(&scene.address, &post.bytes());
            let reply = Reply::parse(&received).map(|(reply, _)| reply);
            // No response at all is an end, too.
            if let Some(reply) = reply {
                assert!(statuses.contains(&reply.status), "{what}: {reply:?}");
            }
        }
    });
    scene.finish_uncounted();
}
