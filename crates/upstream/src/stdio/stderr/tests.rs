use proptest::prelude::*;

use super::*;

#[test]
fn control_and_invisible_characters_become_visible() {
    let check = |line: &[u8], expected: &str| assert_eq!(visible(line, &[]), expected);
    check(b"plain text", "plain text");
    check("größer → ok".as_bytes(), "größer → ok");
    check(b"\x1b[31mred\x1b[0m", r"\u{1b}[31mred\u{1b}[0m");
    check(b"a\tb\rc", r"a\tb\rc");
    check("a\u{202e}b\u{200b}c".as_bytes(), r"a\u{202e}b\u{200b}c");
    check("\u{9b}31m".as_bytes(), r"\u{9b}31m");
    check("tag\u{e0041}".as_bytes(), r"tag\u{e0041}");
    check(b"bad \xff byte", "bad \u{fffd} byte");
}

#[test]
fn a_long_line_is_cut() {
    let shown = visible(&[b'x'; 5_000], &[]);
    assert_eq!(shown.len(), MAX_LINE + '…'.len_utf8());
    let split = "é".repeat(2_000);
    assert!(visible(split.as_bytes(), &[]).ends_with("é…"));
}

#[test]
fn secret_values_are_replaced_also_across_the_cut() {
    let secret = SecretString::from("sk-very-secret");
    let line = format!("{}key=sk-very-secret!", "x".repeat(MAX_LINE - 8));
    let shown = visible(line.as_bytes(), std::slice::from_ref(&secret));
    assert!(!shown.contains("sk-"), "{shown}");
    let short = SecretString::from("a");
    assert_eq!(visible(b"banana", &[short, secret]), "banana");
}

proptest! {
    #[test]
    fn any_split_gives_the_same_lines(
        text in prop::collection::vec(prop::sample::select(vec![b'a', b'b', b'\r', b'\n']), 0..200),
        cut in 0_usize..200,
    ) {
        let whole = split(&[&text]);
        let (head, tail) = text.split_at(cut.min(text.len()));
        prop_assert_eq!(whole, split(&[head, tail]));
    }
}

fn split(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut lines = Lines::default();
    let mut all: Vec<Vec<u8>> = pieces.iter().flat_map(|piece| lines.feed(piece)).collect();
    all.extend(lines.rest());
    all
}
