//! What the audit entry of a message says about it.

use portcullis_mcp::message::{Kind, Message};
use portcullis_mcp::meta;

use super::Asked;
use crate::arrival::{Facts, Selector};
use crate::audit::Entry;
use crate::digest::sha256;
use crate::gateway::Gateway;
use crate::registry::Call;
use crate::snapshot::Snapshot;

/// Opens the entry of a message that arrived.
pub(crate) fn open_entry(gateway: &Gateway, snapshot: &Snapshot, facts: &Facts) -> Entry {
    let trail = if snapshot.config().controls.audit {
        gateway.trail().clone()
    } else {
        crate::audit::Trail::off()
    };
    let mut entry = Entry::begin(trail, facts);
    if let Selector::Name(name) = &facts.profile {
        entry.describe(|opened| opened.profile = Some(name.clone()));
    }
    entry
}

pub(super) fn note(message: &Message, entry: &mut Entry, asked: &mut Asked) {
    asked.id = message.id().map(str::to_owned);
    asked.notification = matches!(
        message.kind(),
        Kind::Notification | Kind::Response | Kind::Error
    );
    describe_message(message, entry);
}

pub(super) fn describe_message(message: &Message, entry: &mut Entry) {
    entry.received(message.as_str().len());
    let method = match message.kind() {
        Kind::Response | Kind::Error => "response",
        _ => message.method_name().unwrap_or("unread"),
    };
    // An unknown method name is the client's own text: it is cut to a length that suits a record.
    let method: String = method.chars().take(64).collect();
    let trace = message.params().and_then(traceparent);
    entry.describe(|opened| {
        opened.trace = trace;
        opened.method = method;
        opened.rpc_id = message.id().map(str::to_owned);
    });
}

/// The caller's trace context (W3C Trace Context, MCP SEP-414), if it is well-formed.
fn traceparent(params: &str) -> Option<String> {
    // Most messages carry none; looking for the word is cheaper than reading the params again.
    if !params.contains("\"traceparent\"") {
        return None;
    }
    let raw = meta::member(params, "traceparent")?;
    let text = portcullis_mcp::json::as_string(raw)?;
    let plain = text.len() == 55
        && text
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    plain.then(|| text.into_owned())
}

/// The digest of the arguments exactly as the server gets them.
pub(super) fn arguments_digest(params: &str) -> Option<String> {
    let object = portcullis_mcp::json::Object::parse(params).ok()?;
    object
        .get("arguments")
        .map(|member| sha256(member.value.as_bytes()))
}

pub(super) fn describe_call(call: &Call, entry: &mut Entry) {
    let (definition, target) = (call.definition(), call.target());
    entry.describe(|opened| {
        opened.server = Some(definition.server.to_string());
        opened.target = Some(target.name.clone());
        opened.definition = Some(definition.hash.clone());
    });
}
