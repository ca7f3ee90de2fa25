//! From a request and the script to an answer.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::{Response, StatusCode};
use serde_json::Value;

use super::http::{Body, Events, empty, events, json, respond_with};
use super::{Received, Shared};
use crate::{Script, Speaks, Step};

pub(super) async fn answer(
    shared: &Arc<Shared>,
    received: Received,
) -> Result<Response<Body>, io::Error> {
    let script = shared.script.read().unwrap().clone();
    let Some(id) = received.id.clone().filter(|_| !received.method.is_empty()) else {
        return Ok(empty(StatusCode::ACCEPTED));
    };
    let stamped = received
        .meta("io.modelcontextprotocol/protocolVersion")
        .is_some();
    let fits = match script.speaks {
        Speaks::Legacy => received.method != "server/discover" && !stamped,
        Speaks::Modern => stamped && received.method != "initialize",
    };
    if !fits {
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":"not in this era"}}}}"#
        );
        return Ok(respond_with(
            StatusCode::BAD_REQUEST,
            "application/json",
            text,
        ));
    }
    let whole = |result: String| {
        json(format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#
        ))
    };
    match received.method.as_str() {
        "initialize" => {
            let mut response = whole(greeting(&script, &received));
            response
                .headers_mut()
                .insert("mcp-session-id", "scripted-session".parse().unwrap());
            Ok(response)
        }
        "server/discover" => Ok(whole(discovery(&script))),
        "subscriptions/listen" => {
            let granted = received.param("notifications").unwrap_or_default();
            Ok(announcements(shared, Some((&id, &granted))))
        }
        "tools/list" => Ok(whole(page(&script, "tools", &script.tools, &received))),
        "prompts/list" => Ok(whole(page(&script, "prompts", &script.prompts, &received))),
        "resources/list" => Ok(whole(page(
            &script,
            "resources",
            &script.resources,
            &received,
        ))),
        "resources/templates/list" => Ok(whole(page(
            &script,
            "resourceTemplates",
            &script.templates,
            &received,
        ))),
        method => {
            perform(
                shared,
                script.steps(method, &received.name()),
                &received,
                &id,
            )
            .await
        }
    }
}

/// The stream on which list changes are announced.
pub(super) fn announcements(
    shared: &Arc<Shared>,
    listening: Option<(&str, &str)>,
) -> Response<Body> {
    let (sender, response) = events();
    let mut announced = shared.announcements.subscribe();
    let mut hung_up = shared.hung_up.subscribe();
    let first = listening.map(|(id, granted)| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{{"notifications":{granted},"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}}}}}"#
        )
    });
    tokio::spawn(async move {
        if let Some(first) = first
            && sender.send(Ok(first)).await.is_err()
        {
            return;
        }
        loop {
            tokio::select! {
                text = announced.recv() => {
                    let Ok(text) = text else { return };
                    if sender.send(Ok(text)).await.is_err() {
                        return;
                    }
                }
                () = sender.closed() => return,
                _ = hung_up.changed() => {
                    let broken = io::Error::other("the script ends the stream");
                    let _gone = sender.send(Err(broken)).await;
                    return;
                }
            }
        }
    });
    response
}

/// Does what the script says, as one JSON document where nothing comes before the answer.
async fn perform(
    shared: &Arc<Shared>,
    steps: Vec<Step>,
    received: &Received,
    id: &str,
) -> Result<Response<Body>, io::Error> {
    let token = received
        .meta("progressToken")
        .unwrap_or_else(|| "null".to_owned());
    let params = received.params.clone().unwrap_or_default();
    let fill = |text: &str| {
        text.replace("$ID", id)
            .replace("$TOKEN", &token)
            .replace("$PARAMS", &params)
    };
    let text = |step: &Step| match step {
        Step::Notify(method, params) => format!(
            r#"{{"jsonrpc":"2.0","method":"{method}","params":{}}}"#,
            fill(params)
        ),
        Step::Result(result) => {
            format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{}}}"#, fill(result))
        }
        Step::Error(error) => format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{}}}"#, fill(error)),
        Step::Raw(message) | Step::Message(message) => fill(message),
        Step::Ask(method, params) => format!(
            r#"{{"jsonrpc":"2.0","id":$ASKED,"method":"{method}","params":{}}}"#,
            fill(params)
        ),
        Step::AskInResult(result) => {
            format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{}}}"#, fill(result))
        }
        Step::Wait | Step::Stall | Step::Die | Step::Http(..) | Step::Challenge(..) => {
            String::new()
        }
    };
    let answered = received.param("inputResponses").is_some();
    let steps: Vec<Step> = steps
        .into_iter()
        .filter(|step| !(answered && matches!(step, Step::AskInResult(_))))
        .collect();
    match steps.first() {
        Some(step @ (Step::AskInResult(_) | Step::Result(_) | Step::Error(_) | Step::Raw(_))) => {
            Ok(json(text(step)))
        }
        Some(Step::Http(status, kind, body)) => Ok(respond_with(
            StatusCode::from_u16(*status).unwrap(),
            kind,
            fill(body),
        )),
        Some(Step::Challenge(status, challenge)) => {
            let status = StatusCode::from_u16(*status).unwrap();
            let mut response = respond_with(status, "text/plain", String::new());
            let challenge = challenge.parse().unwrap();
            response.headers_mut().insert("www-authenticate", challenge);
            Ok(response)
        }
        Some(Step::Die) => Err(io::Error::other("the script ends the connection")),
        Some(Step::Stall) => {
            let _guard = Abandoned(Arc::clone(shared));
            std::future::pending().await
        }
        _ => {
            let (sender, response) = events();
            let script: Vec<(Step, String)> = steps
                .iter()
                .map(|step| (step.clone(), text(step)))
                .collect();
            let shared = Arc::clone(shared);
            tokio::spawn(async move {
                if !stream(&sender, script, &shared).await {
                    shared.abandoned.fetch_add(1, Ordering::SeqCst);
                }
            });
            Ok(response)
        }
    }
}

/// Sends a script as events; `false` when the other side went away before its end.
async fn stream(sender: &Events, script: Vec<(Step, String)>, shared: &Shared) -> bool {
    let mut answer = String::new();
    for (step, text) in script {
        let text = text.replace("$ANSWER", &answer);
        if let Step::Ask(..) = step {
            let number = shared.asked.fetch_add(1, Ordering::SeqCst);
            let id = format!("\"s-{number}\"");
            let asked = sender.send(Ok(text.replace("$ASKED", &id))).await;
            if asked.is_err() {
                return false;
            }
            match answered(sender, shared, &id).await {
                Some(message) => answer = message,
                None => return false,
            }
            continue;
        }
        let sent = match step {
            Step::Die => {
                sender
                    .send(Err(io::Error::other("the script ends the connection")))
                    .await
            }
            Step::Wait => {
                let mut going = shared.going.subscribe();
                let _going = going.wait_for(|going| *going).await;
                Ok(())
            }
            Step::Stall => {
                sender.closed().await;
                return false;
            }
            _ => sender.send(Ok(text)).await,
        };
        if sent.is_err() {
            return false;
        }
    }
    true
}

/// The message that answers the request with this id; `None` when the other side went away.
async fn answered(sender: &Events, shared: &Shared, id: &str) -> Option<String> {
    let answer = crate::eventually("an answer to the server", async || {
        if sender.is_closed() {
            return Some(None);
        }
        let received = shared.received.lock().unwrap();
        let answer = received
            .iter()
            .find(|message| message.method.is_empty() && message.id.as_deref() == Some(id));
        answer.map(|message| Some(message.body.clone()))
    });
    answer.await
}

struct Abandoned(Arc<Shared>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.abandoned.fetch_add(1, Ordering::SeqCst);
    }
}

fn greeting(script: &Script, received: &Received) -> String {
    let version = received.json()["protocolVersion"].clone();
    format!(
        r#"{{"protocolVersion":{version},"capabilities":{},"serverInfo":{{"name":"scripted","version":"1"}}{}}}"#,
        script.capabilities(),
        instructions(script)
    )
}

fn discovery(script: &Script) -> String {
    format!(
        r#"{{"supportedVersions":["2026-07-28"],"capabilities":{},"resultType":"complete","ttlMs":0,"cacheScope":"public"{}}}"#,
        script.capabilities(),
        instructions(script)
    )
}

fn instructions(script: &Script) -> String {
    script
        .instructions
        .as_ref()
        .map_or_else(String::new, |text| {
            format!(r#","instructions":{}"#, Value::from(text.as_str()))
        })
}

fn page(script: &Script, member: &str, items: &[String], received: &Received) -> String {
    let start: usize = received.json()["cursor"]
        .as_str()
        .map_or(0, |cursor| cursor.parse().unwrap());
    let end = items.len().min(start + script.page);
    let next = if end < items.len() {
        format!(r#","nextCursor":"{end}""#)
    } else {
        String::new()
    };
    let modern = match script.speaks {
        Speaks::Legacy => "",
        Speaks::Modern => r#","resultType":"complete","ttlMs":5000,"cacheScope":"public""#,
    };
    format!(
        r#"{{"{member}":[{}]{next}{modern}}}"#,
        items[start..end].join(",")
    )
}
