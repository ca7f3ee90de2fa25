use proptest::prelude::*;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::*;
use crate::arbitrary;

fn verdict(text: &str) -> Result<(), JsonError> {
    check(text.as_bytes(), &Limits::default()).map(drop)
}

fn accepts(text: &str) {
    assert_eq!(verdict(text), Ok(()), "{text}");
}

fn refuses(text: &str) {
    assert!(
        matches!(verdict(text), Err(JsonError::Syntax { .. })),
        "{text}: {:?}",
        verdict(text)
    );
}

#[test]
fn accepts_rfc_8259() {
    for text in [
        "null",
        " true ",
        "false",
        "0",
        "-0",
        "10",
        "1.5",
        "-1.5e+10",
        "1E-7",
        "1e400",
        "123456789012345678901234567890",
        r#""""#,
        r#""a\"\\\/\b\f\n\r\tb""#,
        r#""\u00e9\ud83d\ude00""#,
        "\"\u{7f}\u{2028}é😀\"",
        "[]",
        "[ ]",
        "[1,[2,{}]]",
        "{}",
        "{ }",
        r#"{"a":1,"b":{"a":2}}"#,
        "\t\r\n{}\n",
        r#"{"":0}"#,
        r#"{"a":1,"A":2}"#,
    ] {
        accepts(text);
    }
}

#[test]
fn refuses_everything_else() {
    for text in [
        "",
        " ",
        "nul",
        "True",
        "NaN",
        "Infinity",
        "+1",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x10",
        "1_000",
        "--1",
        "'a'",
        "\"a",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "\"\0\"",
        "\"\u{1f}\"",
        "[",
        "]",
        "[1",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1}",
        "{",
        "}",
        "{]",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{,"a":1}"#,
        r#"{"a":1 "b":2}"#,
        "{a:1}",
        "{1:1}",
        r#"{"a"::1}"#,
        "{} {}",
        "{}x",
        "1 1",
        "[]]",
        "// c\n1",
        "1/**/",
        "\u{feff}{}",
        "\u{a0}1",
        "tru",
        "nulll",
        "\"a\"b",
        "[\"a\":1]",
        "\\u0022",
    ] {
        refuses(text);
    }
}

#[test]
fn refuses_lone_surrogate_escapes() {
    for text in [
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\ud800\u0041""#,
        r#""\ud800\ud800""#,
        r#""\ud800x""#,
        r#""\ud800\n""#,
        r#""\udc00\ud800""#,
        r#"{"\ud800":1}"#,
        r#""\ud800\"#,
        r#""\ud83d\ude0""#,
    ] {
        refuses(text);
    }
}

#[test]
fn refuses_bytes_that_are_not_utf_8() {
    let refused = |bytes: &[u8]| check(bytes, &Limits::default()).map(str::to_owned);
    assert_eq!(refused(b"\"a\xff\""), Err(JsonError::NotUtf8 { offset: 2 }));
    assert_eq!(
        refused(b"\"\xc0\xaf\""),
        Err(JsonError::NotUtf8 { offset: 1 })
    );
    assert_eq!(
        refused(b"\"\xed\xa0\x80\""),
        Err(JsonError::NotUtf8 { offset: 1 })
    );
}

#[test]
fn refuses_a_key_twice_at_every_level_after_unescaping() {
    let duplicate = |text: &str, key: &str, offset| {
        assert_eq!(
            verdict(text),
            Err(JsonError::DuplicateKey {
                key: key.to_owned(),
                offset
            }),
            "{text}"
        );
    };
    duplicate(r#"{"a":1,"a":1}"#, "a", 7);
    duplicate(r#"{"a":1,"\u0061":2}"#, "a", 7);
    duplicate(r#"{"\/":1,"/":2}"#, "/", 8);
    duplicate(r#"[[{"x":{"a":1,"b":2,"a":3}}]]"#, "a", 20);
    duplicate(r#"{"a":{"a":{}},"b":[{"a":1}],"a":0}"#, "a", 28);
    duplicate(r#"{"\ud83d\ude00":1,"😀":2}"#, "😀", 18);
    accepts(r#"[{"a":1},{"a":2},{"a":{"a":[{"a":3}]}}]"#);
    accepts(r#"{"b":{"a":1},"a":1,"c":{"a":1}}"#);
}

#[test]
fn compares_keys_in_objects_of_any_size() {
    let members = |count: usize, extra: &str| {
        let members: Vec<String> = (0..count)
            .map(|n| format!(r#""k{n}":{{"k{n}":[]}}"#))
            .collect();
        format!("{{{}{extra}}}", members.join(","))
    };
    for count in [1, 15, 16, 17, 18, 33, 100_000] {
        accepts(&members(count, ""));
        accepts(&members(count, r#","other":1"#));
        for again in [0, count / 2, count - 1] {
            let refused = verdict(&members(count, &format!(r#","\u006b{again}":1"#)));
            assert!(
                matches!(refused, Err(JsonError::DuplicateKey { .. })),
                "{count} {again}: {refused:?}"
            );
        }
    }
}

#[test]
fn keeps_to_the_limits() {
    let limits = Limits {
        max_bytes: 16,
        max_depth: 3,
    };
    let verdict = |text: &str| check(text.as_bytes(), &limits).map(drop);
    assert_eq!(verdict("[[[]]]"), Ok(()));
    assert_eq!(verdict(r#"[{"a":[1]},[[]]]"#), Ok(()));
    assert_eq!(verdict("[[[[]]]]"), Err(JsonError::TooDeep { limit: 3 }));
    assert_eq!(
        verdict(r#"[[{"a":{}}]]"#),
        Err(JsonError::TooDeep { limit: 3 })
    );
    assert_eq!(verdict("1               "), Ok(()));
    assert_eq!(
        verdict("1                "),
        Err(JsonError::TooLarge { limit: 16 })
    );
    let deep = "[".repeat(1_000_000);
    assert_eq!(
        check(deep.as_bytes(), &Limits::default()),
        Err(JsonError::TooDeep { limit: 64 })
    );
}

#[test]
fn errors_show_little_of_a_key() {
    let key = "é".repeat(1000);
    let shown = verdict(&format!(r#"{{"{key}":1,"{key}":2}}"#))
        .unwrap_err()
        .to_string();
    assert_eq!(
        shown,
        format!("duplicate key {:?} at byte 2006", "é".repeat(64))
    );
    let shown = verdict("{\"\\u001b[31m\":1,\"\\u001b[31m\":2}")
        .unwrap_err()
        .to_string();
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}

/// What serde_json reads, with duplicate keys refused: the other opinion for the differential test.
struct Reference;

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Reference;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("json")
            }
            fn visit_bool<E>(self, _: bool) -> Result<Reference, E> {
                Ok(Reference)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Reference, E> {
                Ok(Reference)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Reference, E> {
                Ok(Reference)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Reference, E> {
                Ok(Reference)
            }
            fn visit_str<E>(self, _: &str) -> Result<Reference, E> {
                Ok(Reference)
            }
            fn visit_unit<E>(self) -> Result<Reference, E> {
                Ok(Reference)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Reference, A::Error> {
                while seq.next_element::<Reference>()?.is_some() {}
                Ok(Reference)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Reference, A::Error> {
                let mut keys = std::collections::BTreeSet::new();
                while let Some(key) = map.next_key::<String>()? {
                    if !keys.insert(key) {
                        return Err(A::Error::custom("duplicate"));
                    }
                    map.next_value::<Reference>()?;
                }
                Ok(Reference)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

fn agrees_with_serde_json(bytes: &[u8]) -> Result<(), TestCaseError> {
    let reference = serde_json::from_slice::<Reference>(bytes);
    // serde_json has no value for what a double cannot hold; the grammar has.
    prop_assume!(
        !reference
            .as_ref()
            .is_err_and(|error| error.to_string().contains("out of range"))
    );
    let ours = check(bytes, &Limits::default());
    prop_assert_eq!(
        ours.is_ok(),
        reference.is_ok(),
        "{:?}: {:?} {:?}",
        String::from_utf8_lossy(bytes),
        ours,
        reference.err()
    );
    Ok(())
}

fn fragments() -> impl Strategy<Value = String> {
    let fragment = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"\\u0061\"",
        "\"b\"",
        "\"",
        "\\",
        "\\u",
        "d83d",
        "\\ude00",
        "0",
        "1",
        "-",
        ".",
        "e",
        "E+",
        "true",
        "false",
        "null",
        " ",
        "\n",
        "\u{b}",
        "é",
        "{\"a\":1",
        ",\"a\":",
        "\"a\":",
    ]);
    prop::collection::vec(fragment, 0..10).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn accepts_what_serde_json_accepts_but_for_duplicates(value in arbitrary::value(), mut style in arbitrary::style()) {
        let text = arbitrary::render(&value, &mut style);
        prop_assert_eq!(check(text.as_bytes(), &Limits::default()), Ok(text.as_str()));
        agrees_with_serde_json(text.as_bytes())?;
    }

    #[test]
    fn refuses_what_serde_json_refuses(
        value in arbitrary::value(),
        mut style in arbitrary::style(),
        at in any::<prop::sample::Index>(),
        byte in prop_oneof![any::<u8>(), prop::sample::select(b"{}[],:\"\\0123456789-.eEtfnu \n".to_vec())],
        how in 0..3,
    ) {
        let mut bytes = arbitrary::render(&value, &mut style).into_bytes();
        let at = at.index(bytes.len());
        match how {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            _ => drop(bytes.remove(at)),
        }
        agrees_with_serde_json(&bytes)?;
    }

    #[test]
    fn agrees_with_serde_json_on_fragments(text in fragments()) {
        agrees_with_serde_json(text.as_bytes())?;
    }

    #[test]
    fn objects_hold_what_serde_json_reads(map in arbitrary::object(), mut style in arbitrary::style()) {
        let text = arbitrary::render(&Value::Object(map.clone()), &mut style);
        let object = Object::parse(&text).unwrap();
        prop_assert_eq!(object.members().len(), map.len());
        for member in object.members() {
            prop_assert_eq!(&serde_json::from_str::<Value>(member.value).unwrap(), &map[&*member.key]);
            prop_assert_eq!(member.value_span.of(&text), member.value);
            let key = as_string(member.key_span.of(&text));
            prop_assert_eq!(key.as_deref(), Some(&*member.key));
            prop_assert_eq!(object.get(&member.key).map(|found| found.value_span), Some(member.value_span));
            let expected = map[&*member.key].as_str();
            let string = object.string(&member.key).ok().flatten();
            prop_assert_eq!(string.as_deref(), expected);
        }
    }

    #[test]
    fn elements_are_what_serde_json_reads(items in prop::collection::vec(arbitrary::value(), 0..6), mut style in arbitrary::style()) {
        let text = arbitrary::render(&Value::Array(items.clone()), &mut style);
        let elements = elements(&text).unwrap();
        let read: Vec<Value> = elements.iter().map(|element| serde_json::from_str(element.value).unwrap()).collect();
        prop_assert_eq!(read, items);
        for element in elements {
            prop_assert_eq!(element.span.of(&text), element.value);
        }
    }

    #[test]
    fn strings_are_those_of_the_tree(value in arbitrary::value(), mut style in arbitrary::style()) {
        let text = arbitrary::render(&value, &mut style);
        let mut expected = Vec::new();
        tree_strings(&value, &mut expected);
        let mut found = Vec::new();
        for token in strings(&text) {
            let raw = token.span.of(&text);
            let read = as_string(raw);
            prop_assert_eq!(read.as_deref(), Some(&*token.value));
            prop_assert_eq!(matches!(token.value, std::borrow::Cow::Borrowed(_)), !raw.contains('\\'));
            found.push((token.is_key, token.value.into_owned()));
        }
        prop_assert!(strings(&text).is_sorted_by_key(|token| token.span.start));
        found.sort();
        expected.sort();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn quote_is_what_serde_json_writes(text in arbitrary::text()) {
        prop_assert_eq!(quote(&text), serde_json::to_string(&text).unwrap());
        let quoted = quote(&text);
        let read = as_string(&quoted);
        prop_assert_eq!(read.as_deref(), Some(&*text));
    }

    #[test]
    fn views_of_unchecked_text_do_not_panic(text in fragments()) {
        let valid = serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok();
        prop_assert!(valid || Object::parse(&text).is_err());
        prop_assert!(valid || elements(&text).is_err());
        drop((strings(&text).count(), as_string(&text), canonical(&text), kind(&text)));
    }
}

fn tree_strings(value: &Value, out: &mut Vec<(bool, String)>) {
    match value {
        Value::String(text) => out.push((false, text.clone())),
        Value::Array(items) => items.iter().for_each(|item| tree_strings(item, out)),
        Value::Object(members) => {
            for (key, value) in members {
                out.push((true, key.clone()));
                tree_strings(value, out);
            }
        }
        _ => {}
    }
}

#[test]
fn strings_come_in_order() {
    let text = r#"{"a":["b",{"c\n":1}],"d":"e"}"#;
    let found: Vec<_> = strings(text)
        .map(|token| (token.is_key, token.value.into_owned()))
        .collect();
    let expected = [
        (true, "a"),
        (false, "b"),
        (true, "c\n"),
        (true, "d"),
        (false, "e"),
    ];
    assert_eq!(
        found,
        expected.map(|(is_key, value)| (is_key, value.to_owned()))
    );
}

#[test]
fn views_refuse_other_kinds() {
    for text in ["[]", "1", "\"a\"", "null", " true"] {
        assert_eq!(
            Object::parse(text).unwrap_err(),
            JsonError::Expected(JsonKind::Object),
            "{text}"
        );
    }
    assert_eq!(
        elements("{}").unwrap_err(),
        JsonError::Expected(JsonKind::Array)
    );
    for text in ["", "1", "\"a", "\"a\" b", "[\"a\"]", "\"\\ud800\""] {
        assert_eq!(as_string(text), None, "{text}");
    }
    let object = Object::parse(r#"{"a":1}"#).unwrap();
    assert_eq!(
        object.string("a"),
        Err(JsonError::Expected(JsonKind::String))
    );
    assert_eq!(object.string("b"), Ok(None));
    let twice = Object::parse(r#"{"a":1,"\u0061":2}"#).unwrap_err();
    assert_eq!(
        twice,
        JsonError::DuplicateKey {
            key: "a".to_owned(),
            offset: 7
        }
    );
}

#[test]
fn kinds_are_told_by_the_first_byte() {
    let kinds = ["{}", " [1]", "\"\"", "-1", "0", "true", "false", "null"].map(kind);
    use JsonKind as K;
    assert_eq!(
        kinds,
        [
            K::Object,
            K::Array,
            K::String,
            K::Number,
            K::Number,
            K::Bool,
            K::Bool,
            K::Null
        ]
    );
}

#[test]
fn a_span_of_another_text_is_empty() {
    assert_eq!(Span { start: 1, end: 3 }.of("abcd"), "bc");
    assert_eq!(Span { start: 1, end: 9 }.of("abcd"), "");
    assert_eq!(Span { start: 1, end: 2 }.of("é"), "");
    assert_eq!(
        Span { start: 1, end: 3 }.within(10),
        Span { start: 11, end: 13 }
    );
}
