use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::arbitrary;
use crate::json::{elements, strings};

fn whole(text: &str) -> Span {
    Span {
        start: 0,
        end: text.len(),
    }
}

/// Edits the whole text as an object and shows what comes of it.
fn edited(text: &str, edit: impl FnOnce(&mut Splice<'_>, Span) -> Result<(), JsonError>) -> String {
    let mut splice = Splice::new(text);
    edit(&mut splice, whole(text)).unwrap();
    splice.finish().into_owned()
}

#[test]
fn sets_members() {
    let set = |text, key, value: &'static str| {
        edited(text, |splice, all| splice.set_member(all, key, value))
    };
    assert_eq!(
        set(r#"{"a": 1.0 , "b":2}"#, "a", "7"),
        r#"{"a": 7 , "b":2}"#
    );
    assert_eq!(set(r#"{"\u0061": 1}"#, "a", "7"), r#"{"\u0061": 7}"#);
    assert_eq!(set(r#"{"a": 1 }"#, "b", "7"), r#"{"a": 1,"b":7 }"#);
    assert_eq!(set("{}", "b", "7"), r#"{"b":7}"#);
    assert_eq!(set(" { } ", "b", "7"), r#" {"b":7 } "#);
    assert_eq!(set("{}", "q\"", "[]"), r#"{"q\"":[]}"#);
}

#[test]
fn removes_members_with_their_commas() {
    let text = r#"{ "a":1, "b":2, "c":3 }"#;
    let without = |keys: &str| {
        edited(text, |splice, all| {
            keys.chars()
                .try_for_each(|key| splice.remove_member(all, &key.to_string()))
        })
    };
    assert_eq!(without("a"), r#"{ "b":2, "c":3 }"#);
    assert_eq!(without("b"), r#"{ "a":1, "c":3 }"#);
    assert_eq!(without("c"), r#"{ "a":1, "b":2 }"#);
    assert_eq!(without("ab"), r#"{ "c":3 }"#);
    assert_eq!(without("ba"), r#"{ "c":3 }"#);
    assert_eq!(without("bc"), r#"{ "a":1 }"#);
    assert_eq!(without("ca"), r#"{ "b":2 }"#);
    assert_eq!(without("cab"), "{  }");
    assert_eq!(without("x"), text);
}

#[test]
fn sets_and_removes_together() {
    let text = r#"{"a":1,"b":{"c":2}}"#;
    let out = edited(text, |splice, all| {
        splice.remove_member(all, "a")?;
        splice.remove_member(all, "b")?;
        splice.set_member(all, "x", "1")?;
        splice.set_member(all, "y", "2")?;
        splice.set_member(all, "x", "3")
    });
    assert_eq!(out, r#"{"x":3,"y":2}"#);
    let out = edited(text, |splice, all| {
        splice.set_member(all, "a", "9")?;
        splice.remove_member(all, "a")?;
        splice.set_member(all, "x", "1")?;
        splice.remove_member(all, "x")
    });
    assert_eq!(out, r#"{"b":{"c":2}}"#);
    let out = edited(text, |splice, all| {
        splice.remove_member(all, "a")?;
        splice.set_member(all, "a", "9")?;
        splice.remove_member(all, "b")?;
        splice.set_member(all, "x", "1")
    });
    assert_eq!(out, r#"{"a":9,"x":1}"#);
}

#[test]
fn a_wider_edit_takes_the_edits_inside_it() {
    let text = r#"{"a":{"b":1},"c":2}"#;
    let inner = Span { start: 5, end: 12 };
    assert_eq!(inner.of(text), r#"{"b":1}"#);
    let out = edited(text, |splice, all| {
        splice.set_member(inner, "b", "7")?;
        splice.set_member(inner, "new", "8")?;
        splice.remove_member(all, "a")
    });
    assert_eq!(out, r#"{"c":2}"#);
    let out = edited(text, |splice, all| {
        splice.set_member(all, "a", "0")?;
        splice.set_member(inner, "b", "7")
    });
    assert_eq!(out, r#"{"a":0,"c":2}"#);
    let out = edited(text, |splice, all| {
        splice.set_member(inner, "b", "7")?;
        splice.set_member(inner, "new", "8")?;
        splice.set_member(all, "d", "9")
    });
    assert_eq!(out, r#"{"a":{"b":7,"new":8},"c":2,"d":9}"#);
}

#[test]
fn the_last_of_equal_edits_wins_and_no_covered_byte_stays() {
    let mut splice = Splice::new("0123456789");
    splice.replace(Span { start: 1, end: 3 }, "a");
    splice.replace(Span { start: 1, end: 3 }, "b");
    splice.replace(Span { start: 5, end: 8 }, "c");
    splice.replace(Span { start: 6, end: 9 }, "d");
    assert_eq!(splice.finish(), "0b34c9");
    let text = r#"{"a":1,"b":2}"#;
    let mut splice = Splice::new(text);
    splice.replace(Span { start: 1, end: 4 }, "\"renamed\"");
    splice.remove_member(whole(text), "a").unwrap();
    assert_eq!(splice.finish(), r#"{"b":2}"#);
    let mut splice = Splice::new("aéb");
    splice.replace(Span { start: 2, end: 2 }, "");
    splice.replace(Span { start: 3, end: 99 }, "z");
    assert_eq!(splice.finish(), "az");
}

#[test]
fn no_edits_borrow() {
    let mut splice = Splice::new(r#"{"a":1}"#);
    assert!(splice.is_empty());
    splice.remove_member(whole(r#"{"a":1}"#), "b").unwrap();
    assert!(splice.is_empty());
    assert!(matches!(splice.finish(), Cow::Borrowed(r#"{"a":1}"#)));
    let mut splice = Splice::new("[1]");
    assert!(splice.set_member(whole("[1]"), "a", "1").is_err());
    assert!(
        splice
            .remove_member(Span { start: 1, end: 99 }, "a")
            .is_err()
    );
}

#[derive(Clone, Debug)]
enum Step {
    Set(bool, String, Value),
    Remove(bool, prop::sample::Index),
    Replace(bool, prop::sample::Index, Value),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (any::<bool>(), arbitrary::text(), arbitrary::value())
            .prop_map(|(inner, key, value)| Step::Set(inner, key, value)),
        (any::<bool>(), any::<prop::sample::Index>())
            .prop_map(|(inner, which)| Step::Remove(inner, which)),
        (
            any::<bool>(),
            any::<prop::sample::Index>(),
            arbitrary::value()
        )
            .prop_map(|(inner, which, value)| Step::Replace(inner, which, value)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Steps on an object and on one inside it, against the same steps on a tree.
    #[test]
    fn edits_do_what_they_say(
        outer in arbitrary::object(),
        inner in arbitrary::object(),
        steps in prop::collection::vec(step(), 0..8),
        mut style in arbitrary::style(),
    ) {
        let mut outer = outer;
        outer.insert("inner".to_owned(), Value::Object(inner.clone()));
        let text = arbitrary::render(&Value::Object(outer.clone()), &mut style);
        let original = Object::parse(&text).unwrap();
        let inner_span = original.get("inner").unwrap().value_span;
        let mut splice = Splice::new(&text);
        let mut model = outer.clone();
        let mut touched = vec!["inner".to_owned()];
        for step in steps {
            let (in_inner, key, value) = match step {
                Step::Set(in_inner, key, value) => (in_inner, key, Some(value)),
                Step::Remove(in_inner, which) | Step::Replace(in_inner, which, _) => {
                    let from = if in_inner { &inner } else { &outer };
                    if from.is_empty() { continue }
                    let key = which.get(&from.keys().collect::<Vec<_>>()).to_string();
                    let value = if let Step::Replace(_, _, value) = step { Some(value) } else { None };
                    (in_inner, key, value)
                }
            };
            if !in_inner && key == "inner" { continue }
            let span = if in_inner { inner_span } else { whole(&text) };
            let map = if in_inner { model["inner"].as_object_mut().unwrap() } else { &mut model };
            match value {
                Some(value) => {
                    splice.set_member(span, &key, arbitrary::render(&value, &mut style)).unwrap();
                    map.insert(key.clone(), value);
                }
                None => {
                    splice.remove_member(span, &key).unwrap();
                    map.remove(&key);
                }
            }
            if !in_inner { touched.push(key) }
        }
        let out = splice.finish();
        prop_assert_eq!(crate::json::check(out.as_bytes(), &crate::json::Limits::default()), Ok(&*out));
        prop_assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), Value::Object(model));
        // What no step named is there byte for byte, and in the order it had.
        let left = |object: &Object<'_>| -> Vec<(String, String)> {
            object.members().iter()
                .filter(|member| !touched.contains(&member.key.clone().into_owned()))
                .map(|member| (member.key_span.of(object.text()).to_owned(), member.value.to_owned()))
                .collect()
        };
        prop_assert_eq!(left(&Object::parse(&out).unwrap()), left(&original));
    }

    /// Replacing some strings, against replacing them one by one from the end.
    #[test]
    fn replacing_leaves_every_other_byte(
        value in arbitrary::value(),
        mut style in arbitrary::style(),
        picks in prop::collection::vec(any::<Option<u8>>(), 1..10),
    ) {
        let text = arbitrary::render(&value, &mut style);
        let edits: Vec<(Span, String)> = strings(&text)
            .zip(picks.iter().cycle())
            .filter_map(|(token, pick)| pick.map(|pick| (token.span, format!("\"{pick}\""))))
            .collect();
        let mut splice = Splice::new(&text);
        for (span, with) in edits.iter().rev() {
            splice.replace(*span, with.clone());
        }
        prop_assert_eq!(splice.is_empty(), edits.is_empty());
        let mut expected = text.clone();
        for (span, with) in edits.iter().rev() {
            expected.replace_range(span.start..span.end, with);
        }
        prop_assert_eq!(splice.finish(), expected);
    }

    /// Replacing every element by itself changes nothing.
    #[test]
    fn replacing_by_the_same_is_the_identity(items in prop::collection::vec(arbitrary::value(), 0..6), mut style in arbitrary::style()) {
        let text = arbitrary::render(&Value::Array(items), &mut style);
        let mut splice = Splice::new(&text);
        for element in elements(&text).unwrap() {
            splice.replace(element.span, element.value);
        }
        prop_assert_eq!(splice.finish(), text.as_str());
    }
}
