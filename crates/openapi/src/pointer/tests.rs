use serde_json::json;

use super::*;

#[test]
fn references_lead_to_places_of_the_document_only() {
    let root = json!({"a/b": {"~c": [1, {"$ref": "#/a~1b"}]}, "d e": 2});
    let tree = Tree {
        root: &root,
        is_3_0: false,
    };
    let at = |reference: &str| tree.resolve("/x", reference).map(|node| node.value.clone());
    assert_eq!(at("#/a~1b/~0c/0"), Ok(json!(1)));
    assert_eq!(at("#/d%20e"), Ok(json!(2)));
    assert_eq!(at("#"), Ok(root.clone()));
    for reference in ["#/nothing", "#a", "#/%zz"] {
        assert!(at(reference).is_err(), "{reference}");
    }
    for reference in [
        "https://a.example/#/x",
        "other.json",
        "file:///etc/passwd",
        "",
    ] {
        let problem = at(reference).unwrap_err();
        assert_eq!(
            problem.to_string(),
            "/x/$ref: a reference out of the document, which is not followed"
        );
    }
    let node = tree.resolve("", "#/a~1b/~0c/1").unwrap();
    assert_eq!(node.pointer, "/a~1b/~0c/1");
    assert_eq!(tree.follow(node).unwrap().pointer, "/a~1b");
}
