//! Servers whose lists are too long, never end, or hold what cannot be.

use portcullis_lab::hostile::Offer;
use serde_json::{Value, json};

use super::figures;
use super::scene::{SERVERS, Scene};
use crate::http;

/// The first page of a profile's tools.
#[track_caller]
fn first(scene: &Scene, profile: &str) -> Result<Vec<String>, String> {
    page(scene, profile, &json!({})).map(|(names, _)| names)
}

/// One page of a profile's tools, and the cursor of the next.
#[track_caller]
fn page(scene: &Scene, profile: &str, params: &Value) -> Result<(Vec<String>, Value), String> {
    scene.count(1);
    let answer = http::ask(&scene.address, profile, "tools/list", params.clone()).json();
    match answer["error"]["data"]["reason"].as_str() {
        Some(reason) => Err(reason.to_owned()),
        None => {
            let result = &answer["result"];
            Ok((http::names(&result["tools"]), result["nextCursor"].clone()))
        }
    }
}

#[test]
fn lists_ten_thousand_tools() {
    let scene = Scene::with(Offer::Many(10_000), "tools=10000", "60s");
    for server in ["stdio-legacy", "http-modern"] {
        figures::forget_peak(scene.process());
        // Each page asks the server for everything again, so not all 40 are read here.
        let (first, cursor) = page(&scene, server, &json!({})).unwrap();
        let (second, _) = page(&scene, server, &json!({"cursor": cursor})).unwrap();
        assert_eq!((first.len(), second.len()), (250, 250));
        assert_ne!(first, second);
        assert_eq!(first[..2], ["echo", "tool-1"]);
        scene.good_call(server);
        let peak = figures::peak(scene.process());
        eprintln!("{peak} KiB at most with 10,000 tools of {server}");
        assert!(peak < 256 * 1024, "{peak} KiB");
    }
    scene.finish();
}

#[test]
fn lists_one_tool_too_many() {
    let scene = Scene::with(Offer::Many(10_001), "tools=10001", "60s");
    for server in SERVERS {
        assert_eq!(first(&scene, server), Err("upstream-too-large".to_owned()));
        let end = scene.call(server, "echo", json!({})).end();
        assert_eq!(end, "upstream-too-large", "{server}");
    }
    scene.finish();
}

#[test]
fn lists_pages_without_end() {
    let scene = Scene::with(Offer::EndlessPages, "endless-pages", "60s");
    for server in SERVERS {
        assert_eq!(first(&scene, server), Err("upstream-too-large".to_owned()));
    }
    scene.finish();
}

#[test]
fn lists_a_schema_that_is_too_deep() {
    let scene = Scene::with(Offer::Deep(500), "deep=500", "2s");
    for server in SERVERS {
        let end = first(&scene, server).unwrap_err();
        assert!(
            ["upstream-protocol", "upstream-timeout"].contains(&end.as_str()),
            "{server}: {end}"
        );
    }
    scene.finish();
}

#[test]
fn lists_two_tools_of_one_name() {
    let scene = Scene::with(Offer::Twins, "twins", "2s");
    for server in SERVERS {
        let echoes = first(&scene, server).map(|names| {
            let echoes = names.iter().filter(|name| *name == "echo");
            echoes.count()
        });
        assert!(
            matches!(echoes, Ok(0 | 1) | Err(_)),
            "{server} has {echoes:?} tools of the same name"
        );
    }
    scene.finish();
}

#[test]
fn lists_nothing_for_ever() {
    let scene = Scene::with(Offer::Silent, "silent", "1s");
    for server in SERVERS {
        assert_eq!(first(&scene, server), Err("upstream-timeout".to_owned()));
    }
    scene.finish();
}
