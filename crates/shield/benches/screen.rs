//! What looking at a text costs: `cargo bench -p portcullis-shield`.
#![allow(missing_docs, reason = "a bench has no readers but its own")]

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use portcullis_shield::{Direction, Settings, Shield};

fn main() {
    divan::main();
}

const SIZES: [usize; 2] = [1_024, 102_400];

/// ASCII, in which nothing can hide.
#[divan::bench(args = SIZES)]
fn ascii(bencher: Bencher<'_, '_>, bytes: usize) {
    let line = r#"The model reads \"this\" line, and then the next.\n"#;
    screen(bencher, &json(line, bytes, ""));
}

/// Letters and punctuation beyond ASCII, all of it fine.
#[divan::bench(args = SIZES)]
fn clean(bencher: Bencher<'_, '_>, bytes: usize) {
    screen(bencher, &json(ACCENTS, bytes, ""));
}

/// The same with hidden characters at the end.
#[divan::bench(args = SIZES)]
fn dirty(bencher: Bencher<'_, '_>, bytes: usize) {
    screen(bencher, &json(ACCENTS, bytes, HIDDEN));
}

/// The same with hidden characters in every line.
#[divan::bench(args = SIZES)]
fn dirty_all_over(bencher: Bencher<'_, '_>, bytes: usize) {
    let line = [ACCENTS, HIDDEN].concat();
    screen(bencher, &json(&line, bytes, ""));
}

const ACCENTS: &str = r#"Der „Zug“ fährt über die Brücke – nächster Halt: Köln.\n"#;
const HIDDEN: &str = "\u{e0049}\u{e0067}\u{200b}\u{202e}";

fn screen(bencher: Bencher<'_, '_>, json: &str) {
    let shield = Shield::new(Settings::default());
    bencher
        .counter(BytesCount::of_str(json))
        .bench(|| shield.screen(Direction::Result, black_box(json)).verdict);
}

fn json(line: &str, bytes: usize, end: &str) -> String {
    let lines = line.repeat(bytes.div_ceil(line.len()));
    ["{\"text\":\"", &lines, end, "\"}"].concat()
}
