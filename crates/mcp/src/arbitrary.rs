//! Arbitrary JSON for property tests: values, and the many ways to write one down.

use proptest::prelude::*;
use serde_json::{Map, Number, Value};

/// Any value, a few levels deep, with keys that are often alike and numbers a double holds.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (-(1_i64 << 53)..=1 << 53).prop_map(|n| Value::Number(n.into())),
        any::<f64>().prop_filter_map("finite", |x| Number::from_f64(x).map(Value::Number)),
        (-1000_i32..1000)
            .prop_map(|n| Number::from_f64(f64::from(n) / 8.0).map_or(Value::Null, Value::Number)),
        text().prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((text(), inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Any object.
pub(crate) fn object() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec((text(), value()), 0..6).prop_map(|members| members.into_iter().collect())
}

/// Any string, with a liking for what is escaped.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{0,2}",
        "[a-z_/]{0,8}",
        r#"[\x00-\x1f"\\/\x7f-\u{9f}é\u{20ac}\u{ffff}\u{10000}\u{1f600}]{0,6}"#,
        any::<String>(),
    ]
}

/// How a value is written: a supply of choices, used round and round.
#[derive(Clone, Debug)]
pub(crate) struct Style {
    choices: Vec<u8>,
    at: usize,
}

pub(crate) fn style() -> impl Strategy<Value = Style> {
    prop::collection::vec(any::<u8>(), 1..64).prop_map(|choices| Style { choices, at: 0 })
}

/// `value` as text, with the whitespace, escapes and order of members that `style` chooses.
pub(crate) fn render(value: &Value, style: &mut Style) -> String {
    let mut out = String::new();
    style.write(value, &mut out);
    out
}

impl Style {
    fn choose(&mut self) -> u8 {
        self.at = (self.at + 1) % self.choices.len();
        self.choices[self.at]
    }

    fn blank(&mut self, out: &mut String) {
        out.push_str(["", "", "", " ", "\n", "\t ", "\r\n"][usize::from(self.choose()) % 7]);
    }

    fn write(&mut self, value: &Value, out: &mut String) {
        self.blank(out);
        match value {
            Value::String(text) => self.string(text, out),
            Value::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    self.write(item, out);
                }
                self.blank(out);
                out.push(']');
            }
            Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                if !members.is_empty() {
                    let first = usize::from(self.choose()) % members.len();
                    members.rotate_left(first);
                }
                out.push('{');
                for (index, (key, value)) in members.into_iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    self.blank(out);
                    self.string(key, out);
                    self.blank(out);
                    out.push(':');
                    self.write(value, out);
                }
                self.blank(out);
                out.push('}');
            }
            scalar => out.push_str(&scalar.to_string()),
        }
        self.blank(out);
    }

    fn string(&mut self, text: &str, out: &mut String) {
        out.push('"');
        for c in text.chars() {
            if self.choose().is_multiple_of(4) {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            } else if c == '/' && self.choose().is_multiple_of(2) {
                out.push_str("\\/");
            } else {
                let quoted = serde_json::to_string(&c).unwrap();
                out.push_str(
                    quoted
                        .strip_prefix('"')
                        .and_then(|rest| rest.strip_suffix('"'))
                        .unwrap(),
                );
            }
        }
        out.push('"');
    }
}
