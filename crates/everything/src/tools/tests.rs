use std::collections::BTreeSet;

use super::*;

#[test]
fn every_tool_has_one_name_and_an_object_schema() {
    let mut names = BTreeSet::new();
    for entry in entries() {
        assert!(names.insert(entry.name), "{} is listed twice", entry.name);
        let tool = find(entry.name).unwrap();
        assert_eq!(
            tool.input_schema.get("type").and_then(Value::as_str),
            Some("object"),
            "{}",
            entry.name
        );
    }
    assert!(find("no_such_tool").is_none());
}
