use serde_json::json;

use super::*;

fn told(text: &str) -> String {
    match read(text.as_bytes(), &Limits::default()) {
        Ok(value) => value.to_string(),
        Err(problem) => problem.to_string(),
    }
}

#[test]
fn json_and_yaml_give_the_same() {
    let value = json!({"a": {"200": ["yes", 1, 1.5, true, null, "2026-01-01"]}});
    let yaml = "a:\n  200: [yes, 1, 1.5, true, ~, 2026-01-01]\n";
    for text in [value.to_string().as_str(), yaml, &format!("\u{feff}{yaml}")] {
        assert_eq!(
            read(text.as_bytes(), &Limits::default()),
            Ok(value.clone()),
            "{text}"
        );
    }
}

#[test]
fn what_two_parsers_could_read_differently_is_refused() {
    assert_eq!(told(r#"{"a":1,"a":2}"#), "duplicate key \"a\" at byte 7");
    assert!(
        told("a: 1\na: 2\n").contains("duplicate mapping key"),
        "{}",
        told("a: 1\na: 2\n")
    );
    assert!(told("a: 1\n---\nb: 2\n").contains("multiple YAML documents"));
    assert!(told("a: [").starts_with("not valid yaml: "));
    assert!(told("a: .inf").starts_with("not valid yaml: "));
    assert!(read(b"a: \xff", &Limits::default()).is_err());
}

#[test]
fn bombs_are_refused() {
    let mut bomb = "a0: &a0 [x, x]\n".to_owned();
    for level in 1..40 {
        let under = level - 1;
        bomb.push_str(&format!("a{level}: &a{level} [*a{under}, *a{under}]\n"));
    }
    assert!(
        told(&bomb).starts_with("not valid yaml: "),
        "{}",
        told(&bomb).len()
    );
    assert!(told(&"[".repeat(100_000)).starts_with("not valid yaml: "));
    let nested = |levels| format!("a: {}{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(told(&nested(63)).len(), 6 + 2 * 63);
    assert!(told(&nested(65)).starts_with("not valid yaml: budget breached: Depth"));
    let nested = |levels| format!("{{\"a\":{}1{}}}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(told(&nested(63)).len(), 7 + 2 * 63);
    assert_eq!(told(&nested(65)), "nested deeper than 64 levels");
}
