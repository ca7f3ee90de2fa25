use std::collections::HashSet;

use super::*;

fn one_line(reason: Reason) -> String {
    let face = reason.face();
    let (legacy, modern) = (
        Refusal::new(reason).status(Era::Legacy),
        Refusal::new(reason).status(Era::Modern),
    );
    let status = if legacy == modern {
        modern.to_string()
    } else {
        format!("{modern} (legacy {legacy})")
    };
    let public = if face.public_id == face.id {
        "="
    } else {
        face.public_id
    };
    let retry = if face.retryable { "retryable" } else { "final" };
    format!(
        "{}: {public}, {status}, {}, {}, {retry}: {}",
        face.id,
        face.code,
        face.origin.as_str(),
        face.text
    )
}

#[test]
fn the_table_of_refusals() {
    let table: Vec<String> = Reason::ALL.iter().map(|reason| one_line(*reason)).collect();
    insta::assert_snapshot!(table.join("\n"));
}

#[test]
fn one_message_for_every_reason() {
    let messages: Vec<String> = Reason::ALL
        .iter()
        .map(|reason| {
            let refusal =
                Refusal::of(*reason, Subject::Tool("search".to_owned())).detail("more about it");
            refusal
                .because(std::io::Error::other("internal cause"))
                .to_message(Some("7.0"), Era::Modern, "ENTRY")
        })
        .collect();
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn ids_are_stable_and_used_once() {
    let ids: HashSet<&str> = Reason::ALL.iter().map(|reason| reason.face().id).collect();
    assert_eq!(ids.len(), Reason::ALL.len());
    let kebab = |id: &str| {
        id.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    assert!(ids.iter().all(|id| kebab(id)));
    // Every public id is the id of some reason, so that the reference page explains it.
    assert!(
        Reason::ALL
            .iter()
            .all(|reason| ids.contains(reason.face().public_id))
    );
}

#[test]
fn our_own_codes_stay_out_of_the_reserved_range() {
    let known = [
        codes::PARSE_ERROR,
        codes::INVALID_REQUEST,
        codes::METHOD_NOT_FOUND,
        codes::INVALID_PARAMS,
        codes::INTERNAL_ERROR,
        codes::HEADER_MISMATCH,
        codes::MISSING_CAPABILITY,
        codes::UNSUPPORTED_VERSION,
    ];
    for reason in Reason::ALL {
        let code = reason.face().code;
        assert!(
            known.contains(&code) || !(-32768..=-32000).contains(&code),
            "{reason:?}: {code}"
        );
    }
}

#[test]
fn a_hidden_thing_and_a_missing_thing_look_alike() {
    let subjects = [
        Subject::Tool("x".to_owned()),
        Subject::Prompt("x".to_owned()),
        Subject::Resource("x".to_owned()),
    ];
    for reason in Reason::ALL.iter().filter(|reason| reason.face().hides) {
        for subject in &subjects {
            for era in [Era::Legacy, Era::Modern] {
                let of = |reason| {
                    Refusal::of(reason, subject.clone())
                        .detail("the real reason")
                        .because(std::io::Error::other("cause"))
                };
                let message = of(*reason).to_message(Some("1"), era, "e");
                assert_eq!(
                    message,
                    of(Reason::TargetUnknown).to_message(Some("1"), era, "e"),
                    "{reason:?}"
                );
                for told in [
                    "real reason",
                    "cause",
                    "held",
                    "denied",
                    "policy",
                    "approved",
                ] {
                    assert!(!message.contains(told), "{message}");
                }
                assert_eq!(
                    of(*reason).status(era),
                    Refusal::new(Reason::TargetUnknown).status(era)
                );
            }
        }
    }
}

#[test]
fn a_denied_profile_looks_like_none() {
    let message = |reason| Refusal::new(reason).to_message(Some("1"), Era::Modern, "e");
    assert_eq!(
        message(Reason::ProfileDenied),
        message(Reason::ProfileUnknown)
    );
    let status = |reason| Refusal::new(reason).status(Era::Modern);
    assert_eq!(
        status(Reason::ProfileDenied),
        status(Reason::ProfileUnknown)
    );
}

#[test]
fn a_missing_resource_has_its_own_code_in_the_legacy_era() {
    for (subject, era, code) in [
        (Subject::Resource("x".to_owned()), Era::Legacy, -32002),
        (Subject::Resource("x".to_owned()), Era::Modern, -32602),
        (Subject::Tool("x".to_owned()), Era::Legacy, -32602),
    ] {
        let message = Refusal::of(Reason::PolicyDenied, subject).to_message(None, era, "e");
        assert!(message.contains(&format!("\"code\":{code},")), "{message}");
        assert!(message.contains("\"id\":null"), "{message}");
    }
}

#[test]
fn no_refusal_shows_its_cause() {
    for reason in Reason::ALL {
        let refusal = Refusal::new(*reason).because(std::io::Error::other("/var/hidden/path"));
        assert!(
            !refusal
                .to_message(None, Era::Legacy, "e")
                .contains("/var/hidden"),
            "{reason:?}"
        );
        assert!(refusal.cause().unwrap().to_string().contains("hidden"));
    }
}

#[test]
fn a_long_name_is_cut_and_a_strange_one_quoted() {
    let long = Refusal::of(Reason::TargetUnknown, Subject::Tool("é".repeat(5_000)));
    let message = long.to_message(None, Era::Modern, "e");
    assert!(message.len() < 600 && message.contains('…'), "{message}");
    let strange = Refusal::of(Reason::TargetUnknown, Subject::Tool("a\"},{\n".to_owned()));
    let message: serde_json::Value =
        serde_json::from_str(&strange.to_message(None, Era::Modern, "e")).unwrap();
    assert_eq!(message["error"]["message"], "Unknown tool: a\"},{\n");
}

fn check_wire(bytes: &[u8], reason: Reason, id: Option<&str>) {
    let limits = portcullis_mcp::json::Limits {
        max_bytes: 200,
        max_depth: 8,
    };
    let error = portcullis_mcp::Message::parse(bytes.to_vec(), &limits).unwrap_err();
    let refusal = Refusal::from(error);
    let shown = String::from_utf8_lossy(bytes);
    assert_eq!(
        (refusal.reason(), refusal.told.id.as_deref()),
        (reason, id),
        "{shown}"
    );
}

#[test]
fn what_is_wrong_with_a_message_has_its_reason() {
    check_wire(b"{", Reason::MalformedJson, None);
    check_wire(b"\xff", Reason::MalformedJson, None);
    check_wire(br#"{"a":1,"a":2}"#, Reason::MalformedJson, None);
    check_wire("[".repeat(20).as_bytes(), Reason::MalformedJson, None);
    check_wire(" ".repeat(201).as_bytes(), Reason::MessageTooLarge, None);
    check_wire(b"[]", Reason::BatchNotSupported, None);
    check_wire(b"3", Reason::InvalidRequest, None);
    check_wire(
        br#"{"jsonrpc":"2.0","id":1.0,"method":3}"#,
        Reason::InvalidRequest,
        Some("1.0"),
    );
    check_wire(
        br#"{"jsonrpc":"2.0","id":[1],"method":"ping"}"#,
        Reason::InvalidRequest,
        None,
    );
}
