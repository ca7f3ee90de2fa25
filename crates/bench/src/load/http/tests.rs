use tokio::io::AsyncWriteExt as _;

use super::{Connection, Response};

/// The response to one request whose bytes arrive in pieces of this size, and what is left after.
fn read(bytes: &'static str, piece: usize) -> (Response, usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (near, mut far) = tokio::io::duplex(64);
        let mut connection = Connection::new(near);
        let mut response = Response::default();
        let send = async {
            for part in bytes.as_bytes().chunks(piece) {
                far.write_all(part).await.unwrap();
            }
        };
        let (_, outcome) = tokio::join!(send, connection.exchange(b"x", &mut response));
        outcome.unwrap();
        (response, connection.buffer.len())
    })
}

#[test]
fn a_body_is_read_to_its_length() {
    for piece in [1, 7, 1_000] {
        let (response, left) = read(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nMcp-Session-Id: s1\r\n\r\nhello",
            piece,
        );
        assert_eq!(response.status, 200);
        assert_eq!(response.body, b"hello");
        assert_eq!(response.session.as_deref(), Some("s1"));
        assert_eq!(left, 0);
    }
}

#[test]
fn chunks_are_put_together_wherever_the_stream_was_cut() {
    for piece in [1, 3, 1_000] {
        let (response, left) = read(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n",
            piece,
        );
        assert_eq!(response.body, b"hello!");
        assert_eq!(left, 0);
    }
}

#[test]
fn a_response_without_a_body_has_none() {
    let (response, _) = read("HTTP/1.1 202 Accepted\r\n\r\n", 1_000);
    assert_eq!(response.status, 202);
    assert!(response.body.is_empty());
}
