use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::{sanitise, scan};

/// Text with many of the characters that the rules look at, in and out of
/// their right places.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ -~]{0,4}",
        2 => prop::sample::select(HIDDEN).prop_map(String::from),
        2 => prop::sample::select(vec![
            "می", "\u{200C}", "\u{200D}", "क\u{94D}", "👨", "👩🏽", "\u{FE0F}", "❤", "🏴", "\u{E0067}",
            "\u{E0062}\u{E0065}\u{E006E}", "\u{E007F}", "\u{1B}[", "31m", "\u{1B}]", "\u{1B}\\", "\u{7}",
            "\u{9B}", "葛", "\u{E0100}", "র", "\u{9CD}", "\u{200F}", "é",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(text(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The value with every string sanitised; `None` when two keys become one.
fn sanitised(value: &Value) -> Option<Value> {
    Some(match value {
        Value::String(text) => sanitise(text).into_owned().into(),
        Value::Array(items) => items
            .iter()
            .map(sanitised)
            .collect::<Option<Vec<_>>>()?
            .into(),
        Value::Object(members) => {
            let mut clean = serde_json::Map::new();
            for (key, value) in members {
                if clean
                    .insert(sanitise(key).into_owned(), sanitised(value)?)
                    .is_some()
                {
                    return None;
                }
            }
            clean.into()
        }
        other => other.clone(),
    })
}

/// JSON as some servers write it: all that is not ASCII escaped.
fn escaped(json: &str) -> String {
    let mut out = String::new();
    for c in json.chars() {
        match c {
            ' '..='~' => out.push(c),
            _ => c
                .encode_utf16(&mut [0; 2])
                .iter()
                .for_each(|unit| out.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    out
}

proptest! {
    #[test]
    fn sanitising_again_changes_nothing(text in text()) {
        let once = sanitise(&text);
        prop_assert_eq!(sanitise(&once), once.as_ref());
        prop_assert!(once.len() <= text.len());
        prop_assert!(scan::hits(&once).is_empty());
    }

    #[test]
    fn findings_are_empty_exactly_when_nothing_changes(text in text()) {
        let json = serde_json::to_string(&text).unwrap();
        let (verdict, clean, findings) = screen_all(Verdict::Redact, &json);
        prop_assert_eq!(findings.is_empty(), clean == json);
        prop_assert_eq!(findings.is_empty(), sanitise(&text) == text);
        prop_assert_eq!(findings.is_empty(), verdict == Verdict::Allow);
    }

    #[test]
    fn redacted_json_is_the_json_with_its_strings_sanitised(value in json()) {
        let plain = value.to_string();
        for json in [escaped(&plain), plain] {
            let (verdict, text, findings) = screen_all(Verdict::Redact, &json);
            match sanitised(&value) {
                None => {
                    prop_assert_eq!(verdict, Verdict::Block);
                    prop_assert_eq!(text, json);
                }
                Some(clean) => {
                    prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), clean);
                    prop_assert_eq!(findings.is_empty(), text == json);
                }
            }
        }
    }

    #[test]
    fn no_hidden_character_survives(
        words in prop::collection::vec("[a-zA-Z]{1,5}", 2..8),
        hidden in prop::collection::vec(prop::sample::select(HIDDEN), 1..20),
    ) {
        let mut text = words.join(" ");
        for (index, c) in hidden.iter().enumerate() {
            // Anywhere, several in one place too.
            let at = (index * 7) % text.chars().count();
            let at = text.char_indices().nth(at).map_or(0, |(at, _)| at);
            text.insert(at, *c);
        }
        let clean = sanitise(&text);
        for c in HIDDEN {
            prop_assert!(!clean.contains(*c), "{:?} of {:?} is in {:?}", c, text, clean);
        }
        let json = serde_json::to_string(&text).unwrap();
        let (_, redacted, findings) = screen_all(Verdict::Redact, &json);
        prop_assert!(!findings.is_empty());
        prop_assert_eq!(serde_json::from_str::<String>(&redacted).unwrap(), clean);
    }

    #[test]
    fn notes_and_hidden_text_hold_nothing_hidden(text in text()) {
        let json = serde_json::to_string(&text).unwrap();
        for finding in screen_all(Verdict::Mark, &json).2 {
            prop_assert_eq!(sanitise(&finding.note), finding.note.as_str());
            prop_assert!(!finding.note.is_empty());
        }
        if let Some(shown) = crate::decode_hidden(&text) {
            prop_assert_eq!(sanitise(&shown), shown.as_str());
            prop_assert!(shown.chars().count() <= 121);
        }
    }

    #[test]
    fn plain_json_is_what_holds_no_hit(value in json()) {
        let json = value.to_string();
        if scan::is_plain_json(&json) {
            prop_assert!(portcullis_mcp::json::strings(&json).all(|t| scan::hits(&t.value).is_empty()));
        }
    }
}

/// Nothing that a server sends makes the rules go over a text again and again.
#[test]
fn time_is_linear() {
    for piece in [
        "\u{1B}]",
        "\u{1B}[1",
        "\u{9D}a",
        "ب\u{64E}\u{200C}",
        "🏴\u{E0067}",
        "❤\u{FE0F}\u{200B}\u{FE0F}",
        "\u{E0041}a",
        "\u{64E}",
        "\u{34F}\u{FE0F}",
    ] {
        let text = piece.repeat(100_000);
        let start = std::time::Instant::now();
        assert!(sanitise(&text).len() <= text.len());
        assert!(
            start.elapsed().as_secs() < 20,
            "{piece:?} took {:?}",
            start.elapsed()
        );
    }
}
