use std::error::Error as _;

use super::*;

/// Everything that a client may be told, in one place to be read.
#[test]
fn messages_name_members_and_show_no_content() {
    let json = [
        JsonError::NotUtf8 { offset: 3 },
        JsonError::Syntax { offset: 3 },
        JsonError::DuplicateKey {
            key: "k\n".to_owned(),
            offset: 3,
        },
        JsonError::TooDeep { limit: 64 },
        JsonError::TooLarge { limit: 4096 },
        JsonError::Expected(JsonKind::Object),
    ];
    let faults = [
        Fault::Missing,
        Fault::Expected(JsonKind::String),
        Fault::ExpectedToken,
        Fault::NotAllowed,
        Fault::Ambiguous,
    ];
    let id = || Some("1".into());
    let mut errors: Vec<WireError> = json.into_iter().map(WireError::from).collect();
    errors.extend(faults.map(|fault| WireError::Params {
        member: "name",
        fault,
    }));
    errors.extend([
        WireError::Batch,
        WireError::EmptyBatch,
        WireError::Envelope {
            member: "id",
            fault: Fault::ExpectedToken,
            id: id(),
        },
        WireError::UnknownKind { id: id() },
        WireError::Result {
            member: "tools",
            fault: Fault::Missing,
        },
    ]);
    let shown: Vec<String> = errors
        .iter()
        .map(|error| match error.source() {
            Some(source) => format!("{} {error}: {source}", error.code()),
            None => format!("{} {error}", error.code()),
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    -32700 message is not acceptable json: not utf-8 at byte 3
    -32700 message is not acceptable json: not valid json at byte 3
    -32600 message is not acceptable json: duplicate key "k\n" at byte 3
    -32600 message is not acceptable json: nested deeper than 64 levels
    -32600 message is not acceptable json: longer than 4096 bytes
    -32600 message is not acceptable json: expected an object
    -32602 params do not fit: name is missing
    -32602 params do not fit: name is not a string
    -32602 params do not fit: name is neither a string nor a number
    -32602 params do not fit: name has a value that is not allowed
    -32602 params do not fit: name appears again in another letter case
    -32600 a batch is not accepted
    -32600 a batch must not be empty
    -32600 not a json-rpc message: id is neither a string nor a number
    -32600 not a json-rpc message: exactly one of method, result and error must be there
    -32603 result does not fit: tools is missing
    "#);
}
