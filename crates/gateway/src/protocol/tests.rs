use std::sync::Arc;

use portcullis_config as config;
use portcullis_mcp::json::Limits;
use portcullis_store::Sqlite;

use futures_util::FutureExt;

use super::*;
use crate::arrival::{Arrival, Credential, Facts, Headers, Selector};
use crate::authn::Authenticator;
use crate::profile::Profiles;

const MODERN: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

struct Case {
    transport: Transport,
    connection: Option<ProtocolVersion>,
    headers: Headers,
    agreement: bool,
    floor: &'static str,
}

fn agreed(version: ProtocolVersion) -> Agreed {
    Agreed {
        version,
        capabilities: ClientCapabilities::NONE,
    }
}

impl Case {
    fn http() -> Self {
        Self {
            transport: Transport::Http,
            connection: None,
            headers: Headers::default(),
            agreement: true,
            floor: "",
        }
    }

    fn stdio(connection: Option<ProtocolVersion>) -> Self {
        Self {
            transport: Transport::Stdio,
            connection,
            ..Self::http()
        }
    }

    fn with(version: &str, method: &str, name: &str) -> Self {
        let header = |value: &str| (!value.is_empty()).then(|| value.to_owned());
        let headers = Headers {
            version: header(version),
            method: header(method),
            name: header(name),
            ..Headers::default()
        };
        Self {
            headers,
            ..Self::http()
        }
    }
}

/// The version a message was admitted with, or why it was not.
async fn check(case: Case, message: &str, expected: Result<&str, Reason>) {
    let sessions = Sessions::open(Arc::new(Sqlite::open_in_memory().await.unwrap()))
        .await
        .unwrap();
    let config = config::parse(&format!(
        "[servers.s]\ncommand = \"s\"\n[profiles.main]\nservers = [\"s\"]\n{}",
        case.floor
    ))
    .unwrap();
    let mut headers = case.headers;
    let facts = |headers| Facts {
        transport: case.transport,
        remote: None,
        certificate: None,
        forwarded: false,
        profile: Selector::Name("main".to_owned()),
        headers,
        connection: case.connection.map(agreed),
    };
    let routed = |headers| {
        let arrival = Arrival {
            credential: Credential::Process,
            facts: facts(headers),
        };
        let caller = Authenticator::new(&config.authn, true, None, Vec::new())
            .authenticate(arrival, None)
            .now_or_never()
            .unwrap()
            .unwrap();
        Profiles::new(&config).route(caller).unwrap()
    };
    if headers.session.as_deref() == Some("SEALED") {
        let principal = Arc::clone(routed(Headers::default()).principal());
        headers.session = Some(
            sessions
                .seal(&principal, "main", agreed(ProtocolVersion::V2025_03_26))
                .unwrap(),
        );
    }
    let parsed = Message::parse(message.as_bytes().to_vec(), &Limits::default()).unwrap();
    let door = Door {
        sessions: &sessions,
        clients: &Clients::default(),
        header_agreement: case.agreement,
        session_binding: true,
    };
    let admitted = door.admit(routed(headers), parsed);
    let admitted = admitted
        .map(|admitted| admitted.protocol().version.as_str())
        .map_err(|refusal| refusal.reason());
    assert_eq!(admitted, expected, "{message}");
}

fn call(params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t"{params}}}}}"#)
}

fn greeting(version: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"protocolVersion":"{version}","capabilities":{{}}}}}}"#
    )
}

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

#[tokio::test]
async fn a_modern_message_describes_itself() {
    let modern = call(&format!(",{MODERN}"));
    check(
        Case::with("2026-07-28", "tools/call", "t"),
        &modern,
        Ok("2026-07-28"),
    )
    .await;
    check(
        Case::with("2026-07-28", "tools/call", "u"),
        &modern,
        Err(Reason::HeaderMismatch),
    )
    .await;
    check(
        Case::with("2026-07-28", "tools/list", "t"),
        &modern,
        Err(Reason::HeaderMismatch),
    )
    .await;
    check(
        Case::with("2025-11-25", "tools/call", "t"),
        &modern,
        Err(Reason::HeaderMismatch),
    )
    .await;
    check(
        Case::with("", "tools/call", "t"),
        &modern,
        Err(Reason::HeaderMismatch),
    )
    .await;
    check(
        Case {
            agreement: false,
            ..Case::http()
        },
        &modern,
        Ok("2026-07-28"),
    )
    .await;
    check(Case::stdio(None), &modern, Ok("2026-07-28")).await;
    // A modern message needs no session and has none.
    check(
        Case::stdio(Some(ProtocolVersion::V2024_11_05)),
        &modern,
        Ok("2026-07-28"),
    )
    .await;
}

#[tokio::test]
async fn a_version_that_is_not_served_is_refused() {
    let meta = |version: &str| {
        call(&format!(
            r#","_meta":{{"io.modelcontextprotocol/protocolVersion":"{version}","io.modelcontextprotocol/clientCapabilities":{{}}}}"#
        ))
    };
    for version in ["2099-01-01", "2025-11-25", "DRAFT", ""] {
        check(
            Case::stdio(None),
            &meta(version),
            Err(Reason::VersionUnsupported),
        )
        .await;
    }
    check(
        Case::with("2019-01-01", "", ""),
        PING,
        Err(Reason::VersionUnsupported),
    )
    .await;
    check(
        Case {
            floor: "minimum-version = \"2026-07-28\"",
            ..Case::http()
        },
        &greeting("2025-11-25"),
        Err(Reason::VersionUnsupported),
    )
    .await;
    check(
        Case {
            floor: "minimum-version = \"2025-06-18\"",
            ..Case::http()
        },
        &greeting("2025-03-26"),
        Err(Reason::VersionUnsupported),
    )
    .await;
    check(
        Case {
            floor: "minimum-version = \"2025-06-18\"",
            ..Case::http()
        },
        &greeting("2025-06-18"),
        Ok("2025-06-18"),
    )
    .await;
}

#[tokio::test]
async fn a_message_that_only_claims_to_be_modern_is_refused() {
    check(
        Case::with("2026-07-28", "tools/call", "t"),
        &call(""),
        Err(Reason::InvalidParams),
    )
    .await;
    check(
        Case::with("2099-01-01", "tools/call", "t"),
        &call(""),
        Err(Reason::InvalidParams),
    )
    .await;
    let half = call(r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#);
    check(
        Case::with("2026-07-28", "tools/call", "t"),
        &half,
        Err(Reason::InvalidParams),
    )
    .await;
    let ill_formed = Headers {
        ill_formed: Some("mcp-name"),
        ..Headers::default()
    };
    check(
        Case {
            headers: ill_formed,
            ..Case::http()
        },
        &call(""),
        Err(Reason::HeaderMismatch),
    )
    .await;
}

#[tokio::test]
async fn a_greeting_agrees_on_a_legacy_version() {
    for (asked, agreed) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("x", "2025-11-25"),
    ] {
        check(Case::http(), &greeting(asked), Ok(agreed)).await;
        check(Case::stdio(None), &greeting(asked), Ok(agreed)).await;
    }
}

#[tokio::test]
async fn everything_else_needs_a_session() {
    check(Case::http(), &call(""), Err(Reason::SessionMissing)).await;
    check(Case::stdio(None), &call(""), Err(Reason::SessionMissing)).await;
    check(Case::stdio(None), PING, Ok("2025-11-25")).await;
    check(Case::http(), PING, Err(Reason::SessionMissing)).await;
    check(
        Case::stdio(Some(ProtocolVersion::V2024_11_05)),
        &call(""),
        Ok("2024-11-05"),
    )
    .await;
    let session = |id: &str| Case {
        headers: Headers {
            session: Some(id.to_owned()),
            ..Headers::default()
        },
        ..Case::http()
    };
    check(session("forged"), &call(""), Err(Reason::SessionUnknown)).await;
    check(session("SEALED"), &call(""), Ok("2025-03-26")).await;
    // Over stdio there is no header to bring one along.
    check(
        Case {
            transport: Transport::Stdio,
            ..session("SEALED")
        },
        &call(""),
        Err(Reason::SessionMissing),
    )
    .await;
    // A greeting that is only a notification opens nothing.
    let notification = r#"{"jsonrpc":"2.0","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}"#;
    check(Case::http(), notification, Err(Reason::SessionMissing)).await;
}

#[test]
fn a_client_names_itself_in_few_harmless_characters() {
    assert_eq!(
        client_hint(r#"{"name":"a","version":"1"}"#).as_deref(),
        Some("a/1")
    );
    assert_eq!(
        client_hint(r#"{"name":"a\u001b[31m\u200b"}"#).as_deref(),
        Some("a/")
    );
    assert_eq!(
        client_hint(&format!(r#"{{"name":"{}"}}"#, "é".repeat(500)))
            .unwrap()
            .chars()
            .count(),
        128
    );
    assert_eq!(client_hint(r#"{"version":"1"}"#), None);
    assert_eq!(client_hint(r#"{"name":1}"#), None);
}

#[test]
fn a_refused_version_says_what_is_served() {
    let message = unsupported(&"9".repeat(100), None).to_message(None, Era::Modern, "e");
    let data = &serde_json::from_str::<serde_json::Value>(&message).unwrap()["error"]["data"];
    assert_eq!(data["supported"], serde_json::json!(["2026-07-28"]));
    assert_eq!(data["requested"].as_str().unwrap().len(), 64);
    let message = unsupported("2024-11-05", Some(ProtocolVersion::V2025_11_25)).to_message(
        None,
        Era::Legacy,
        "e",
    );
    assert!(
        message.contains(r#""supported":["2025-11-25","2026-07-28"]"#),
        "{message}"
    );
}
