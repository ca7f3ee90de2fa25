//! The shield over JSON.

use super::*;
use crate::{Direction, Settings};

fn redact(json: &str) -> String {
    let (verdict, text, findings) = screen_all(Verdict::Redact, json);
    assert_eq!(verdict, Verdict::Redact, "{json}");
    assert!(!findings.is_empty());
    text
}

#[test]
fn only_strings_with_findings_change() {
    let json = "{ \"b\" :\t1.0,\"a\":[\"\\u0041\\/\",\"x\u{200B}y\", 12345678901234567890 ],\"é\":\"\\u001b[1mq\\\"\\n\\u202e\"}\n";
    assert_eq!(
        redact(json),
        "{ \"b\" :\t1.0,\"a\":[\"\\u0041\\/\",\"xy\", 12345678901234567890 ],\"é\":\"q\\\"\\n\"}\n"
    );
}

#[test]
fn escapes_are_found_like_characters() {
    for escaped in [
        "\\u200b",
        "\\u200B",
        "\\b",
        "\\f",
        "\\u0000",
        "\\udb40\\udc41",
        "\\u202E",
    ] {
        let json = format!("[\"a{escaped}b\"]");
        let (_, _, findings) = screen_all(Verdict::Mark, &json);
        assert_eq!(findings.len(), 1, "{json}");
        assert_eq!(findings[0].span.of(&json), format!("\"a{escaped}b\""));
    }
    // Written out twice it is text.
    let (verdict, _, findings) = screen_all(Verdict::Block, r#"["a\\u200b", "\\b", "\\\\f"]"#);
    assert_eq!((verdict, findings.len()), (Verdict::Allow, 0));
}

#[test]
fn a_shield_that_is_off_finds_nothing() {
    let json = "{\"description\":\"a\u{202E}b\"}";
    for direction in [
        Direction::Definition,
        Direction::Argument,
        Direction::Result,
    ] {
        let screening = Shield::off().screen(direction, json);
        assert_eq!(
            (screening.verdict, screening.findings.len()),
            (Verdict::Allow, 0)
        );
        assert_eq!(screening.text, json);
    }
}

#[test]
fn verdicts_by_direction() {
    let json = "{\"description\":\"a\u{202E}b\"}";
    let shield = Shield::default();
    for (direction, verdict, text) in [
        (Direction::Definition, Verdict::Hold, json),
        (Direction::Argument, Verdict::Mark, json),
        (
            Direction::Result,
            Verdict::Redact,
            "{\"description\":\"ab\"}",
        ),
    ] {
        let screening = shield.screen(direction, json);
        assert_eq!(screening.verdict, verdict);
        assert_eq!(screening.text, text);
        assert_eq!(screening.findings.len(), 1);
        assert_eq!(Settings::default().verdict(direction), verdict);
        let clean = shield.screen(direction, "{\"description\":\"äb\"}");
        assert_eq!((clean.verdict, clean.findings.len()), (Verdict::Allow, 0));
    }
    for &verdict in Verdict::ALL {
        assert_eq!(screen_all(verdict, json).0, verdict);
        assert_eq!(Verdict::parse(verdict.as_str()), Some(verdict));
        assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.as_str());
    }
    assert_eq!(Verdict::parse("Allow"), None);
}

#[test]
fn keys_are_cleaned_unless_they_would_collide() {
    assert_eq!(
        redact("{\"pa\u{200B}th\":1,\"other\":2}"),
        "{\"path\":1,\"other\":2}"
    );
    for json in [
        "{\"pa\u{200B}th\":1,\"path\":2}",
        "{\"path\":1,\"\\u0070ath\\u200b\":2}",
        "{\"x\":[{\"a\u{200B}\":1,\"a\u{200C}\":2}]}",
    ] {
        let (verdict, text, findings) = screen_all(Verdict::Redact, json);
        assert_eq!((verdict, text.as_str()), (Verdict::Block, json));
        assert!(!findings.is_empty());
    }
    // The same key in another object is no collision.
    assert_eq!(
        redact("{\"a\u{200B}\":1,\"b\":{\"a\":2}}"),
        "{\"a\":1,\"b\":{\"a\":2}}"
    );
}

#[test]
fn one_finding_for_each_rule_and_string() {
    let json = "[\"a\u{200B}\u{202E}\u{200B}\u{202E}\", \"b\", \"\u{200B}\"]";
    let (_, _, findings) = screen_all(Verdict::Mark, json);
    let found: Vec<_> = findings
        .iter()
        .map(|f| (f.rule, f.span.of(json), f.note.as_str()))
        .collect();
    let first = "\"a\u{200B}\u{202E}\u{200B}\u{202E}\"";
    assert_eq!(
        found,
        [
            (
                "bidi-control",
                first,
                "U+202E RIGHT-TO-LEFT OVERRIDE, 2 times"
            ),
            ("zero-width", first, "U+200B ZERO WIDTH SPACE, 2 times"),
            ("zero-width", "\"\u{200B}\"", "U+200B ZERO WIDTH SPACE"),
        ]
    );
    insta::assert_snapshot!(serde_json::to_string(&findings[2]).unwrap(), @r#"{"rule":"zero-width","severity":"medium","confidence":"medium","span":{"start":23,"end":28},"note":"U+200B ZERO WIDTH SPACE"}"#);
}

#[test]
fn findings_are_counted_out_but_all_is_redacted() {
    let json = format!("[{}\"\"]", "\"\u{200B}\",".repeat(1000));
    let (verdict, text, findings) = screen_all(Verdict::Redact, &json);
    assert_eq!(verdict, Verdict::Redact);
    assert_eq!(findings.len(), 256);
    assert_eq!(text, format!("[{}\"\"]", "\"\",".repeat(1000)));
}

#[test]
fn what_is_not_json_is_blocked() {
    for json in [
        "[\"a\u{200B}\"",
        "{\"é\":1,\"é\":2}",
        "[\"\\ud800\"]",
        "\u{FEFF}[]",
        "é",
    ] {
        let (verdict, text, _) = screen_all(Verdict::Redact, json);
        assert_eq!((verdict, text.as_str()), (Verdict::Block, json));
    }
}

/// Every place of a definition, one after the other.
#[test]
fn no_position_is_left_out() {
    let clean = serde_json::json!({
        "name": "add", "title": "Add", "description": "Adds",
        "inputSchema": {
            "type": "object", "$comment": "c", "title": "t", "description": "d",
            "properties": {"a": {"type": "number", "description": "d", "default": "x", "enum": ["x", "y"], "examples": ["z"]}},
            "required": ["a"],
        },
        "outputSchema": {"properties": {"r": {"const": "k"}}},
        "annotations": {"title": "t"}, "icons": [{"src": "data:,"}], "_meta": {"k": {"l": ["m"]}},
    })
    .to_string();
    let tokens: Vec<_> = portcullis_mcp::json::strings(&clean)
        .map(|t| t.span)
        .collect();
    assert!(tokens.len() > 40);
    for span in tokens {
        let mut poisoned = clean.clone();
        poisoned.insert(span.end - 1, '\u{E0041}');
        let screening = Shield::default().screen(Direction::Definition, &poisoned);
        assert_eq!(screening.verdict, Verdict::Hold, "{poisoned}");
        assert_eq!(screening.findings.len(), 1);
        assert_eq!(screening.findings[0].span.start, span.start);
    }
}
