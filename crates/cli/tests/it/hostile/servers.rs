//! Servers that stall, flood, lie and die, in both eras and on both transports.

use serde_json::{Value, json};

use super::scene::{HTTP, SERVERS, STDIO, Scene};

/// How a call of a tool must end, on every server of `servers`.
#[track_caller]
fn check(scene: &Scene, servers: &[&str], tool: &str, arguments: &Value, ends: &[&str]) {
    for server in servers {
        scene.case(&format!("{tool} on {server}"), &[server], || {
            let end = scene.call(server, tool, arguments.clone()).end();
            assert!(
                ends.contains(&end.as_str()),
                "{tool} on {server} ended with {end:?}, not {ends:?}\n{}",
                scene.stderr()
            );
        });
    }
}

#[test]
fn stalls() {
    let scene = Scene::new();
    check(&scene, &SERVERS, "stall", &json!({}), &["upstream-timeout"]);
    scene.finish();
}

#[test]
fn floods_messages() {
    let scene = Scene::new();
    check(&scene, &SERVERS, "flood", &json!({}), &["good"]);
    scene.finish();
}

#[test]
fn floods_without_end() {
    let scene = Scene::new();
    scene.case("endless floods", &SERVERS, || {
        for server in STDIO {
            assert_eq!(
                scene.call(server, "flood-for-ever", json!({})).end(),
                "good"
            );
        }
        // Over HTTP a flood belongs to one call, whose time limit ends it.
        let reply = scene.call("http-legacy", "flood-for-ever", json!({}));
        assert_eq!(reply.end(), "good");
        for server in SERVERS {
            scene.good_call(server);
        }
        for server in STDIO {
            assert_eq!(scene.call(server, "calm", json!({})).end(), "good");
        }
    });
    scene.finish();
}

#[test]
fn floods_standard_error() {
    let scene = Scene::new();
    check(&scene, &STDIO, "stderr", &json!({}), &["good"]);
    let lines = scene.stderr().lines().count();
    assert!(lines < 1_000, "{lines} lines of a server were logged");
    assert!(!scene.stderr().contains('\u{1b}'));
    scene.finish();
}

#[test]
fn splits_frames() {
    let scene = Scene::new();
    check(
        &scene,
        &SERVERS,
        "split",
        &json!({}),
        &["größer als 🏰, 城"],
    );
    scene.finish();
}

#[test]
fn lies_about_ids() {
    let scene = Scene::new();
    check(&scene, &SERVERS, "lies", &json!({}), &["good"]);
    // On a shared pipe a bad line is nobody's; in the reply to one call it is that call's.
    check(&scene, &STDIO, "bad-ids", &json!({}), &["good"]);
    check(&scene, &HTTP, "bad-ids", &json!({}), &["upstream-protocol"]);
    check(
        &scene,
        &SERVERS,
        "only-lies",
        &json!({}),
        &["upstream-timeout"],
    );
    scene.finish();
}

#[test]
fn sends_what_is_no_message() {
    let scene = Scene::new();
    for tool in ["duplicate-key", "duplicate-id", "invalid-utf8", "deep"] {
        // Without a readable id nobody knows whose answer it was.
        let ends = ["upstream-protocol", "upstream-timeout"];
        check(&scene, &SERVERS, tool, &json!({}), &ends);
    }
    scene.finish();
}

#[test]
fn sends_half_a_message() {
    let scene = Scene::new();
    let ends = ["upstream-protocol", "upstream-timeout"];
    check(&scene, &SERVERS, "not-json", &json!({}), &ends);
    scene.finish();
}

#[test]
fn sends_garbage() {
    let scene = Scene::new();
    check(&scene, &STDIO, "garbage", &json!({}), &["good"]);
    // Nothing but garbage, and the server is ended and started again.
    check(
        &scene,
        &STDIO,
        "garbage",
        &json!({"lines": 500}),
        &["upstream-died"],
    );
    check(&scene, &HTTP, "garbage", &json!({}), &["upstream-protocol"]);
    scene.finish();
}

#[test]
fn answers_with_a_hundred_megabytes() {
    let scene = Scene::new();
    let bytes = json!({"bytes": 100 * 1024 * 1024});
    for server in SERVERS {
        scene.good_call(server);
    }
    super::figures::forget_peak(scene.process());
    let before = super::figures::resident(scene.process());
    for tool in ["large", "large-error"] {
        check(&scene, &SERVERS, tool, &bytes, &["upstream-too-large"]);
    }
    let peak = super::figures::peak(scene.process());
    eprintln!("{before} KiB resident before, {peak} KiB at most: a message may have 4096 KiB");
    assert!(peak < before + 32 * 1024, "{before} KiB grew to {peak} KiB");
    scene.finish();
}

#[test]
fn sends_a_notice_of_a_hundred_megabytes() {
    let scene = Scene::new();
    let ends = ["upstream-too-large"];
    let bytes = json!({"bytes": 100 * 1024 * 1024});
    check(&scene, &SERVERS, "large-notice", &bytes, &ends);
    scene.finish();
}

#[test]
fn answers_with_as_much_as_is_allowed() {
    let scene = Scene::with(portcullis_lab::hostile::Offer::Usual, "", "20s");
    let bytes = json!({"bytes": 4_000_000});
    let whole = "x".repeat(4_000_000);
    check(&scene, &SERVERS, "large", &bytes, &[&whole]);
    scene.finish();
}

#[test]
fn dies() {
    let scene = Scene::new();
    for tool in ["die", "half-and-die"] {
        check(&scene, &SERVERS, tool, &json!({}), &["upstream-died"]);
    }
    scene.finish();
}

#[test]
fn answers_twice() {
    let scene = Scene::new();
    check(&scene, &SERVERS, "twice", &json!({}), &["first"]);
    scene.finish();
}

#[test]
fn sends_what_nobody_asked_for() {
    let scene = Scene::new();
    for server in SERVERS {
        scene.case(&format!("unasked on {server}"), &[server], || {
            let reply = scene.call(server, "unasked", json!({}));
            assert!(!reply.body.contains("stray"), "{reply:?}");
            assert!(!reply.body.contains("read me"), "{reply:?}");
            assert!(!reply.body.contains("password"), "{reply:?}");
            // A modern server may say that it gives a request up.
            let end = reply.end();
            assert!(
                ["good", "upstream-died"].contains(&end.as_str()),
                "{server}: {end}"
            );
        });
    }
    scene.finish();
}
