use portcullis_mcp::json::Limits;
use portcullis_mcp::result::discover_result;
use portcullis_openapi::Document;
use serde_json::Value;

use super::*;

fn document(paths: usize) -> Document {
    let paths: Vec<_> = (0..paths)
        .map(|at| format!(r#""/{at:04}":{{"get":{{"operationId":"op{at}"}}}}"#))
        .collect();
    let text = format!(
        r#"{{"openapi":"3.1.0","info":{{"title":"A \"b\"","version":"7"}},"paths":{{{}}}}}"#,
        paths.join(",")
    );
    Document::parse(text.as_bytes(), &portcullis_openapi::Limits::default()).unwrap()
}

#[test]
fn discovery_is_what_a_modern_server_says() {
    let text = discovered(&document(0));
    let result = discover_result(&text).unwrap();
    assert_eq!(result.supported_versions, ["2026-07-28"]);
    assert_eq!(result.capabilities, r#"{"tools":{}}"#);
    assert_eq!(
        result.server_info,
        Some(r#"{"name":"A \"b\"","version":"7"}"#)
    );
}

#[test]
fn pages_hold_every_tool_once() {
    for (count, max_bytes) in [
        (0, 10_000),
        (1, 10_000),
        (600, 4_000_000),
        (100, 2_000),
        (3, 1),
    ] {
        let document = document(count);
        let limits = Limits {
            max_bytes,
            ..Limits::default()
        };
        let mut names = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let text = page(&document, cursor.as_deref(), &limits).unwrap();
            let value: Value = serde_json::from_str(&text).unwrap();
            let tools = value["tools"].as_array().unwrap();
            assert!(tools.len() <= 1 || text.len() <= max_bytes);
            names.extend(tools.iter().map(|tool| tool["name"].to_string()));
            cursor = value["nextCursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        let expected: Vec<_> = (0..count).map(|at| format!("\"op{at}\"")).collect();
        assert_eq!(names, expected);
    }
    for cursor in ["", "3", "-1", "x"] {
        assert_eq!(page(&document(3), Some(cursor), &Limits::default()), None);
    }
}
