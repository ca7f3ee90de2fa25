use super::*;

#[test]
fn an_answer_is_active_only_when_it_says_so() {
    let judged = |text: &str| match read(text.as_bytes()) {
        Ok((_, expires)) => format!("active {expires:?}"),
        Err(error) => error.code().to_owned(),
    };
    let table = [
        (r#"{"active":true}"#, "active None"),
        (
            r#"{"active":true,"exp":1800000000}"#,
            "active Some(1800000000)",
        ),
        (
            r#"{"active":true,"exp":1800000000.9}"#,
            "active Some(1800000000)",
        ),
        (r#"{"active":false}"#, "token-inactive"),
        (r#"{"active":null}"#, "token-inactive"),
        (r#"{"active":"true"}"#, "introspection-answer"),
        (r#"{"active":1}"#, "introspection-answer"),
        (r#"{"active":false,"active":true}"#, "introspection-answer"),
        (r#"{"active":true,"exp":"later"}"#, "introspection-answer"),
        (r#"{"sub":"a"}"#, "introspection-answer"),
        ("true", "introspection-answer"),
        ("", "introspection-answer"),
    ];
    for (text, expected) in table {
        assert_eq!(judged(text), expected, "{text}");
    }
}

#[test]
fn an_answer_is_not_shown() {
    let (answer, _) = read(br#"{"active":true,"sub":"canary"}"#).unwrap();
    assert!(!format!("{answer:?}").contains("canary"));
    assert!(answer.json().contains("canary"));
}
