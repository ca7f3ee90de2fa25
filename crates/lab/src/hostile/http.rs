//! The hostile server on a loopback socket: HTTP/1.1 by hand.

mod misuse;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;

use super::Offer;
use super::script::{Act, acts, is_modern};
use super::wire::{drip, write_large};

/// A server that runs in threads of this process until the process ends.
#[derive(Clone, Debug)]
pub struct Listening {
    address: SocketAddr,
    open: Arc<AtomicUsize>,
}

impl Listening {
    /// Starts on a free port of the loopback address.
    ///
    /// # Errors
    /// When no port can be bound.
    pub fn start(offer: Offer) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let server = Self {
            address: listener.local_addr()?,
            open: Arc::default(),
        };
        let open = Arc::clone(&server.open);
        thread::spawn(move || accept(&listener, &offer, &open));
        Ok(server)
    }

    /// Its endpoint.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// Connections that are open now.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

/// Serves for ever.
pub(crate) fn serve(listener: &TcpListener, offer: &Offer) {
    accept(listener, offer, &Arc::default());
}

fn accept(listener: &TcpListener, offer: &Offer, open: &Arc<AtomicUsize>) {
    for stream in listener.incoming().map_while(Result::ok) {
        let (offer, open) = (*offer, Arc::clone(open));
        open.fetch_add(1, Ordering::SeqCst);
        thread::spawn(move || {
            // A connection that breaks is what this server is for.
            let _ended = converse(&stream, offer);
            open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// What becomes of a connection after an answer.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Keep,
    Close,
}

fn converse(stream: &TcpStream, offer: Offer) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut out = stream;
    while let Some((verb, body)) = request(&mut reader)? {
        if verb != "POST" {
            return empty(&mut out, "405 Method Not Allowed");
        }
        let message: Value = serde_json::from_slice(&body).unwrap_or_default();
        // A notification, or an answer to a request of ours.
        if message.get("id").is_none() || message.get("method").is_none() {
            return empty(&mut out, "202 Accepted");
        }
        if perform(&mut out, acts(&message, offer), is_modern(&message))? == Next::Close {
            return Ok(());
        }
    }
    Ok(())
}

/// The verb and the body of the next request; `None` when the connection is closed.
fn request(reader: &mut impl BufRead) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let verb = line.split(' ').next().unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 {
            return Ok(None);
        }
        let Some((name, value)) = header.split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((verb, body)))
}

/// One answer is one JSON document, everything else an event stream.
fn perform(out: &mut (impl Write + Read), acts: Vec<Act>, modern: bool) -> io::Result<Next> {
    match acts.as_slice() {
        [Act::Send(message)] => {
            document(out, message)?;
            return Ok(Next::Keep);
        }
        [
            Act::Large {
                before,
                filler,
                after,
            },
        ] => {
            let length = before.len() + filler + after.len();
            head(out, "200 OK", "application/json", Some(length))?;
            write_large(out, before, *filler, after)?;
            return Ok(Next::Keep);
        }
        [Act::Misuse(tool)] => {
            misuse::answer(out, tool)?;
            return Ok(Next::Close);
        }
        [Act::Die] => return Ok(Next::Close),
        _ => head(out, "200 OK", "text/event-stream", None)?,
    }
    for act in acts {
        match act {
            // A stream that answered has said all it can; the flood is another one's.
            Act::ForEver(message) if !modern => loop {
                event(out, &message)?;
            },
            Act::Send(message) => event(out, &message)?,
            Act::Drip(message) => {
                let framed = [b"data: ", message.as_slice(), b"\r\n\r\n"].concat();
                for byte in framed {
                    drip(out, &[b'1', b'\r', b'\n', byte, b'\r', b'\n'])?;
                }
            }
            Act::Large {
                before,
                filler,
                after,
            } => {
                let length = 6 + before.len() + filler + after.len() + 2;
                write!(out, "{length:x}\r\n")?;
                write_large(
                    out,
                    &format!("data: {before}"),
                    filler,
                    &format!("{after}\n\n"),
                )?;
                out.write_all(b"\r\n")?;
            }
            Act::Wait(time) => {
                out.flush()?;
                thread::sleep(time);
            }
            Act::Break(message) => {
                chunk(out, &[b"data: ", message.as_slice()].concat())?;
                out.flush()?;
                return Ok(Next::Close);
            }
            Act::Die => return Ok(Next::Close),
            Act::Stall | Act::Misuse(_) => {
                out.flush()?;
                wait_for_close(out);
                return Ok(Next::Close);
            }
            Act::ForEver(_) | Act::Calm | Act::Complain(_) => {}
        }
    }
    out.write_all(b"0\r\n\r\n")?;
    Ok(Next::Keep)
}

fn document(out: &mut impl Write, message: &[u8]) -> io::Result<()> {
    head(out, "200 OK", "application/json", Some(message.len()))?;
    out.write_all(message)
}

/// The last response on a connection: what is not a call leaves no idle connection behind.
fn empty(out: &mut impl Write, status: &str) -> io::Result<()> {
    write!(
        out,
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    )
}

fn head(out: &mut impl Write, status: &str, kind: &str, length: Option<usize>) -> io::Result<()> {
    let framing = length.map_or_else(
        || "Transfer-Encoding: chunked".to_owned(),
        |length| format!("Content-Length: {length}"),
    );
    write!(
        out,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{framing}\r\n\r\n"
    )
}

fn event(out: &mut impl Write, message: &[u8]) -> io::Result<()> {
    chunk(out, &[b"data: ", message, b"\n\n"].concat())
}

fn chunk(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
    framed.extend_from_slice(bytes);
    framed.extend_from_slice(b"\r\n");
    out.write_all(&framed)
}

/// Returns when the peer closes its side or breaks the connection.
fn wait_for_close(stream: &mut impl Read) {
    let mut scratch = [0; 1024];
    while stream.read(&mut scratch).is_ok_and(|count| count > 0) {}
}
