use super::filter;

#[test]
fn only_offered_lists_are_subscribed() {
    let check = |capabilities, expected: Option<&str>| {
        assert_eq!(filter(capabilities).as_deref(), expected, "{capabilities}");
    };
    check("{}", None);
    check(r#"{"tools":{}}"#, None);
    check(r#"{"tools":{"listChanged":false}}"#, None);
    check(r#"{"tools":{"listChanged":"true"}}"#, None);
    check(r#"{"tools":true}"#, None);
    check("not json", None);
    check(
        r#"{"tools":{"listChanged":true},"prompts":{"listChanged": true },"resources":{"subscribe":true,"listChanged":true}}"#,
        Some(r#"{"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true}"#),
    );
    check(
        r#"{"resources":{"listChanged":true}}"#,
        Some(r#"{"resourcesListChanged":true}"#),
    );
}
