//! What was seen on the wire against what stands in the trail.

use serde_json::Value;

use super::peers::Server;
use super::relay::Request;

/// What a client sent: `METHOD ID` for a JSON-RPC message, the verb for anything else. A GET opens a
/// stream, which the wire shows when it is over, and the client decides when that is.
pub(super) fn of_requests(requests: &[Request]) -> Vec<String> {
    requests
        .iter()
        .filter(|request| request.verb != "GET")
        .map(|request| match request.verb.as_str() {
            "POST" => of_message(&request.body),
            verb => verb.to_owned(),
        })
        .collect()
}

/// The same for newline-delimited messages.
pub(super) fn of_lines(lines: &str) -> Vec<String> {
    lines
        .lines()
        .map(|line| of_message(line.as_bytes()))
        .collect()
}

fn of_message(body: &[u8]) -> String {
    let message: Value = serde_json::from_slice(body).unwrap();
    let method = message["method"].as_str().unwrap_or("response");
    match message.get("id") {
        Some(id) => format!("{method} {id}"),
        None => method.to_owned(),
    }
}

fn of_entry(entry: &Value) -> String {
    let opened = &entry["opened"];
    match (
        entry["closed"]["reason"].as_str(),
        opened["method"].as_str(),
    ) {
        (Some("verb-not-allowed"), _) | (_, Some("session/listen" | "session/resume")) => {
            "GET".to_owned()
        }
        (_, Some("session/end")) => "DELETE".to_owned(),
        (_, method) => match opened["rpc_id"].as_str() {
            Some(id) => format!("{} {id}", method.unwrap()),
            None => method.unwrap().to_owned(),
        },
    }
}

/// Whether no message of the client is behind an entry: a server started it, or it is the stream that
/// a host over stdio hears without asking.
fn is_unasked(entry: &Value) -> bool {
    let opened = &entry["opened"];
    opened["direction"] == "server"
        || (opened["transport"] == "stdio" && opened["method"] == "session/listen")
}

/// Says what is wrong when a message has no entry of its own, or an entry no message.
pub(super) fn is_complete(sent: &[String], entries: &[Value]) -> Result<(), String> {
    let mut sent = sent.to_vec();
    let mut recorded: Vec<String> = entries
        .iter()
        .filter(|entry| !is_unasked(entry))
        .map(of_entry)
        .filter(|recorded| recorded != "GET")
        .collect();
    sent.sort();
    recorded.sort();
    if sent != recorded {
        return Err(format!("on the wire: {sent:?}\nin the trail: {recorded:?}"));
    }
    match entries.iter().find(|entry| entry["closed"].is_null()) {
        Some(entry) => Err(format!("an entry is open: {entry}")),
        None => Ok(()),
    }
}

/// Says what is wrong when an entry lacks what an entry of this client with this server must have.
pub(super) fn is_right(
    entries: &[Value],
    principal: &str,
    profile: &str,
    name: &str,
    server: &Server,
) -> Result<(), String> {
    for entry in entries {
        let (opened, closed) = (&entry["opened"], &entry["closed"]);
        let wrong = |what: &str| Err(format!("{what}: {entry}"));
        if of_entry(entry) == "GET" || is_unasked(entry) {
            continue;
        }
        if opened["principal"] != principal || opened["profile"] != profile {
            return wrong("another principal or profile");
        }
        if of_entry(entry) == "DELETE" {
            continue;
        }
        if closed["decision"] != "permit" || closed["policies"].as_array().is_none_or(Vec::is_empty)
        {
            return wrong("not permitted by a policy");
        }
        // A stream has no answer; it ends when one of both ends has enough of it.
        let is_stream = opened["method"] == "subscriptions/listen";
        if closed["outcome"] != "ok" && !(is_stream && closed["outcome"] == "cancelled") {
            return wrong("not answered");
        }
        if opened["protocol_version"].is_null() || opened["era"].is_null() {
            return wrong("no protocol version");
        }
        let asked = match opened["method"].as_str() {
            Some("tools/call") => Some(&server.call),
            Some("resources/read") => server.resource.as_ref(),
            Some("prompts/get") => server.prompt.as_ref(),
            _ => continue,
        };
        let target = asked.map(|asked| asked.name.as_str());
        if opened["server"] != name || opened["target"].as_str() != target {
            return wrong("another server or target");
        }
        if !opened["definition"]
            .as_str()
            .is_some_and(|hash| hash.starts_with("sha256:"))
        {
            return wrong("no definition");
        }
        if opened["method"] != "resources/read"
            && !opened["arguments_digest"]
                .as_str()
                .is_some_and(|digest| digest.starts_with("sha256:"))
        {
            return wrong("no digest of the arguments");
        }
    }
    Ok(())
}
