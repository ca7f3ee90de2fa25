//! Clients that are slow, silent, or gone.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use portcullis_lab::hostile::Offer;
use rustix::net::{AddressFamily, SocketType, connect as connect_to, socket, sockopt};
use serde_json::json;

use super::figures;
use super::raw::{connect, for_a_while, is_timeout, rest};
use super::scene::{SERVERS, Scene};

const PROFILE: &str = "stdio-modern";
/// The gateway gives a slow client 15 seconds.
const AT_MOST: Duration = Duration::from_secs(45);

/// What a client does that never completes a request, or never takes an answer.
#[test]
fn waits_and_waits() {
    let scene = Scene::with(Offer::Usual, "", "60s");
    let whole = scene.post(PROFILE, "echo", json!({})).bytes();
    let starts: [(&str, Vec<u8>, usize); 8] = [
        ("nothing", Vec::new(), 0),
        ("one byte", b"P".to_vec(), 0),
        ("half a request line", whole[..10].to_vec(), 0),
        ("half a head", whole[..100].to_vec(), 0),
        ("half a body", whole[..whole.len() - 10].to_vec(), 1),
        ("a request, and no other", whole.clone(), 1),
        (
            "half the preface of HTTP/2",
            b"PRI * HTTP/2.0\r\n".to_vec(),
            0,
        ),
        (
            "an HTTP/2 connection without a request",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec(),
            0,
        ),
    ];
    let large = scene
        .post(
            "http-modern",
            "chatter",
            json!({"count": 200, "bytes": 100_000}),
        )
        .bytes();
    scene.case("clients that wait", &SERVERS, || {
        let before = figures::files(scene.process());
        let waiting: Vec<_> = starts
            .into_iter()
            .map(|(what, bytes, messages)| {
                scene.count(messages);
                let mut stream = connect(&scene.address);
                thread::spawn(move || {
                    stream.write_all(&bytes).unwrap();
                    (what, is_closed(&mut stream))
                })
            })
            .collect();
        // It takes nothing of a stream of 20 MB.
        scene.count(1);
        let mut deaf = narrow(&scene.address);
        deaf.write_all(&large).unwrap();
        // The others are served meanwhile.
        while waiting.iter().any(|client| !client.is_finished()) {
            SERVERS.iter().for_each(|server| scene.good_call(server));
            thread::sleep(Duration::from_millis(200));
        }
        let held: Vec<&str> = waiting
            .into_iter()
            .filter_map(|client| {
                let (what, closed) = client.join().unwrap();
                (!closed).then_some(what)
            })
            .collect();
        assert!(held.is_empty(), "never closed: {held:?}");
        // It is given up as well: what it can still read is what the system had taken.
        let begun = Instant::now();
        while figures::files(scene.process()) > before {
            assert!(begun.elapsed() < AT_MOST, "the deaf client is held");
            thread::sleep(Duration::from_millis(200));
        }
        let received = rest(&mut deaf);
        assert!(received.len() < 15_000_000, "{} bytes", received.len());
    });
    scene.finish();
}

/// Whether the gateway closes the connection.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(AT_MOST)).unwrap();
    let mut scratch = [0; 4096];
    loop {
        match stream.read(&mut scratch) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return !is_timeout(&error),
        }
    }
}

/// A connection with a small receive window.
fn narrow(address: &str) -> TcpStream {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    sockopt::set_socket_recv_buffer_size(&socket, 16 * 1024).unwrap();
    let address: std::net::SocketAddr = address.parse().unwrap();
    connect_to(&socket, &address).unwrap();
    let stream = TcpStream::from(socket);
    stream
        .set_read_timeout(Some(crate::binary::PATIENCE))
        .unwrap();
    stream
}

#[test]
fn reads_slowly() {
    let scene = Scene::with(Offer::Usual, "", "60s");
    scene.case("a slow reader", &SERVERS, || {
        scene.count(1);
        let mut stream = narrow(&scene.address);
        let post = scene.post(PROFILE, "large", json!({"bytes": 3_000_000}));
        stream
            .write_all(&post.header("Connection: close").bytes())
            .unwrap();
        let mut received = 0;
        let mut piece = vec![0; 300_000];
        loop {
            // Whoever is not slow is served at once.
            let begun = Instant::now();
            scene.good_call(PROFILE);
            assert!(begun.elapsed() < Duration::from_secs(5));
            match stream.read(&mut piece).unwrap() {
                0 => break,
                count => received += count,
            }
            thread::sleep(Duration::from_millis(20));
            // Once it is clear that it goes on, the rest may come faster.
            if received > 300_000 {
                received += rest(&mut stream).len();
                break;
            }
        }
        assert!(received > 3_000_000, "{received} bytes");
    });
    scene.finish();
}

#[test]
fn leaves_in_the_middle() {
    let scene = Scene::with(Offer::Usual, "", "60s");
    for server in SERVERS {
        scene.case(&format!("leaves a call of {server}"), &[server], || {
            scene.count(2);
            // One before anything came, one in the middle of a stream.
            let mut early = connect(&scene.address);
            early
                .write_all(&scene.post(server, "slow", json!({"ms": 5_000})).bytes())
                .unwrap();
            let mut late = connect(&scene.address);
            let stream = scene.post(server, "progress", json!({"steps": 1_000, "ms": 30}));
            late.write_all(&stream.bytes()).unwrap();
            let mut seen = String::new();
            while !seen.contains("notifications/progress") {
                let mut piece = [0; 4096];
                let count = late.read(&mut piece).unwrap();
                assert_ne!(count, 0, "{seen}");
                seen.push_str(&String::from_utf8_lossy(&piece[..count]));
            }
            let begun = Instant::now();
            let nothing = for_a_while(&mut early, Duration::from_millis(50));
            assert!(nothing.is_empty());
            drop((early, late));
            assert!(begun.elapsed() < Duration::from_secs(5));
        });
    }
    let trail = scene.trail();
    let cancelled = trail
        .iter()
        .filter(|entry| entry["closed"]["outcome"] == "cancelled");
    assert_eq!(cancelled.count(), 2 * SERVERS.len());
    scene.finish();
}
