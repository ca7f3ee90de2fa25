use proptest::prelude::*;

use super::*;

type Event = Result<SseEvent, FrameError>;

fn decode(stream: &[u8], sizes: &[usize], max_event: usize) -> Vec<Event> {
    let mut decoder = SseDecoder::new(max_event);
    let mut events = Vec::new();
    let mut rest = stream;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at((*size).clamp(1, rest.len()));
        decoder.feed(piece);
        events.extend(std::iter::from_fn(|| decoder.next_event()));
        rest = after;
    }
    events
}

fn check(stream: &[u8], expected: &[Event]) {
    for size in [1, 2, 3, 1000] {
        assert_eq!(
            decode(stream, &[size], 32),
            expected,
            "{:?} in pieces of {size}",
            String::from_utf8_lossy(stream)
        );
    }
}

fn data(data: &str) -> SseEvent {
    SseEvent {
        data: data.to_owned(),
        ..SseEvent::default()
    }
}

#[test]
fn follows_the_examples_of_the_standard() {
    check(
        b"data: YHOO\ndata: +2\ndata: 10\n\n",
        &[Ok(data("YHOO\n+2\n10"))],
    );
    let first = SseEvent {
        id: Some("1".to_owned()),
        ..data("first event")
    };
    let second = SseEvent {
        id: Some(String::new()),
        ..data("second event")
    };
    let third = SseEvent {
        id: Some(String::new()),
        ..data(" third event")
    };
    check(
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
        &[Ok(first), Ok(second), Ok(third)],
    );
    check(
        b"data\n\ndata\ndata\n\ndata:",
        &[Ok(data("")), Ok(data("\n"))],
    );
    check(
        b"data:test\n\ndata: test\n\n",
        &[Ok(data("test")), Ok(data("test"))],
    );
}

#[test]
fn knows_every_line_end_and_the_byte_order_mark() {
    let expected = [Ok(data("a\nb")), Ok(data("c"))];
    for end in ["\n", "\r", "\r\n"] {
        let stream = "data:a|data:b||data:c||".replace('|', end);
        check(stream.as_bytes(), &expected);
        check(format!("\u{feff}{stream}").as_bytes(), &expected);
    }
    check(b"data:a\r\ndata:b\n\rdata:c\r\r\n", &expected);
    // A second mark is part of the first field's name.
    check("\u{feff}\u{feff}data:a\n\n".as_bytes(), &[]);
    check(
        b"\xef\xbbdata:a\n\ndata:b\n\n",
        &[Err(FrameError::NotUtf8), Ok(data("b"))],
    );
}

#[test]
fn reads_the_fields() {
    let typed = SseEvent {
        event: Some("endpoint".to_owned()),
        ..data("/x")
    };
    check(
        b"event: endpoint\ndata: /x\n\ndata: y\n\n",
        &[Ok(typed), Ok(data("y"))],
    );
    check(b"event: x\n\ndata: y\n\n", &[Ok(data("y"))]);
    let kept = SseEvent {
        id: Some("7".to_owned()),
        ..data("y")
    };
    check(
        b"id: 7\n\ndata: y\n\nid: a\0b\ndata: y\n\n",
        &[Ok(kept.clone()), Ok(kept)],
    );
    let retry = SseEvent {
        retry: Some(500),
        ..data("")
    };
    check(
        b"retry: 500\ndata:\n\nretry: 5x\nretry:\nretry:-1\ndata: y\n\n",
        &[Ok(retry), Ok(data("y"))],
    );
    check(b"other: 1\nDATA: 2\ndata: y: z\n\n", &[Ok(data("y: z"))]);
    check(b"data: unfinished\n", &[]);
}

#[test]
fn skips_an_oversize_event_and_goes_on() {
    let too_long = || Err(FrameError::TooLong { limit: 32 });
    let long = "x".repeat(100);
    check(
        format!("data: {long}\ndata: y\n\ndata: z\n\n").as_bytes(),
        &[too_long(), Ok(data("z"))],
    );
    check(
        format!("data: a\n:{long}\r\n\r\ndata: z\n\n").as_bytes(),
        &[too_long(), Ok(data("z"))],
    );
    let many = "data: 0123456789\n".repeat(4);
    check(
        format!("{many}{many}\ndata: z\n\n").as_bytes(),
        &[too_long(), Ok(data("z"))],
    );
    let lines = |last: &str| format!("data: 0123456789\ndata: 0123456789\ndata: {last}\n\n");
    check(
        lines("0123456789").as_bytes(),
        &[Ok(data("0123456789\n0123456789\n0123456789"))],
    );
    check(lines("0123456789x").as_bytes(), &[too_long()]);
    check(
        b"data: \xff\ndata: y\n\ndata: z\n\n",
        &[Err(FrameError::NotUtf8), Ok(data("z"))],
    );
}

#[test]
fn holds_no_more_than_an_event() {
    let mut decoder = SseDecoder::new(100);
    let mut errors = 0;
    for piece in [&[b'x'; 100][..], b"data: aaaaaaaaaaaaaaaa\n"] {
        for _ in 0..10_000 {
            decoder.feed(piece);
            errors += std::iter::from_fn(|| decoder.next_event())
                .filter(Result::is_err)
                .count();
            assert!(
                decoder.buffer.len() <= 300
                    && decoder.data.as_ref().is_none_or(|data| data.len() <= 100)
            );
        }
    }
    assert_eq!(errors, 1);
}

#[test]
fn writes_what_the_standard_reads() {
    let mut out = Vec::new();
    write_event(&mut out, Some("1"), "a\nb");
    write_event(&mut out, None, "");
    write_event(&mut out, Some("x\ndata: injected"), "c");
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "id: 1\ndata: a\ndata: b\n\ndata: \n\ndata: c\n\n"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn where_the_stream_is_cut_makes_no_difference(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "\u{feff}", "data", "id", "event", "retry", ":", " ", "1", "xyz", "\0", "é", "\n", "\r", "\r\n", "\n\n",
                "0123456789",
            ]),
            0..40,
        ),
        sizes in prop::collection::vec(1_usize..10, 1..10),
        max_event in 1_usize..24,
        bad in any::<Option<prop::sample::Index>>(),
    ) {
        let mut stream = parts.concat().into_bytes();
        if let Some(bad) = bad.filter(|_| !stream.is_empty()) {
            let at = bad.index(stream.len());
            stream[at] = 0xff;
        }
        let whole = decode(&stream, &[usize::MAX], max_event);
        prop_assert_eq!(decode(&stream, &sizes, max_event), whole);
    }

    #[test]
    fn gives_the_events_that_were_written(
        events in prop::collection::vec((any::<Option<u8>>(), "[^\0]{0,30}"), 0..6),
        sizes in prop::collection::vec(1_usize..10, 1..10),
    ) {
        let mut stream = Vec::new();
        let mut id = None;
        let mut expected = Vec::new();
        for (new_id, data) in events {
            let new_id = new_id.map(|id| id.to_string());
            write_event(&mut stream, new_id.as_deref(), &data);
            id = new_id.or(id);
            let data = data.replace("\r\n", "\n").replace('\r', "\n");
            expected.push(Ok(SseEvent { event: None, id: id.clone(), data, retry: None }));
        }
        prop_assert_eq!(decode(&stream, &sizes, 1000), expected);
    }
}
