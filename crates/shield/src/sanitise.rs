//! Taking out of a string what the rules find.

use std::borrow::Cow;

use crate::scan::{self, Hit};

/// The text without anything that a rule finds, borrowed when there is
/// nothing. It is never longer than before, and sanitising it again changes
/// nothing.
#[must_use]
pub fn sanitise(text: &str) -> Cow<'_, str> {
    let mut clean = Cow::Borrowed(text);
    // Taking a character out can bring others together: two variation
    // selectors become a run. After the first pass only those are left that
    // were in their right place, so a second or third pass is the last. Each
    // one takes characters out and puts none in that a rule would find.
    loop {
        let hits = scan::hits(&clean);
        if hits.is_empty() {
            return clean;
        }
        clean = Cow::Owned(without(&clean, &hits));
    }
}

fn without(text: &str, hits: &[Hit<'_>]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for hit in hits {
        out.push_str(text.get(at..hit.start).unwrap_or_default());
        out.push_str(replacement(hit.text));
        at = hit.start + hit.text.len();
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// Controls that end a line or a page keep words apart.
fn replacement(hit: &str) -> &'static str {
    match hit {
        "\u{0B}" | "\u{0C}" | "\u{85}" => "\n",
        _ => "",
    }
}
