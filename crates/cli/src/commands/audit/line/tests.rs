use super::*;

fn open(opened: Opened) -> AuditEntry {
    AuditEntry {
        seq: 1,
        opened,
        closed: None,
    }
}

#[test]
fn a_name_from_a_message_or_a_token_cannot_forge_an_entry() {
    let forged = |before: &str| format!("{before}\u{1b}[1A\n2026-01-01 ok root@all tools/call");
    let line = render(&open(Opened {
        method: forged("tools/call"),
        target: Some(forged("send")),
        principal: Some(forged("company:ada")),
        issuer: Some(forged("company")),
        application: Some(forged("editor")),
        actors: vec![forged("assistant"), forged("planner")],
        token: Some(forged("t-1")),
        ..Opened::default()
    }));
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(!line.contains("\u{1b}[1A"), "{line}");
}

#[test]
fn what_a_token_said_is_told_apart() {
    let opened = Opened {
        issuer: Some("company".to_owned()),
        application: Some("editor".to_owned()),
        actors: vec!["assistant".to_owned(), "planner".to_owned()],
        token: Some("t-1".to_owned()),
        client: Some("someone else/1".to_owned()),
        ..Opened::default()
    };
    let said = "issuer company, application editor, token t-1, actor assistant, actor planner";
    assert_eq!(identity(&opened), said);
    assert!(render(&open(opened)).contains(said));
    assert_eq!(identity(&Opened::default()), "");
}
