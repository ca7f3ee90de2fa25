use std::sync::Arc;
use std::time::Duration;

use portcullis_mcp::json::Limits;
use portcullis_mcp::message::Message;

use super::*;

fn message(text: &str) -> Message {
    Message::parse(text.as_bytes().to_vec(), &Limits::default()).unwrap()
}

fn response(id: &str) -> Message {
    message(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#))
}

fn session(id: &str) -> SessionKey {
    SessionKey::Http(id.to_owned())
}

fn host() -> Arc<Client> {
    Clients::default()
        .client(&session("a"), &Principal::operator())
        .unwrap()
}

#[tokio::test]
async fn an_answer_reaches_who_asked_and_nobody_else() {
    let host = host();
    let (mut first, mut second) = (host.ask(), host.ask());
    assert_ne!(first.id(), second.id());
    assert!(host.answer(response(second.id())));
    assert_eq!(second.answer().await.unwrap().id(), Some(second.id()));
    // Answering twice, or what nobody asked, changes nothing.
    assert!(!host.answer(response(second.id())));
    for nobody in [
        "7",
        "\"7\"",
        "\"pc-\"",
        "\"pc-09\"",
        "\"pc-9\"",
        "\"other\"",
    ] {
        assert!(!host.answer(response(nobody)), "{nobody}");
    }
    // The same string in other letters is the same id.
    assert!(host.answer(response(&first.id().replace('-', "\\u002d"))));
    assert!(first.answer().await.is_some());
    assert!(first.answer().await.is_none());
}

#[tokio::test]
async fn only_a_response_or_an_error_answers() {
    let host = host();
    let mut asked = host.ask();
    let id = asked.id().to_owned();
    let request = message(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#));
    assert!(!host.answer(request));
    let error = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":1,"message":"no"}}}}"#);
    assert!(host.answer(message(&error)));
    assert_eq!(asked.answer().await.unwrap().error().unwrap().code, 1);
}

#[tokio::test]
async fn a_question_that_is_dropped_is_forgotten() {
    let host = host();
    let id = host.ask().id().to_owned();
    assert!(!host.answer(response(&id)));
    assert!(host.lock().questions.is_empty());
}

#[tokio::test]
async fn a_session_that_ends_leaves_nobody_waiting() {
    let clients = Clients::default();
    let host = clients
        .client(&session("a"), &Principal::operator())
        .unwrap();
    let mut asked = host.ask();
    clients.end(&session("a"));
    assert!(asked.answer().await.is_none());
    assert!(host.ask().answer().await.is_none());
    assert_eq!(clients.len(), 0);
}

#[tokio::test]
async fn questions_are_bounded() {
    let host = host();
    let open: Vec<Pending> = (0..QUESTIONS).map(|_| host.ask()).collect();
    assert!(host.ask().answer().await.is_none());
    drop(open);
    let asked = host.ask();
    assert!(host.answer(response(asked.id())));
}

#[test]
fn a_session_has_one_host_and_one_principal() {
    let clients = Clients::default();
    let owner = Principal::operator();
    let host = clients.client(&session("a"), &owner).unwrap();
    assert!(Arc::ptr_eq(
        &host,
        &clients.client(&session("a"), &owner).unwrap()
    ));
    let stdio = SessionKey::Stdio("a".to_owned());
    assert!(!Arc::ptr_eq(
        &host,
        &clients.client(&stdio, &owner).unwrap()
    ));
    assert!(clients.find(&session("b"), &owner).is_none());
    let thief = Client::new("user:eve".to_owned());
    clients.lock().insert(session("eve"), Arc::new(thief));
    assert!(clients.find(&session("eve"), &owner).is_none());
    let refused = clients.client(&session("eve"), &owner).unwrap_err();
    assert_eq!(refused.reason(), Reason::SessionUnknown);
}

#[test]
fn silent_hosts_are_forgotten_unless_somebody_talks_to_them() {
    let clients = Clients::default();
    let owner = Principal::operator();
    let talking = clients.client(&session("talking"), &owner).unwrap();
    for key in ["silent", "recent"] {
        drop(clients.client(&session(key), &owner).unwrap());
    }
    for key in ["talking", "silent"] {
        let client = clients.find(&session(key), &owner).unwrap();
        client.last_used.store(0, Ordering::Relaxed);
    }
    clients.sweep(Duration::from_secs(900));
    assert!(clients.find(&session("silent"), &owner).is_none());
    assert!(clients.find(&session("recent"), &owner).is_some());
    drop(talking);
    clients.sweep(Duration::from_secs(900));
    assert!(clients.find(&session("talking"), &owner).is_none());
}

#[test]
fn one_principal_cannot_fill_the_table() {
    let clients = Clients::default();
    let owner = Principal::operator();
    drop(clients.client(&session("first"), &owner).unwrap());
    let first = clients.find(&session("first"), &owner).unwrap();
    first.last_used.store(0, Ordering::Relaxed);
    drop(first);
    for number in 0..PER_PRINCIPAL {
        drop(
            clients
                .client(&session(&number.to_string()), &owner)
                .unwrap(),
        );
    }
    assert_eq!(clients.len(), PER_PRINCIPAL);
    assert!(clients.find(&session("first"), &owner).is_none());
}
