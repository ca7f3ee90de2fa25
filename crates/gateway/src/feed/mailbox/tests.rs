use futures_util::FutureExt;
use portcullis_mcp::json::Limits;

use super::*;

fn server(name: &str) -> Arc<str> {
    name.into()
}

fn log(level: &str, size: usize) -> Event {
    let text = format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":"{level}","data":"{}"}}}}"#,
        "x".repeat(size)
    );
    Event::Log {
        level: level.into(),
        message: Arc::new(Message::parse(text.into_bytes(), &Limits::default()).unwrap()),
    }
}

fn updated(uri: &str) -> Event {
    Event::Updated { uri: uri.into() }
}

/// What waits, as words.
fn waiting(mailbox: &Mailbox) -> Vec<String> {
    let mut words = Vec::new();
    while let Some(delivery) = mailbox.next().now_or_never() {
        let from = delivery.servers.join("+");
        words.push(match delivery.event {
            Event::ListChanged(kinds) => {
                let methods: Vec<&str> = kinds.methods().map(|method| method.as_str()).collect();
                format!("{from} {}", methods.join(" "))
            }
            Event::Updated { uri } => format!("{from} updated {uri}"),
            Event::Log { level, .. } => format!("{from} {level}"),
            Event::ElicitationComplete { id } => format!("{from} complete {id}"),
        });
    }
    words
}

#[test]
fn list_changes_are_merged_and_never_lost() {
    let tools = Kinds {
        tools: true,
        ..Kinds::default()
    };
    let mailbox = Mailbox::new(Kinds::ALL);
    for _ in 0..10_000 {
        mailbox.post(&server("a"), &Event::ListChanged(tools));
        mailbox.post(&server("b"), &Event::ListChanged(tools));
    }
    assert_eq!(waiting(&mailbox), ["a+b notifications/tools/list_changed"]);
    mailbox.change(tools);
    assert_eq!(waiting(&mailbox), [" notifications/tools/list_changed"]);
    assert!(waiting(&mailbox).is_empty());
}

#[test]
fn only_what_was_granted_is_taken() {
    let mailbox = Mailbox::new(Kinds {
        prompts: true,
        ..Kinds::default()
    });
    mailbox.post(&server("a"), &log("error", 1));
    mailbox.post(&server("a"), &updated("x://y"));
    mailbox.post(&server("a"), &Event::ElicitationComplete { id: "1".into() });
    mailbox.post(&server("a"), &Event::ListChanged(Kinds::ALL));
    assert_eq!(waiting(&mailbox), ["a notifications/prompts/list_changed"]);
}

#[test]
fn updates_are_of_one_server_and_merged_by_resource() {
    let mailbox = Mailbox::new(Kinds::default());
    mailbox.want(&server("a"), "x://1");
    mailbox.want(&server("a"), "x://2");
    for _ in 0..10_000 {
        for uri in ["x://1", "x://2", "x://3"] {
            mailbox.post(&server("a"), &updated(uri));
            mailbox.post(&server("b"), &updated(uri));
        }
    }
    assert_eq!(waiting(&mailbox), ["a updated x://1", "a updated x://2"]);
    mailbox.post(&server("a"), &updated("x://1"));
    mailbox.unwant(&server("a"), "x://1");
    mailbox.post(&server("a"), &updated("x://1"));
    assert!(waiting(&mailbox).is_empty());
}

#[test]
fn log_messages_are_bounded_in_number_and_size() {
    let mailbox = Mailbox::new(Kinds::default()).with_logs();
    mailbox.post(&server("a"), &log("debug", 1));
    for _ in 0..LOGS {
        mailbox.post(&server("a"), &log("info", 1));
    }
    // The oldest went.
    assert_eq!(waiting(&mailbox), vec!["a info"; LOGS]);
    mailbox.post(&server("a"), &log("debug", BYTES / 2));
    mailbox.post(&server("a"), &log("info", BYTES / 2));
    assert_eq!(waiting(&mailbox), ["a info"]);
    mailbox.post(&server("a"), &log("info", BYTES));
    assert!(waiting(&mailbox).is_empty());
    assert_eq!(mailbox.lock().bytes, 0);
}

#[test]
fn a_level_keeps_lesser_messages_out() {
    let mailbox = Mailbox::new(Kinds::default()).with_logs();
    assert!(mailbox.set_level("warning"));
    for level in ["debug", "error", "info", "warning"] {
        mailbox.post(&server("a"), &log(level, 1));
    }
    assert_eq!(waiting(&mailbox), ["a error", "a warning"]);
}

#[test]
fn the_end_of_an_elicitation_reaches_who_was_elicited_once() {
    let mailbox = Mailbox::new(Kinds::default());
    let complete = |id: &str| Event::ElicitationComplete { id: id.into() };
    mailbox.expect(&server("a"), "1");
    mailbox.post(&server("b"), &complete("1"));
    mailbox.post(&server("a"), &complete("2"));
    mailbox.post(&server("a"), &complete("1"));
    mailbox.post(&server("a"), &complete("1"));
    assert_eq!(waiting(&mailbox), ["a complete 1"]);
    for number in 0..10_000 {
        mailbox.expect(&server("a"), &number.to_string());
    }
    assert_eq!(mailbox.lock().elicitations.len(), ELICITATIONS);
}
