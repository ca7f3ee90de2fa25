//! The least of an HTTP/1.1 client: one kept-alive connection, one request at a time.

use std::io::{Error, ErrorKind};

use bytes::{Buf as _, BytesMut};
use httparse::Status;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Room for what is read at once.
const READ: usize = 64 * 1024;
const MAX_HEADERS: usize = 64;

/// A connection.
#[derive(Debug)]
pub(super) struct Connection<S> {
    stream: S,
    buffer: BytesMut,
}

/// One response. It is filled anew by each exchange, so that its room is used again.
#[derive(Debug, Default)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) session: Option<String>,
    /// The nonce that proofs of possession need.
    pub(super) nonce: Option<String>,
    pub(super) body: Vec<u8>,
}

/// How the end of a body is told (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            buffer: BytesMut::with_capacity(READ),
        }
    }

    /// Sends a request and reads the whole response to it.
    pub(super) async fn exchange(
        &mut self,
        request: &[u8],
        response: &mut Response,
    ) -> Result<(), Error> {
        self.stream.write_all(request).await?;
        response.body.clear();
        let framing = loop {
            if let Some((length, framing)) = head(&self.buffer, response)? {
                self.buffer.advance(length);
                break framing;
            }
            self.fill().await?;
        };
        match framing {
            Framing::Length(length) => self.take(length, &mut response.body).await,
            Framing::Chunked => self.chunks(&mut response.body).await,
        }
    }

    async fn chunks(&mut self, body: &mut Vec<u8>) -> Result<(), Error> {
        loop {
            match httparse::parse_chunk_size(&self.buffer) {
                Ok(Status::Complete((line, size))) => {
                    self.buffer.advance(line);
                    let size = usize::try_from(size).map_err(Error::other)?;
                    self.take(size, body).await?;
                    while self.buffer.len() < 2 {
                        self.fill().await?;
                    }
                    self.buffer.advance(2);
                    if size == 0 {
                        return Ok(());
                    }
                }
                Ok(Status::Partial) => self.fill().await?,
                Err(_) => return Err(Error::new(ErrorKind::InvalidData, "not a chunk")),
            }
        }
    }

    /// Moves so many bytes from the connection to `body`.
    async fn take(&mut self, length: usize, body: &mut Vec<u8>) -> Result<(), Error> {
        let mut left = length;
        while left > 0 {
            if self.buffer.is_empty() {
                self.fill().await?;
            }
            let part = self.buffer.split_to(left.min(self.buffer.len()));
            left -= part.len();
            body.extend_from_slice(&part);
        }
        Ok(())
    }

    async fn fill(&mut self) -> Result<(), Error> {
        self.buffer.reserve(READ);
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// Reads a response's head; `None` until it is complete.
fn head(bytes: &[u8], response: &mut Response) -> Result<Option<(usize, Framing)>, Error> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    let Status::Complete(length) = parsed.parse(bytes).map_err(Error::other)? else {
        return Ok(None);
    };
    response.status = parsed.code.unwrap_or(0);
    let mut framing = Framing::Length(0);
    for header in parsed.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(header.value).map_err(Error::other)?;
            framing = Framing::Length(text.trim().parse().map_err(Error::other)?);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            framing = Framing::Chunked;
        } else if header.name.eq_ignore_ascii_case("mcp-session-id") {
            response.session = String::from_utf8(header.value.to_vec()).ok();
        } else if header.name.eq_ignore_ascii_case("dpop-nonce") {
            response.nonce = String::from_utf8(header.value.to_vec()).ok();
        }
    }
    Ok(Some((length, framing)))
}

#[cfg(test)]
mod tests;
