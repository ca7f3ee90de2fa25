use super::{Reference, Variables, reference};

#[test]
fn references() {
    let variable = |name: &str| Some(Reference::Variable(name.to_owned()));
    for (text, expected) in [
        ("${TOKEN}", variable("TOKEN")),
        ("${env:TOKEN}", variable("TOKEN")),
        ("${TOKEN:-default}", variable("TOKEN")),
        ("$TOKEN", None),
        (
            "${file:/run/token}",
            Some(Reference::File("/run/token".to_owned())),
        ),
        ("${file:token}", None),
        ("${input:token}", None),
        ("Bearer ${TOKEN}", None),
        ("${A}${B}", None),
        ("${}", None),
        ("$", None),
        ("TOKEN", None),
    ] {
        assert_eq!(reference(text), expected, "{text}");
    }
}

#[test]
fn one_name_stands_for_one_value() {
    let mut variables = Variables::reserved_for(&[]);
    assert_eq!(variables.name("a", "TOKEN", "1"), "TOKEN");
    assert_eq!(variables.name("b", "TOKEN", "1"), "TOKEN");
    assert_eq!(variables.name("b-c", "TOKEN", "2"), "B_C_TOKEN");
    assert_eq!(variables.name("b-c", "TOKEN", "3"), "B_C_TOKEN_2");
    assert_eq!(variables.name("b", "1-x", "4"), "_1_x");
}
