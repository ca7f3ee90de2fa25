use std::collections::VecDeque;
use std::convert::Infallible;

use futures_util::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use proptest::prelude::*;

use super::*;

const STREAM: &[u8] = b"\xef\xbb\xbf: hello\r\nid: 1\r\ndata: {\"a\":1}\r\n\r\nevent: message\ndata: two\ndata: lines\n\n:ping\n\ndata: \xc3\xa9\r\rretry: 10\ndata: end\n\n";

fn read(pieces: VecDeque<Bytes>, max_event: usize) -> Vec<Result<String, String>> {
    let frames = pieces
        .into_iter()
        .map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
    let mut events = Events::new(StreamBody::new(stream::iter(frames)), max_event);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut all = Vec::new();
        while let Some(event) = events.next().await {
            all.push(
                event
                    .map(|event| event.data)
                    .map_err(|error| error.to_string()),
            );
        }
        all
    })
}

#[test]
fn the_whole_stream_gives_its_events() {
    let data: Vec<String> = read([Bytes::from_static(STREAM)].into(), 100)
        .into_iter()
        .map(Result::unwrap)
        .filter(|data| !data.is_empty())
        .collect();
    assert_eq!(data, [r#"{"a":1}"#, "two\nlines", "é", "end"]);
}

#[test]
fn an_event_over_the_limit_is_an_error() {
    let long = format!("data: {}\n\n", "x".repeat(101));
    let events = read([Bytes::from(long)].into(), 100);
    assert!(events.iter().any(Result::is_err), "{events:?}");
}

proptest! {
    #[test]
    fn any_split_gives_the_same_events(cuts in prop::collection::btree_set(0..STREAM.len(), 0..12)) {
        let mut pieces = VecDeque::new();
        let mut rest = STREAM;
        let mut taken = 0;
        for cut in cuts {
            let (head, tail) = rest.split_at(cut - taken);
            pieces.push_back(Bytes::from_static(head));
            rest = tail;
            taken = cut;
        }
        pieces.push_back(Bytes::from_static(rest));
        prop_assert_eq!(read(pieces, 100), read([Bytes::from_static(STREAM)].into(), 100));
    }
}
