use proptest::prelude::*;

use super::*;

type Line = Result<String, FrameError>;

/// What a decoder gives when the stream arrives cut into pieces of these sizes, used round and round.
fn decode(stream: &[u8], sizes: &[usize], max_line: usize) -> Vec<Line> {
    let mut decoder = LineDecoder::new(max_line);
    let mut lines = Vec::new();
    let mut rest = stream;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at((*size).clamp(1, rest.len()));
        decoder.feed(piece);
        lines.extend(std::iter::from_fn(|| decoder.next_line()));
        rest = after;
    }
    lines.extend(decoder.finish());
    assert!(decoder.next_line().is_none());
    lines
        .into_iter()
        .map(|line| line.map(|line| String::from_utf8_lossy(&line).into_owned()))
        .collect()
}

fn check(stream: &str, max_line: usize, expected: &[Result<&str, ()>]) {
    let expected: Vec<Line> = expected
        .iter()
        .map(|line| {
            line.map(str::to_owned)
                .map_err(|()| FrameError::TooLong { limit: max_line })
        })
        .collect();
    for size in [1, 2, 3, 1000] {
        assert_eq!(
            decode(stream.as_bytes(), &[size], max_line),
            expected,
            "{stream:?} in pieces of {size}"
        );
    }
}

#[test]
fn cuts_at_newlines() {
    check("", 9, &[]);
    check("a\nb\n", 9, &[Ok("a"), Ok("b")]);
    check("a\r\nb\r\n", 9, &[Ok("a"), Ok("b")]);
    check("\n\r\na\n\n\n", 9, &[Ok("a")]);
    check("a\rb\n", 9, &[Ok("a\rb")]);
    check("a\nb", 9, &[Ok("a"), Ok("b")]);
    check("é\u{2028}\n", 9, &[Ok("é\u{2028}")]);
}

#[test]
fn reports_an_oversize_line_once_and_goes_on() {
    check("abc\nabcd\nx\n", 3, &[Ok("abc"), Err(()), Ok("x")]);
    check("abc\r\nabcd\r\nx\n", 3, &[Ok("abc"), Err(()), Ok("x")]);
    check("abcdefghijkl\n\nx\n", 3, &[Err(()), Ok("x")]);
    check("abcdefghijkl", 3, &[Err(())]);
    check("abc\r", 3, &[Ok("abc")]);
    check("abc\r\r\n", 3, &[Err(())]);
    check("abcdef\nabcdef\n", 3, &[Err(()), Err(())]);
}

#[test]
fn holds_no_more_than_a_line() {
    let mut decoder = LineDecoder::new(100);
    let mut errors = 0;
    for _ in 0..10_000 {
        decoder.feed(&[b'x'; 100]);
        errors += decoder
            .next_line()
            .map_or(0, |line| usize::from(line.is_err()));
        assert!(decoder.buffer.len() <= 200);
    }
    assert_eq!(errors, 1);
}

proptest! {
    #[test]
    fn where_the_stream_is_cut_makes_no_difference(
        stream in "[a-d\r\n]{0,60}",
        sizes in prop::collection::vec(1_usize..10, 1..10),
        max_line in 1_usize..8,
    ) {
        let whole = decode(stream.as_bytes(), &[usize::MAX], max_line);
        prop_assert_eq!(decode(stream.as_bytes(), &sizes, max_line), whole);
    }

    #[test]
    fn gives_the_lines_that_were_written(
        lines in prop::collection::vec("[^\r\n]{1,12}", 0..8),
        sizes in prop::collection::vec(1_usize..10, 1..10),
        crlf in any::<bool>(),
    ) {
        let end = if crlf { "\r\n" } else { "\n" };
        let stream: String = lines.iter().flat_map(|line| [line.as_str(), end]).collect();
        let expected: Vec<Line> = lines
            .into_iter()
            .map(|line| if line.len() > 20 { Err(FrameError::TooLong { limit: 20 }) } else { Ok(line) })
            .collect();
        prop_assert_eq!(decode(stream.as_bytes(), &sizes, 20), expected);
    }
}
