use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::arbitrary;

fn check(text: &str, expected: &str) {
    assert_eq!(canonical(text).as_deref(), Ok(expected), "{text}");
}

#[test]
fn follows_rfc_8785() {
    check(
        " { \"b\" : [ 1 , 2 ] , \"a\" : null } ",
        r#"{"a":null,"b":[1,2]}"#,
    );
    check(
        r#""\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/""#,
        "\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"",
    );
    // Section 3.2.3: sorted by UTF-16 units, so U+1F600 comes before U+FB33.
    check(
        r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#,
        "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}",
    );
    for (token, expected) in [
        ("1.0", "1"),
        ("1e3", "1000"),
        ("-0", "0"),
        ("-0.0e5", "0"),
        ("0.1", "0.1"),
        ("1E-7", "1e-7"),
        ("0.000001", "0.000001"),
        ("1e21", "1e+21"),
        ("100000000000000000000", "100000000000000000000"),
        ("333333333.3333333", "333333333.3333333"),
        ("4.50", "4.5"),
        ("2e-3", "0.002"),
        ("-1.5", "-1.5"),
        ("9007199254740992", "9007199254740992"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
    ] {
        check(token, expected);
    }
}

#[test]
fn keeps_numbers_that_a_double_cannot_hold() {
    for token in [
        "9007199254740993",
        "-9007199254740993",
        "12345678901234567890123",
        "1e400",
        "-1e400",
        "1e-400",
        "0.1000000000000000055511151231257827",
        "3.141592653589793238462643383279",
        "1e99999999999999999999",
        "333333333.33333329",
    ] {
        check(token, token);
    }
    let a = canonical(r#"{"maximum":9007199254740992}"#).unwrap();
    let b = canonical(r#"{"maximum":9007199254740993}"#).unwrap();
    assert_ne!(a, b);
}

#[test]
fn refuses_what_is_not_json() {
    for text in ["", "{", "[1,]", "1 2", "nul", r#"{"a":}"#] {
        assert!(
            matches!(canonical(text), Err(JsonError::Syntax { .. })),
            "{text}"
        );
    }
    assert_eq!(
        canonical(&"[".repeat(100_000)),
        Err(JsonError::TooDeep { limit: MAX_DEPTH })
    );
    let deep = ["[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH)].concat();
    assert_eq!(canonical(&deep), Ok(deep));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn agrees_with_another_implementation(value in arbitrary::value(), mut style in arbitrary::style()) {
        let text = arbitrary::render(&value, &mut style);
        prop_assert_eq!(canonical(&text).unwrap(), serde_json_canonicalizer::to_string(&value).unwrap());
    }

    #[test]
    fn is_idempotent(value in arbitrary::value(), mut style in arbitrary::style()) {
        let once = canonical(&arbitrary::render(&value, &mut style)).unwrap();
        prop_assert_eq!(canonical(&once).unwrap(), once);
    }

    #[test]
    fn does_not_see_order_or_spelling(value in arbitrary::value(), mut a in arbitrary::style(), mut b in arbitrary::style()) {
        let a = arbitrary::render(&value, &mut a);
        let b = arbitrary::render(&value, &mut b);
        prop_assert_eq!(canonical(&a), canonical(&b));
    }

    #[test]
    fn tells_different_integers_apart(a in any::<i128>(), b in any::<i128>(), near in -3_i128..=3) {
        for b in [b, a.saturating_add(near)] {
            let same = canonical(&a.to_string()) == canonical(&b.to_string());
            prop_assert_eq!(same, a == b);
        }
    }

    #[test]
    fn a_change_shows(a in arbitrary::value(), b in arbitrary::value()) {
        let form = |value: &Value| canonical(&value.to_string()).unwrap();
        // Numbers compare by value in canonical form, not by how serde_json keeps them.
        let read = |value: &Value| serde_json_canonicalizer::to_string(value).unwrap();
        prop_assert_eq!(form(&a) == form(&b), read(&a) == read(&b));
    }
}
