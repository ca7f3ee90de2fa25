//! Clients that open more than anybody needs: connections, streams, resets.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use portcullis_lab::hostile::Offer;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

use super::figures;
use super::raw::{connect, for_a_while};
use super::scene::Scene;
use crate::binary::eventually;

const PROFILE: &str = "stdio-modern";
/// How many are tried, if the limit of open files allows it.
const MANY: u64 = 10_000;

/// Raises the limit of open files for this process and the gateway that it starts. How many connections it allows.
fn room() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let wanted = MANY + 1_000;
    let hard = limit.maximum.unwrap_or(wanted);
    let current = limit.current.unwrap_or(wanted).max(wanted.min(hard));
    // Where it cannot be raised there are fewer connections.
    let _refused = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(current),
            maximum: limit.maximum,
        },
    );
    let open = getrlimit(Resource::Nofile).current.unwrap_or(wanted);
    usize::try_from(open.saturating_sub(500).min(MANY)).unwrap()
}

#[test]
fn opens_ten_thousand_connections() {
    let count = room();
    let scene = Scene::with(Offer::Usual, "", "60s");
    scene.case("10,000 connections", &[PROFILE], || {
        let before = figures::resident(scene.process());
        let mut open: Vec<TcpStream> = Vec::with_capacity(count);
        let own = figures::files(scene.process());
        let opening = Instant::now();
        while open.len() < count {
            let mut stream = connect(&scene.address);
            stream
                .write_all(b"POST /mcp/p HTTP/1.1\r\nHost: local")
                .unwrap();
            open.push(stream);
            // The queue of the system is shorter than that.
            if open.len().is_multiple_of(500) {
                eventually("the connections are accepted", || {
                    let files = figures::files(scene.process());
                    (files + 10 >= own + open.len()).then_some(())
                });
            }
        }
        eprintln!(
            "{count} connections in {:.1} s",
            opening.elapsed().as_secs_f64()
        );
        let begun = Instant::now();
        scene.good_call(PROFILE);
        let resident = figures::resident(scene.process());
        eprintln!(
            "{count} connections: {} KiB each, a call waited {:.1} s",
            resident.saturating_sub(before) / open.len() as u64,
            begun.elapsed().as_secs_f64()
        );
        assert!(resident < 512 * 1024, "{resident} KiB");
    });
    scene.finish();
}

/// More connections than the system lets the gateway have open files: it keeps some for its servers and its store.
#[test]
fn takes_every_place() {
    let scene = Scene::with_open_files(256);
    scene.case("every place taken", &[PROFILE], || {
        let silent: Vec<TcpStream> = (0..250).map(|_| connect(&scene.address)).collect();
        // Everybody is served once those who ask nothing are closed; a server is started again meanwhile.
        let begun = Instant::now();
        assert_eq!(scene.call(PROFILE, "die", json!({})).end(), "upstream-died");
        scene.good_call(PROFILE);
        eprintln!(
            "a call beside 250 silent connections waited {:.1} s",
            begun.elapsed().as_secs_f64()
        );
        drop(silent);
    });
    assert!(
        !scene.stderr().contains("could not be accepted"),
        "{}",
        scene.stderr()
    );
    assert!(
        scene.stderr().contains("new ones wait"),
        "{}",
        scene.stderr()
    );
    scene.finish();
}

#[test]
fn opens_thousands_of_streams() {
    // A stream is a call, which a debug build does not make 10,000 of in a few seconds.
    let thorough = std::env::var_os("RUN_SLOW_TESTS").is_some();
    let count = room().min(if thorough { 10_000 } else { 1_000 });
    let scene = Scene::with(Offer::Usual, "", "60s");
    // The store opens its second connection, which it keeps, when several callers come at once.
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| scene.call(PROFILE, "slow", json!({"ms": 100})));
        }
    });
    scene.case("thousands of streams", &[PROFILE], || {
        let before = figures::resident(scene.process());
        let mut open: Vec<TcpStream> = Vec::with_capacity(count);
        let stall = scene.post(PROFILE, "stall", json!({})).bytes();
        for _ in 0..count {
            let mut stream = connect(&scene.address);
            stream.write_all(&stall).unwrap();
            scene.count(1);
            open.push(stream);
        }
        // Each has its first event, so each stream is open in the gateway and at the server.
        for stream in &mut open {
            let mut piece = [0; 1024];
            assert_ne!(stream.read(&mut piece).unwrap(), 0);
        }
        let begun = Instant::now();
        scene.good_call(PROFILE);
        let resident = figures::resident(scene.process());
        eprintln!(
            "{count} streams: {} KiB each, a call beside them took {} ms",
            resident.saturating_sub(before) / open.len() as u64,
            begun.elapsed().as_millis()
        );
        // A debug build; what is bounded is what one more stream costs.
        let bound = 192 * 1024 + 96 * u64::try_from(count).unwrap();
        assert!(resident < bound, "{resident} KiB, of {bound}");
    });
    let trail = scene.trail();
    let cancelled = trail
        .iter()
        .filter(|entry| entry["closed"]["outcome"] == "cancelled");
    assert_eq!(cancelled.count(), count);
    scene.finish();
}

/// HTTP/2 frames (RFC 9113), made by hand.
mod h2 {
    pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

    pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        frame
    }

    /// POST as in RFC 7541 appendix A, nothing compressed.
    pub(super) fn headers(host: &str, path: &str) -> Vec<u8> {
        let mut block = vec![0x83, 0x86];
        let mut literal = |name: &[u8], value: &str| {
            block.extend(name);
            block.push(u8::try_from(value.len()).unwrap());
            block.extend(value.as_bytes());
        };
        literal(&[0x04], path);
        literal(&[0x01], host);
        literal(b"\x00\x0ccontent-type", "application/json");
        block
    }
}

#[test]
fn resets_streams_of_http_2() {
    let scene = Scene::with(Offer::Usual, "", "60s");
    scene.case("rapid reset", &[PROFILE], || {
        let headers = h2::headers(&scene.address, "/mcp/stdio-modern");
        let mut bytes = [h2::PREFACE, &h2::frame(4, 0, 0, &[])].concat();
        for stream in (1..20_001).step_by(2) {
            bytes.extend(h2::frame(1, 4, stream, &headers));
            bytes.extend(h2::frame(3, 0, stream, &8_u32.to_be_bytes()));
        }
        let mut client = connect(&scene.address);
        // It may be cut off.
        let _cut = client.write_all(&bytes);
        for_a_while(&mut client, Duration::from_millis(500));
    });
    scene.case("continuation without end", &[PROFILE], || {
        let mut client = connect(&scene.address);
        let head = [
            h2::PREFACE,
            &h2::frame(4, 0, 0, &[]),
            &h2::frame(1, 0, 1, &[0x83]),
        ]
        .concat();
        client.write_all(&head).unwrap();
        let more = h2::frame(
            9,
            0,
            1,
            &[b"\x00\x01a\x7f\x81\x7f".as_slice(), &[b'x'; 256]].concat(),
        );
        let cut = (0..100_000).any(|_| client.write_all(&more).is_err());
        assert!(cut, "25 MB of headers were taken");
    });
    scene.case("more streams than are allowed", &[PROFILE], || {
        let headers = h2::headers(&scene.address, "/mcp/stdio-modern");
        let mut bytes = [h2::PREFACE, &h2::frame(4, 0, 0, &[])].concat();
        for stream in (1..20_001).step_by(2) {
            bytes.extend(h2::frame(1, 4, stream, &headers));
        }
        let mut client = connect(&scene.address);
        let _cut = client.write_all(&bytes);
        scene.good_call(PROFILE);
        for_a_while(&mut client, Duration::from_millis(500));
        let files = figures::files(scene.process());
        assert!(files < 200, "{files}");
    });
    let resident = figures::resident(scene.process());
    eprintln!("{resident} KiB resident afterwards");
    assert!(resident < 256 * 1024, "{resident} KiB");
    scene.finish_uncounted();
}
