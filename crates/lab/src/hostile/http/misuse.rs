//! Responses that no HTTP server should give.

use std::io::{self, Read, Write};
use std::thread;
use std::time::Duration;

use super::{head, wait_for_close};
use crate::hostile::wire::write_filler;

/// How long the slow ones wait between two bytes.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers in the way of this tool. The connection ends afterwards.
pub(super) fn answer(out: &mut (impl Write + Read), tool: &str) -> io::Result<()> {
    match tool {
        "http-bad-chunks" => {
            head(out, "200 OK", "text/event-stream", None)?;
            out.write_all(b"fffffffffffffffff\r\ndata: {}\n\nzz\r\n")?;
            wait_for_close(out);
        }
        "http-comments" => {
            head(out, "200 OK", "text/event-stream", None)?;
            loop {
                out.write_all(b"8\r\n: still\n\r\n")?;
                thread::sleep(Duration::from_millis(1));
            }
        }
        "http-endless-100" => loop {
            out.write_all(&b"HTTP/1.1 100 Continue\r\n\r\n".repeat(100))?;
        },
        "http-endless-headers" => {
            out.write_all(b"HTTP/1.1 200 OK\r\n")?;
            loop {
                out.write_all(b"X-More: and more and more and more and more\r\n")?;
            }
        }
        "http-empty" => head(out, "200 OK", "application/json", Some(0))?,
        "http-extra-bytes" => {
            head(out, "200 OK", "application/json", Some(2))?;
            out.write_all(b"{}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")?;
            wait_for_close(out);
        }
        "http-no-newline" => {
            head(out, "200 OK", "text/event-stream", None)?;
            loop {
                out.write_all(b"10000\r\n")?;
                write_filler(out, 0x10000)?;
                out.write_all(b"\r\n")?;
            }
        }
        "http-not-http" => {
            out.write_all(b"SSH-2.0-OpenSSH_9.2\r\n")?;
            wait_for_close(out);
        }
        "http-redirect" => {
            let to = "http://169.254.169.254/latest/meta-data/";
            write!(
                out,
                "HTTP/1.1 307 Temporary Redirect\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"
            )?;
        }
        "http-short-body" => {
            head(out, "200 OK", "application/json", Some(1_000))?;
            out.write_all(b"{\"jsonrpc\":\"2.0\",")?;
        }
        "http-slow-body" => {
            head(out, "200 OK", "application/json", Some(1_000))?;
            loop {
                out.write_all(b" ")?;
                thread::sleep(PAUSE);
            }
        }
        "http-status-500" => {
            head(
                out,
                "500 Internal Server Error",
                "text/plain",
                Some(100_000_000),
            )?;
            write_filler(out, 100_000_000)?;
        }
        _ => {
            head(out, "200 OK", "text/html", Some(13))?;
            out.write_all(b"<html></html>")?;
        }
    }
    Ok(())
}
