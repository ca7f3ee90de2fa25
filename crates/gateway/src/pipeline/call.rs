//! What a message that goes to one server must say before anybody decides about it.

use portcullis_mcp::capabilities::ClientCapabilities;
use portcullis_mcp::message::Kind;
use portcullis_mcp::method::Method;
use portcullis_mcp::version::Era;

use crate::arrival::Transport;
use crate::protocol::Admitted;
use crate::refusal::{Reason, Refusal};
use crate::registry::{Call, Round};
use crate::snapshot::Snapshot;
use crate::tickets::Tickets;

/// Methods that go to one server. Everything else the gateway answers itself.
pub(super) fn is_call(admitted: &Admitted) -> bool {
    admitted.message().kind() == Kind::Request
        && matches!(
            admitted.message().method(),
            Some(
                Method::ToolsCall
                    | Method::PromptsGet
                    | Method::ResourcesRead
                    | Method::CompletionComplete
                    | Method::TasksGet
                    | Method::TasksUpdate
                    | Method::TasksCancel
            )
        )
}

/// Tasks are an extension of the modern era, for profiles that carry it and hosts that declare it.
pub(super) fn declared(admitted: &Admitted) -> Result<(), Refusal> {
    const TASKS: ClientCapabilities = ClientCapabilities::TASKS;
    let method = admitted.message().method();
    if !matches!(
        method,
        Some(Method::TasksGet | Method::TasksUpdate | Method::TasksCancel)
    ) || admitted.protocol().capabilities.contains(TASKS)
    {
        return Ok(());
    }
    let modern = admitted.protocol().era() == Era::Modern;
    if !modern || !admitted.routed().profile().features.contains(TASKS) {
        return Err(Refusal::new(Reason::MethodUnknown));
    }
    let needed = TASKS.write(admitted.protocol().version);
    Err(Refusal::new(Reason::CapabilityMissing).data("requiredCapabilities", needed))
}

/// Headers that mirror arguments must say what the arguments say (2026-07-28, custom headers). Which
/// of them do is known once the definition is.
pub(super) fn mirrored(call: Call, snapshot: &Snapshot) -> Result<Call, Refusal> {
    let admitted = call.admitted();
    let mirrors = snapshot.config().controls.header_agreement
        && admitted.protocol().era() == Era::Modern
        && admitted.routed().facts().transport == Transport::Http
        && !call.definition().mirrored.is_empty();
    if mirrors {
        let params = admitted.message().params().unwrap_or("{}");
        let arguments = call.target().arguments.map(|span| span.of(params));
        let sent = &admitted.routed().facts().headers.params;
        call.definition()
            .mirrored
            .agree(arguments, sent)
            .map_err(|mismatch| {
                Refusal::new(Reason::HeaderMismatch).detail(mismatch.to_string())
            })?;
    }
    Ok(call)
}

/// What a call that brings state back goes on with.
pub(super) fn in_round(call: Call, tickets: &Tickets) -> Result<Call, Refusal> {
    if call.admitted().protocol().era() == Era::Legacy {
        return Ok(call);
    }
    let Some(state) = call.target().state.as_deref() else {
        return Ok(call);
    };
    let next = tickets.continuation(&call, state)?;
    Ok(call.in_round(Round::Next(next)))
}
