use super::*;

#[test]
fn titles_cannot_leave_the_folder() {
    assert_eq!(
        file_name("Research note").as_deref(),
        Some("research-note.md")
    );
    for title in [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "a\\b",
        "a\0",
        "über",
        &"x".repeat(81),
    ] {
        assert_eq!(file_name(title), None, "{title:?}");
    }
}

#[tokio::test]
async fn sent_messages_reach_the_outbox_or_memory() {
    let mail = Mail {
        to: "a@b.example".into(),
        subject: "s".into(),
        body: "two\nlines".into(),
    };
    let folder = tempfile::tempdir().unwrap();
    let outbox = folder.path().join("outbox.jsonl");
    let report = Report::new(None, Some(outbox.clone()));
    report.send(Parameters(mail.clone())).await;
    report.send(Parameters(mail.clone())).await;
    let lines: Vec<Mail> = std::fs::read_to_string(&outbox)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines, [mail.clone(), mail.clone()]);

    let report = Report::new(None, None);
    report.send(Parameters(mail.clone())).await;
    assert_eq!(report.lock().sent, [mail]);
}
