//! Server-sent events: however a stream is cut and its lines end, the same events come out, and an
//! event that is written is read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_fuzz::stream;
use portcullis_mcp::framing::{FrameError, SseDecoder, SseEvent, write_event};

/// Short, so that events that are too long are common.
const LONGEST: usize = 48;

fuzz_target!(|data: &[u8]| {
    let (whole, pieces) = stream(data);
    let events = decode(&[whole], LONGEST);
    assert_eq!(decode(&pieces, LONGEST), events);
    let bytes: Vec<&[u8]> = whole.chunks(1).collect();
    assert_eq!(decode(&bytes, LONGEST), events);
    assert_eq!(decode(&[&plain_ends(whole)], LONGEST), events);
    for event in events.into_iter().flatten() {
        assert!(event.data.len() <= LONGEST);
        written_is_read(&event);
    }
});

fn decode(pieces: &[&[u8]], longest: usize) -> Vec<Result<SseEvent, FrameError>> {
    let mut decoder = SseDecoder::new(longest);
    let mut events = Vec::new();
    for piece in pieces {
        decoder.feed(piece);
        while let Some(event) = decoder.next_event() {
            events.push(event);
        }
    }
    events
}

/// The stream with every line end as `\n`.
fn plain_ends(stream: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut after_cr = false;
    for c in stream {
        match c {
            b'\n' if after_cr => {}
            b'\r' => plain.push(b'\n'),
            c => plain.push(*c),
        }
        after_cr = *c == b'\r';
    }
    plain
}

fn written_is_read(event: &SseEvent) {
    let mut text = Vec::new();
    write_event(&mut text, event.id.as_deref(), &event.data);
    let read = decode(&[&text], text.len());
    let expected = SseEvent {
        event: None,
        retry: None,
        ..event.clone()
    };
    assert_eq!(read, [Ok(expected)], "{:?}", String::from_utf8_lossy(&text));
}
