//! A relay between a client and the gateway that keeps what the client sends.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

type Heard = Arc<Mutex<Vec<Vec<u8>>>>;

/// Listens on a port of its own for as long as the test runs.
pub(super) struct Relay {
    pub(super) address: String,
    heard: Heard,
}

/// One HTTP request of a client.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) verb: String,
    pub(super) body: Vec<u8>,
}

impl Relay {
    pub(super) fn to(gateway: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heard = Heard::default();
        let (gateway, kept) = (gateway.to_owned(), Arc::clone(&heard));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let at = {
                    let mut kept = kept.lock().unwrap();
                    kept.push(Vec::new());
                    kept.len() - 1
                };
                let Ok(server) = TcpStream::connect(&gateway) else {
                    continue;
                };
                let (mut back, mut forth) =
                    (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || {
                    let _ends = std::io::copy(&mut back, &mut forth);
                    let _ended = forth.shutdown(Shutdown::Both);
                });
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || forward(client, server, &kept, at));
            }
        });
        Self { address, heard }
    }

    /// Every request so far.
    pub(super) fn requests(&self) -> Vec<Request> {
        let heard = self.heard.lock().unwrap();
        heard.iter().flat_map(|bytes| parse(bytes)).collect()
    }
}

fn forward(mut client: TcpStream, mut server: TcpStream, kept: &Mutex<Vec<Vec<u8>>>, at: usize) {
    let mut chunk = [0; 16 * 1024];
    while let Ok(count) = client.read(&mut chunk) {
        kept.lock().unwrap()[at].extend_from_slice(&chunk[..count]);
        if count == 0 || server.write_all(&chunk[..count]).is_err() {
            break;
        }
    }
    let _ended = server.shutdown(Shutdown::Write);
}

/// The requests of one HTTP/1.1 connection, whose bodies all have a `Content-Length`.
fn parse(mut bytes: &[u8]) -> Vec<Request> {
    let mut requests = Vec::new();
    while let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let header = |name: &str| {
            head.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name)
                    .then(|| value.trim().to_owned())
            })
        };
        assert!(
            header("transfer-encoding").is_none(),
            "a chunked request: {head}"
        );
        let length: usize = header("content-length").map_or(0, |text| text.parse().unwrap());
        let rest = &bytes[end + 4..];
        if rest.len() < length {
            break;
        }
        let verb = head.split(' ').next().unwrap().to_owned();
        requests.push(Request {
            verb,
            body: rest[..length].to_vec(),
        });
        bytes = &rest[length..];
    }
    requests
}
