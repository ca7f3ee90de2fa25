use proptest::collection::btree_map;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn fitted(result: &str, method: Method, era: Era) -> String {
    let object = Object::parse(result).unwrap();
    let mut splice = Splice::new(result);
    fit(&object, &mut splice, method, era).unwrap();
    splice.finish().into_owned()
}

#[test]
fn each_era_gets_its_own_members() {
    use Era::{Legacy, Modern};
    for (result, method, era, expected) in [
        (r#"{"a":1}"#, Method::ToolsCall, Legacy, r#"{"a":1}"#),
        (
            r#"{"a":1}"#,
            Method::ToolsCall,
            Modern,
            r#"{"a":1,"resultType":"complete"}"#,
        ),
        (
            "{}",
            Method::ToolsList,
            Modern,
            r#"{"resultType":"complete","cacheScope":"private","ttlMs":0}"#,
        ),
        (
            r#"{"ttlMs":5,"cacheScope":"public","resultType":"task"}"#,
            Method::ToolsList,
            Modern,
            r#"{"ttlMs":5,"cacheScope":"private","resultType":"task"}"#,
        ),
        (
            r#"{"ttlMs":5,"a":1,"cacheScope":"public","resultType":"complete"}"#,
            Method::ResourcesRead,
            Legacy,
            r#"{"a":1}"#,
        ),
        (
            r#"{"cacheScope":"public"}"#,
            Method::ToolsCall,
            Modern,
            r#"{"cacheScope":"public","resultType":"complete"}"#,
        ),
    ] {
        assert_eq!(
            fitted(result, method, era),
            expected,
            "{result}, {method}, {era:?}"
        );
    }
}

#[test]
fn a_question_is_never_cached() {
    let asked = r#"{"resultType":"input_required","inputRequests":{}}"#;
    assert_eq!(fitted(asked, Method::ResourcesRead, Era::Modern), asked);
}

const OWN: [&str; 3] = ["resultType", "ttlMs", "cacheScope"];

/// The members that no era rule is about, with their exact text, in order.
fn others(text: &str) -> Vec<(String, String)> {
    let object = Object::parse(text).unwrap();
    let members = object
        .members()
        .iter()
        .filter(|member| !OWN.contains(&&*member.key));
    members
        .map(|member| (member.key_span.of(text).to_owned(), member.value.to_owned()))
        .collect()
}

proptest! {
    #[test]
    fn every_other_member_stays_as_it_was(
        members in btree_map(
            select(vec!["a", "b\\u0061", "content", "_meta", "resultType", "ttlMs", "cacheScope", "isError"]),
            select(vec!["1.0", "\"complete\"", "[ 1 ,2]", "{\"x\" : 1e2}", "null", "\"\\u0041\""]),
            0..8,
        ),
        blank in select(vec!["", " ", "\n  "]),
        method in select(Method::ALL),
        era in select(vec![Era::Legacy, Era::Modern]),
    ) {
        let members: Vec<String> = members.iter().map(|(key, value)| format!("\"{key}\"{blank}:{blank}{value}")).collect();
        let text = format!("{{{blank}{}{blank}}}", members.join(&format!("{blank},")));
        let fitted = fitted(&text, method, era);
        prop_assert_eq!(others(&fitted), others(&text));
        let object = Object::parse(&fitted).unwrap();
        let has = |member: &str| object.get(member).is_some();
        match era {
            Era::Legacy => prop_assert!(!OWN.iter().any(|member| has(member))),
            Era::Modern => {
                prop_assert!(has("resultType"));
                if is_cacheable(method) && is_complete(&object) {
                    prop_assert!(has("ttlMs"));
                    prop_assert_eq!(object.get("cacheScope").unwrap().value, "\"private\"");
                }
            }
        }
    }
}
