use proptest::prelude::*;

use super::*;
use crate::error::codes;

use HeaderProblem::{Differs, Malformed, Missing, Repeated};
use ParamHeaderFault as F;

fn tool(properties: &str) -> String {
    format!(r#"{{"name":"t","inputSchema":{{"type":"object","properties":{{{properties}}}}}}}"#)
}

fn headers(properties: &str) -> ParamHeaders {
    ParamHeaders::of_tool(&tool(properties)).unwrap()
}

fn region() -> ParamHeaders {
    headers(r#""region":{"type":"string","x-mcp-header":"Region"}"#)
}

fn sent(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(suffix, value)| ((*suffix).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn tools_without_annotations_have_no_headers() {
    for text in [
        r#"{"name":"t"}"#,
        r#"{"name":"\u0074","inputSchema":{"type":"object","properties":{"a":true}}}"#,
        r#"{"name":"t","description":"x-mcp-header","inputSchema":{"properties":{"x-mcp-header":{"type":"string"}}}}"#,
        r#"{"name":"t","x-mcp-header":"A","inputSchema":{"properties":[]}}"#,
        r#"{"title":"x-mcp-header","inputSchema":[true]}"#,
        r#"{"title":"x-mcp-header","inputSchema":true}"#,
    ] {
        assert!(ParamHeaders::of_tool(text).unwrap().is_empty(), "{text}");
    }
}

#[test]
fn annotations_that_break_a_rule_are_refused() {
    let check = |tool: &str, fault: F| {
        assert_eq!(ParamHeaders::of_tool(tool), Err(fault), "{tool}");
    };
    let property = |annotation: &str, fault: F| {
        check(
            &tool(&format!(
                r#""a":{{"type":"string","x-mcp-header":{annotation}}}"#
            )),
            fault,
        );
    };
    property("1", F::NotAString);
    property("null", F::NotAString);
    property(r#""""#, F::Empty);
    for bad in [r#"a b"#, "a:b", "ü", r"a\r\nB: c", r"\u0000", "a/b", "(a)"] {
        property(&format!(r#""{bad}""#), F::NotAToken);
    }
    check(
        &tool(
            r#""a":{"type":"string","x-mcp-header":"N"},"b":{"properties":{"c":{"type":"string","x-mcp-header":"n"}}}"#,
        ),
        F::Repeated,
    );
    for kind in [
        r#""type":"number","#,
        r#""type":"object","#,
        r#""type":"null","#,
        r#""type":["string","null"],"#,
        "",
    ] {
        check(
            &tool(&format!(r#""a":{{{kind}"x-mcp-header":"A"}}"#)),
            F::NotPrimitive,
        );
    }
    let marked = r#"{"type":"string","x-mcp-header":"A"}"#;
    for schema in [
        marked.to_owned(),
        format!(r#"{{"items":{marked}}}"#),
        format!(r#"{{"prefixItems":[{marked}]}}"#),
        format!(r#"{{"properties":{{"a":{{"items":{marked}}}}}}}"#),
        format!(r#"{{"properties":{{"a":{{"anyOf":[{{}},{marked}]}}}}}}"#),
        format!(r#"{{"allOf":[{{"properties":{{"a":{marked}}}}}]}}"#),
        format!(r#"{{"if":{{"properties":{{"a":{marked}}}}}}}"#),
        format!(r##"{{"properties":{{"a":{{"$ref":"#/$defs/a"}}}},"$defs":{{"a":{marked}}}}}"##),
        format!(r#"{{"$defs":{{"x":{{"properties":{{"a":{marked}}}}}}}}}"#),
        format!(r#"{{"additionalProperties":{marked}}}"#),
        format!(r#"{{"patternProperties":{{"^a":{marked}}}}}"#),
        format!(r#"{{"unknownKeyword":{{"deeper":[{marked}]}}}}"#),
    ] {
        check(
            &format!(r#"{{"name":"t","inputSchema":{schema}}}"#),
            F::NotReachable,
        );
    }
    check(r#"["x-mcp-header"]"#, F::NotAnObject);
    check(
        &format!(r#"{{"name":"t","inputSchema":[{marked}]}}"#),
        F::NotReachable,
    );
    // Also when its name is written with escapes.
    check(
        &tool(r#""a":{"type":"number","x\u002dmcp-header":"A"}"#),
        F::NotPrimitive,
    );
}

#[test]
fn data_in_a_schema_is_not_an_annotation() {
    let data = r#"{"x-mcp-header":"A"}"#;
    let found = headers(&format!(
        r#""a":{{"type":"object","default":{data},"const":{data},"enum":[{data}],"examples":[{data}]}},"default":{{"type":"string","x-mcp-header":"D"}}"#
    ));
    assert_eq!(found.write(Some(r#"{"default":"d"}"#)), sent(&[("D", "d")]));
}

#[test]
fn writes_what_the_arguments_hold() {
    let found = headers(
        r#""region":{"type":"string","x-mcp-header":"Region"},"limit":{"type":"integer","x-mcp-header":"Limit"},"dry":{"type":"boolean","x-mcp-header":"X-Dry"},"at":{"type":"object","properties":{"city":{"type":"string","x-mcp-header":"City"}}}"#,
    );
    let check = |arguments: Option<&str>, expected: &[(&str, &str)]| {
        let written = found.write(arguments);
        assert_eq!(written, sent(expected), "{arguments:?}");
        assert_eq!(found.agree(arguments, &written), Ok(()), "{arguments:?}");
    };
    check(None, &[]);
    check(Some("{}"), &[]);
    check(
        Some(r#"{"region":"us-west1","limit":42,"dry":false,"at":{"city":"Bern"},"more":"x"}"#),
        &[
            ("Region", "us-west1"),
            ("Limit", "42"),
            ("X-Dry", "false"),
            ("City", "Bern"),
        ],
    );
    check(Some(r#"{"region":null,"limit":null,"at":null}"#), &[]);
    check(Some(r#"{"region":["a"],"at":"Bern","limit":{}}"#), &[]);
    check(
        Some(r#"{"region":"Hello, \u4e16\u754c"}"#),
        &[("Region", "=?base64?SGVsbG8sIOS4lueVjA==?=")],
    );
    check(
        Some(r#"{"region":"a\r\nX-Evil: 1"}"#),
        &[("Region", "=?base64?YQ0KWC1FdmlsOiAx?=")],
    );
    check(Some(r#"{"region":""}"#), &[("Region", "")]);
    for (raw, written) in [
        ("-7", "-7"),
        ("42.0", "42"),
        ("1e3", "1000"),
        ("-0", "0"),
        ("1.5", "1.5"),
        ("9007199254740993", "9007199254740993"),
        ("1e400", "1e400"),
    ] {
        check(
            Some(&format!(r#"{{"limit":{raw}}}"#)),
            &[("Limit", written)],
        );
    }
}

#[test]
fn headers_must_say_what_the_body_says() {
    let found = region();
    let check = |arguments: Option<&str>, headers: &[(&str, &str)], expected| {
        let expected = match expected {
            None => Ok(()),
            Some(problem) => Err(HeaderMismatch {
                header: "Mcp-Param-Region".into(),
                problem,
            }),
        };
        assert_eq!(
            found.agree(arguments, &sent(headers)),
            expected,
            "{arguments:?} {headers:?}"
        );
    };
    let body = Some(r#"{"region":"us-west1"}"#);
    check(body, &[("region", "us-west1")], None);
    check(body, &[("REGION", "us-west1"), ("other", "\u{e9}")], None);
    check(body, &[("region", "=?base64?dXMtd2VzdDE=?=")], None);
    check(body, &[], Some(Missing));
    check(body, &[("region", "us-west2")], Some(Differs));
    check(body, &[("region", "US-WEST1")], Some(Differs));
    check(body, &[("region", "")], Some(Differs));
    check(
        body,
        &[("region", "=?base64?dXMtd2VzdDE?=")],
        Some(Malformed),
    );
    check(body, &[("region", "us-west1\u{e9}")], Some(Malformed));
    check(
        body,
        &[("region", "us-west1"), ("Region", "us-west1")],
        Some(Repeated),
    );
    for nothing in [
        None,
        Some("{}"),
        Some(r#"{"region":null}"#),
        Some(r#"{"region":[]}"#),
    ] {
        check(nothing, &[], None);
        check(nothing, &[("region", "us-west1")], Some(Differs));
        check(nothing, &[("region", "null")], Some(Differs));
        check(nothing, &[("region", "")], Some(Differs));
    }
    assert_eq!(
        found.agree(body, &[]).unwrap_err().to_string(),
        "header Mcp-Param-Region is missing"
    );
    assert_eq!(codes::HEADER_MISMATCH, -32020);
}

#[test]
fn numbers_compare_by_value() {
    let found = headers(r#""n":{"type":"integer","x-mcp-header":"N"}"#);
    let check = |body: &str, header: &str, same: bool| {
        let arguments = format!(r#"{{"n":{body}}}"#);
        let agreed = found.agree(Some(&arguments), &sent(&[("n", header)]));
        assert_eq!(agreed.is_ok(), same, "{body} and {header}");
    };
    for (body, header) in [
        ("42", "42"),
        ("42", "42.0"),
        ("42.0", "42"),
        ("42", "4.2e1"),
        ("4200", "42E+2"),
        ("0", "-0.0"),
        ("0.5", "5e-1"),
        ("42", "=?base64?NDI=?="),
        (
            "100000000000000000000000000000000000000001",
            "100000000000000000000000000000000000000001",
        ),
    ] {
        check(body, header, true);
    }
    for (body, header) in [
        ("42", "43"),
        ("42", "-42"),
        ("42", "420"),
        ("42", "4.2"),
        ("42", "042"),
        ("42", "+42"),
        ("42", "0x2a"),
        ("42", "42."),
        ("42", ".42e2"),
        ("42", "42e"),
        ("42", ""),
        ("42", "-"),
        ("42", "4_2"),
        ("9007199254740992", "9007199254740993"),
        ("1e99999999999999999999", "1e99999999999999999999"),
        (r#""42""#, "42.0"),
        ("true", "1"),
        ("true", "True"),
    ] {
        check(body, header, false);
    }
    check(r#""42""#, "42", true);
    check("true", "true", true);
}

proptest! {
    #[test]
    fn what_is_written_agrees(value in crate::arbitrary::value()) {
        let found = region();
        let arguments = format!(r#"{{"region":{value}}}"#);
        let written = found.write(Some(&arguments));
        prop_assert_eq!(found.agree(Some(&arguments), &written), Ok(()));
        for (_, value) in &written {
            prop_assert!(value.bytes().all(|c| (0x20..0x7f).contains(&c) || c == b'\t'));
        }
    }

    #[test]
    fn other_text_differs(body in "[ -~]{0,8}", header in "[!-~]{0,8}") {
        let arguments = format!(r#"{{"region":{}}}"#, json::quote(&body));
        let agreed = region().agree(Some(&arguments), &sent(&[("region", &header)]));
        let same = decode_value(&header).is_ok_and(|said| said == body);
        prop_assert_eq!(agreed.is_ok(), same);
    }

    #[test]
    fn integers_survive(n in any::<i64>()) {
        let found = headers(r#""n":{"type":"integer","x-mcp-header":"N"}"#);
        let arguments = format!(r#"{{"n":{n}}}"#);
        prop_assert_eq!(found.write(Some(&arguments)), sent(&[("N", &n.to_string())]));
        let next = sent(&[("N", &n.wrapping_add(1).to_string())]);
        prop_assert!(found.agree(Some(&arguments), &next).is_err());
    }
}
