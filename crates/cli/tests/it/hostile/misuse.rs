//! Servers that misuse HTTP.

use serde_json::json;

use super::figures;
use super::scene::{HTTP, Scene};

#[track_caller]
fn check(scene: &Scene, tool: &str, ends: &[&str]) {
    for server in HTTP {
        scene.case(&format!("{tool} on {server}"), &[server], || {
            let end = scene.call(server, tool, json!({})).end();
            assert!(
                ends.contains(&end.as_str()),
                "{tool} on {server} ended with {end:?}, not {ends:?}\n{}",
                scene.stderr()
            );
        });
    }
}

#[test]
fn breaks_the_framing() {
    let scene = Scene::new();
    check(&scene, "http-bad-chunks", &["upstream-died"]);
    check(&scene, "http-short-body", &["upstream-died"]);
    check(&scene, "http-extra-bytes", &["upstream-protocol"]);
    check(&scene, "http-not-http", &["upstream-died"]);
    check(&scene, "http-empty", &["upstream-protocol"]);
    scene.finish();
}

#[test]
fn answers_with_something_else() {
    let scene = Scene::new();
    check(&scene, "http-wrong-type", &["upstream-protocol"]);
    check(&scene, "http-status-500", &["upstream-unavailable"]);
    scene.finish();
}

/// Whoever answers at another origin is another server, which somebody has to let in first.
#[test]
fn sends_the_gateway_elsewhere() {
    let scene = Scene::new();
    for server in HTTP {
        scene.good_call(server);
        for tool in ["http-redirect", "echo"] {
            let end = scene.call(server, tool, json!({"text": "x"})).end();
            assert_eq!(end, "upstream-unavailable", "{}", scene.stderr());
        }
    }
    scene.finish();
}

#[test]
fn never_comes_to_an_end() {
    let scene = Scene::new();
    for server in HTTP {
        scene.good_call(server);
    }
    figures::forget_peak(scene.process());
    let before = figures::resident(scene.process());
    check(&scene, "http-no-newline", &["upstream-too-large"]);
    check(&scene, "http-comments", &["upstream-timeout"]);
    check(&scene, "http-slow-body", &["upstream-timeout"]);
    check(&scene, "http-endless-headers", &["upstream-died"]);
    check(
        &scene,
        "http-endless-100",
        &["upstream-timeout", "upstream-died"],
    );
    let peak = figures::peak(scene.process());
    eprintln!("{before} KiB resident before, {peak} KiB at most");
    assert!(peak < before + 32 * 1024, "{before} KiB grew to {peak} KiB");
    scene.finish();
}
