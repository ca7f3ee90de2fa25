use super::*;

/// A document around these paths.
fn parse(paths: &str) -> Result<Document, OpenApiError> {
    let text = format!(
        "openapi: 3.1.0\ninfo: {{title: T, version: '1'}}\ncomponents:\n  securitySchemes:\n    key: {{type: apiKey, in: header, name: X-Api-Key}}\npaths:\n{paths}"
    );
    Document::parse(text.as_bytes(), &Limits::default())
}

fn problems(text: &str) -> Vec<String> {
    let error = Document::parse(text.as_bytes(), &Limits::default()).expect_err("is refused");
    error.problems.iter().map(ToString::to_string).collect()
}

fn omitted(paths: &str) -> Vec<String> {
    let document = parse(paths).expect("is accepted");
    document.omitted().iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_no_openapi_3_is_refused() {
    assert_eq!(problems("[]"), ["must be an object"]);
    assert_eq!(problems("{}"), ["`openapi`, the version, is missing"]);
    assert_eq!(
        problems("swagger: '2.0'\n"),
        ["/swagger: swagger 2.0 is not supported; convert the document to openapi 3"]
    );
    assert_eq!(
        problems("openapi: 3.2.0\n"),
        ["/openapi: only openapi 3.0 and 3.1 are supported"]
    );
    assert_eq!(problems("openapi: 3\n"), ["/openapi: must be a string"]);
}

#[test]
fn every_problem_is_told_with_its_place() {
    let text = r##"
openapi: 3.0.3
info: {title: 3}
paths:
  pets: {get: {}}
  /a/{b: {get: {}}
  /c/{d}: {get: {}}
  /e: {get: {parameters: [{name: f, in: path, required: true}]}}
  /g: {get: {parameters: [{name: h}]}}
  /i: {get: {parameters: [{$ref: "#/components/parameters/j"}]}}
  /k: {get: {parameters: [{$ref: "other.yaml#/l"}]}}
  /m: {get: {parameters: [{name: n, in: query, schema: 7}]}}
  /o/../p: {get: {}}
  /q: {get: {operationId: r}, put: {operationId: r}}
"##;
    assert_eq!(
        problems(text),
        [
            "/info/title: must be a string",
            "/info: `version` is missing",
            "/paths/~1a~1{b: the braces of the path do not match",
            "/paths/~1c~1{d}/get: the path names the parameter `d`, which is not declared",
            "/paths/~1e/get: the path parameter `f` has no place in the path",
            "/paths/~1g/get/parameters/0: a parameter needs `name` and `in`",
            "/paths/~1i/get/parameters/0/$ref: nothing stands where this points",
            "/paths/~1k/get/parameters/0/$ref: a reference out of the document, which is not followed",
            "/paths/~1m/get/parameters/0/schema: must be an object",
            "/paths/~1o~1..~1p: a path must not hold `.` or `..` as a segment",
            "/paths/~1q/put: another operation has this `operationId`",
            "/paths/pets: a path must start with a slash",
        ]
    );
    assert_eq!(
        problems("openapi: 3.0.0\ninfo: {title: T, version: '1'}\n"),
        ["`paths` is missing"]
    );
}

#[test]
fn circles_of_references_end() {
    let text = r##"{"openapi":"3.1.0","info":{"title":"T","version":"1"},
        "components":{"parameters":{"a":{"$ref":"#/components/parameters/b"},"b":{"$ref":"#/components/parameters/a"}},
            "schemas":{"x":{"$ref":"#/components/schemas/x"}}},
        "paths":{"/a":{"get":{"parameters":[{"$ref":"#/components/parameters/a"}]}},
            "/b":{"get":{"parameters":[{"name":"q","in":"query","schema":{"type":"array","items":{"$ref":"#/components/schemas/x"}}}]}}}}"##;
    assert_eq!(
        problems(text),
        [
            "/paths/~1a/get/parameters/0: the references lead in a circle, or too far",
            "/components/schemas/x: the references lead in a circle, or too far",
        ]
    );
}

#[test]
fn names_are_clean_unique_and_stable() {
    let paths = r"
  /b/{id}: {get: {parameters: [{name: id, in: path, required: true}]}, trace: {}}
  /b: {get: {operationId: 'list pets!'}, post: {operationId: 'list pets?'}}
  /a: {delete: {}, get: {}}
";
    let document = parse(paths).unwrap();
    let names: Vec<_> = document.operations().iter().map(Operation::name).collect();
    assert_eq!(
        names,
        [
            "get_a",
            "delete_a",
            "list_pets_",
            "list_pets__2",
            "get_b_id"
        ]
    );
    for operation in document.operations() {
        let found = document.operation(operation.name()).unwrap();
        assert_eq!(found.tool(), operation.tool());
    }
    assert!(document.operation("get_c").is_none());
    let again = parse(paths).unwrap();
    let tools = |document: &Document| -> Vec<String> {
        let tools = document.operations().iter().map(Operation::tool);
        tools.map(str::to_owned).collect()
    };
    assert_eq!(tools(&document), tools(&again));
}

#[test]
fn what_cannot_be_called_is_left_out_and_told() {
    assert_eq!(
        omitted(
            r"
  /a: {servers: [{url: 'https://other.example'}], get: {}}
  /b: {get: {servers: [{url: 'https://other.example'}]}, options: {}}
  /c: {post: {requestBody: {required: true, content: {multipart/form-data: {}}}}}
  /d: {post: {requestBody: {content: {application/xml: {}}}}}
  /e: {get: {parameters: [{name: s, in: cookie, required: true}]}}
  /f: {get: {parameters: [{name: s, in: cookie}, {name: Authorization, in: header, required: true}, {name: x-api-key, in: header}]}}
  /g: {get: {parameters: [{name: o, in: query, schema: {type: object}}, {name: d, in: query, style: deepObject}]}}
  /h: {get: {parameters: [{name: o, in: query, schema: {$dynamicRef: '#x'}}]}}
"
        ),
        [
            "/paths/~1a/get: it has servers of its own, other than the configured address",
            "/paths/~1b/get: it has servers of its own, other than the configured address",
            "/paths/~1b/options: its method is not offered as a tool",
            "/paths/~1c/post: it needs /paths/~1c/post/requestBody: a body in a format other than json, form or plain text",
            "/paths/~1d/post/requestBody: a body in a format other than json, form or plain text",
            "/paths/~1e/get: it needs /paths/~1e/get/parameters/0: a cookie, which is not sent",
            "/paths/~1f/get/parameters/0: a cookie, which is not sent",
            "/paths/~1f/get/parameters/1: a header that callers cannot set",
            "/paths/~1f/get/parameters/2: a credential, which only the configuration gives",
            "/paths/~1g/get/parameters/1: a style that is not supported",
            "/paths/~1g/get/parameters/0: an object, whose members could be any parameter",
            "/paths/~1h/get: /paths/~1h/get/parameters/0/schema/$dynamicRef is not supported",
        ]
    );
}

#[test]
fn the_bounds_hold() {
    let many = "  /a: {get: {}, put: {}, post: {}}\n";
    let text = format!("openapi: 3.0.0\ninfo: {{title: T, version: '1'}}\npaths:\n{many}");
    let few = Limits {
        max_operations: 2,
        ..Limits::default()
    };
    let error = Document::parse(text.as_bytes(), &few).unwrap_err();
    assert_eq!(
        error.problems[0].to_string(),
        "/paths: there are more than 2 operations"
    );
    let small = Limits {
        max_bytes: 10,
        ..Limits::default()
    };
    let error = Document::parse(text.as_bytes(), &small).unwrap_err();
    assert_eq!(
        error.problems[0].to_string(),
        "the document is longer than 10 bytes"
    );
    let narrow = Limits {
        max_tool_bytes: 20,
        ..Limits::default()
    };
    let document = Document::parse(
        format!("openapi: 3.0.0\ninfo: {{title: T, version: '1'}}\npaths:\n  /a: {{get: {{description: {}}}, put: {{}}}}\n", "x".repeat(30)).as_bytes(),
        &narrow,
    )
    .unwrap();
    assert_eq!(document.operations().len(), 1);
    assert_eq!(
        document.omitted()[0].to_string(),
        "/paths/~1a/get: its schemas are too large"
    );
}
