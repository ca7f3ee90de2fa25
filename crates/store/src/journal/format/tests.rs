use proptest::prelude::*;

use super::*;
use crate::{Closed, Opened};

fn record(entry: &str) -> AuditRecord {
    AuditRecord::Opened(Opened {
        entry: entry.to_owned(),
        transport: "http".to_owned(),
        ..Opened::default()
    })
}

fn group(number: u64) -> Group {
    let closed = Closed {
        entry: format!("{number}-closed"),
        findings: serde_json::json!([{"rule": "x\n\u{0}", "at": 1.5}]),
        bytes_in: u64::MAX,
        ..Closed::default()
    };
    Group {
        number,
        records: vec![
            record(&format!("{number}-opened")),
            AuditRecord::Closed(closed),
        ],
    }
}

fn frame(group: &Group) -> Vec<u8> {
    let mut frame = b"left over".to_vec();
    write_frame(&mut frame, group.number, &group.records).unwrap();
    frame
}

/// A file with the groups `base..base + count`, and where each of them begins; the last element
/// is where the next would.
fn file(base: u64, count: u64) -> (Vec<u8>, Vec<usize>) {
    let mut file = file_header(base).to_vec();
    let mut begins = vec![file.len()];
    for number in base..base + count {
        file.extend(frame(&group(number)));
        begins.push(file.len());
    }
    (file, begins)
}

#[test]
fn what_was_written_is_read() {
    for (base, count) in [(0, 0), (0, 1), (7, 5), (u64::from(u32::MAX), 3)] {
        let (mut bytes, _) = file(base, count);
        let groups: Vec<Group> = (base..base + count).map(group).collect();
        assert_eq!(read(&bytes), Ok(groups));
        // Zeros behind the end are room for more.
        bytes.extend([0; 100]);
        assert_eq!(read(&bytes).unwrap().len() as u64, count);
    }
}

/// As releases wrote them that did not tell issuer, application, actors and token.
#[test]
fn records_of_earlier_releases_are_read() {
    const OPENED: &str = r#"{"opened":{"entry":"a","at_us":1,"principal":"ada","principal_kind":"user","authentication":"api-key","client":null,"profile":"p","transport":"http","era":"modern","protocol_version":"2026-07-28","direction":"client","method":"tools/call","rpc_id":"1","server":"s","target":"t","definition":null,"arguments_digest":null,"trace":null,"remote":null}}"#;
    const CLOSED: &str = r#"{"closed":{"entry":"a","at_us":2,"decision":"permit","policies":["all"],"policy_version":null,"reason":null,"outcome":"ok","verdict":null,"findings":[],"result_digest":null,"bytes_in":1,"bytes_out":2,"timings_us":{},"principal":"ada","principal_kind":null,"authentication":null,"profile":null,"server":null,"target":null,"definition":null}}"#;
    let some = |text: &str| Some(text.to_owned());
    let read = records(format!("{OPENED}\n{CLOSED}\n").as_bytes()).unwrap();
    let opened = Opened {
        entry: "a".to_owned(),
        at_us: 1,
        principal: some("ada"),
        principal_kind: some("user"),
        authentication: some("api-key"),
        profile: some("p"),
        transport: "http".to_owned(),
        era: some("modern"),
        protocol_version: some("2026-07-28"),
        direction: "client".to_owned(),
        method: "tools/call".to_owned(),
        rpc_id: some("1"),
        server: some("s"),
        target: some("t"),
        ..Opened::default()
    };
    let closed = Closed {
        entry: "a".to_owned(),
        at_us: 2,
        decision: "permit".to_owned(),
        policies: vec!["all".to_owned()],
        outcome: "ok".to_owned(),
        findings: serde_json::json!([]),
        bytes_in: 1,
        bytes_out: 2,
        timings_us: serde_json::json!({}),
        principal: some("ada"),
        ..Closed::default()
    };
    assert_eq!(
        read,
        [AuditRecord::Opened(opened), AuditRecord::Closed(closed)]
    );
}

#[test]
fn a_file_that_was_never_finished_is_empty() {
    let header = file_header(0);
    for length in 0..FILE_HEADER {
        assert_eq!(read(&header[..length]), Ok(Vec::new()));
    }
    assert_eq!(read(&[0; FILE_HEADER]), Ok(Vec::new()));
    assert_eq!(read(&[0; 100]), Err(Damaged { offset: 0 }));
    assert_eq!(
        read(b"notes, longer than a header, of somebody"),
        Err(Damaged { offset: 0 })
    );
}

#[test]
fn an_earlier_use_of_the_file_is_not_read() {
    let (mut bytes, _) = file(0, 20);
    let (later, _) = file(20, 3);
    bytes[..later.len()].copy_from_slice(&later);
    assert_eq!(read(&bytes).unwrap().len(), 3);
    bytes[..FILE_HEADER].copy_from_slice(&file_header(23));
    assert_eq!(read(&bytes), Ok(Vec::new()));
}

#[test]
fn text_from_outside_is_never_a_frame() {
    // A whole frame as the text of a record, in a file whose last frame is torn.
    let smuggled = String::from_utf8_lossy(&frame(&group(3))).into_owned();
    let torn = Group {
        number: 2,
        records: vec![record(&smuggled)],
    };
    let (mut bytes, begins) = file(0, 2);
    bytes.extend(frame(&torn));
    assert_eq!(read(&bytes).unwrap()[2], torn);
    bytes[begins[2] + 8] ^= 1;
    assert_eq!(read(&bytes).unwrap().len(), 2);
}

proptest! {
    /// A file that ends anywhere holds what was whole, and is not damaged.
    #[test]
    fn a_torn_end_is_cut(base in 0_u64..1 << 40, lost in 1_usize..2_000, zeros in 0_usize..3_000) {
        let (mut bytes, begins) = file(base, 4);
        let last = begins[3];
        bytes.truncate(bytes.len().saturating_sub(lost).max(last));
        bytes.extend(vec![0; zeros]);
        prop_assert_eq!(read(&bytes).unwrap().len(), 3);
    }

    /// Any change of a byte is noticed: in the last group it takes that group for torn, anywhere
    /// else it refuses the file.
    #[test]
    fn damage_is_told_from_a_torn_end(at in any::<prop::sample::Index>(), bit in 0_u32..8) {
        let (mut bytes, begins) = file(5, 4);
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        let read = read(&bytes);
        if at < FILE_HEADER {
            // The last four bytes of the header are spare, and zero all the same.
            prop_assert_eq!(read, Err(Damaged { offset: 0 }));
        } else if at >= begins[3] {
            prop_assert_eq!(read.unwrap().len(), 3);
        } else {
            let offset = begins.iter().copied().filter(|begin| *begin <= at).max().unwrap();
            prop_assert_eq!(read, Err(Damaged { offset }));
        }
    }

    #[test]
    fn no_bytes_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..300), base in any::<u64>()) {
        let _ = read(&bytes);
        let mut file = file_header(base).to_vec();
        file.extend(bytes);
        prop_assert_eq!(read(&file), Ok(Vec::new()));
    }
}
