//! Lines of stdio: however a stream is cut, the same lines come out, and they are what a plain split
//! at line ends gives.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_fuzz::stream;
use portcullis_mcp::framing::{FrameError, LineDecoder};

/// Short, so that lines that are too long are common.
const LONGEST: usize = 24;

type Line = Result<Vec<u8>, FrameError>;

fuzz_target!(|data: &[u8]| {
    let (whole, pieces) = stream(data);
    let expected = split(whole);
    assert_eq!(decode(&[whole]), expected);
    assert_eq!(decode(&pieces), expected);
});

fn decode(pieces: &[&[u8]]) -> Vec<Line> {
    let mut decoder = LineDecoder::new(LONGEST);
    let mut lines = Vec::new();
    for piece in pieces {
        decoder.feed(piece);
        while let Some(line) = decoder.next_line() {
            lines.push(line);
        }
    }
    lines.extend(decoder.finish());
    lines
}

fn split(stream: &[u8]) -> Vec<Line> {
    stream
        .split(|c| *c == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.is_empty())
        .map(|line| match line.len() > LONGEST {
            true => Err(FrameError::TooLong { limit: LONGEST }),
            false => Ok(line.to_vec()),
        })
        .collect()
}
