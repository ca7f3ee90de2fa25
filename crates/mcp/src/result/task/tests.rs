use super::*;
use crate::json::JsonKind;
use crate::method::Method;

#[test]
fn reads_a_task_where_it_stands() {
    let created = task(r#"{"resultType":"task","taskId":"t1","status":"working","statusMessage":"busy","createdAt":"2026-01-01T00:00:00Z","ttlMs":null}"#).unwrap();
    assert_eq!((&*created.task_id, &*created.status), ("t1", "working"));
    assert_eq!(created.status_message.as_deref(), Some("busy"));
    assert!(created.result.is_none() && created.error.is_none());
    assert!(created.input_requests.is_empty());

    let text = r#"{ "status":"completed","taskId": "t\u0031","result":{"content":[]},"error":{"code":1,"message":"m"},"inputRequests":{"k":{"method":"roots/list","params":{}}}}"#;
    let full = task(text).unwrap();
    assert_eq!(&*full.task_id, "t1");
    assert_eq!(full.task_id_span.of(text), r#""t\u0031""#);
    for (raw, span) in [full.result.unwrap(), full.error.unwrap()] {
        assert_eq!(span.of(text), raw);
    }
    assert_eq!(full.result.unwrap().0, r#"{"content":[]}"#);
    let ask = &full.input_requests[0];
    assert_eq!(ask.method, Method::RootsList);
    assert_eq!(ask.span.of(text), r#"{"method":"roots/list","params":{}}"#);
    assert_eq!(ask.params.unwrap().1.of(text), "{}");
}

#[test]
fn what_is_no_task_is_refused() {
    let check = |text: &str, member: &'static str, fault: Fault| {
        assert_eq!(
            task(text),
            Err(WireError::Result { member, fault }),
            "{text}"
        );
    };
    let object = Fault::Expected(JsonKind::Object);
    check("1", "task", object);
    check("{}", "taskId", Fault::Missing);
    check(
        r#"{"taskId":1,"status":"working"}"#,
        "taskId",
        Fault::Expected(JsonKind::String),
    );
    check(r#"{"taskId":"t"}"#, "status", Fault::Missing);
    check(
        r#"{"taskId":"t","status":"done"}"#,
        "status",
        Fault::NotAllowed,
    );
    check(
        r#"{"taskId":"t","taskid":"u","status":"working"}"#,
        "taskId",
        Fault::Ambiguous,
    );
    check(
        r#"{"taskId":"t","status":"completed","result":[]}"#,
        "result",
        object,
    );
    check(
        r#"{"taskId":"t","status":"failed","error":"no"}"#,
        "error",
        object,
    );
    check(
        r#"{"taskId":"t","status":"working","inputRequests":{"k":{"method":"ping"}}}"#,
        "method",
        Fault::NotAllowed,
    );
}
