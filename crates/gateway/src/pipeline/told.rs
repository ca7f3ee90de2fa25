//! What a host says without asking: answers to questions, and notifications.

use portcullis_mcp::capabilities::ClientCapabilities;
use portcullis_mcp::message::Kind;
use portcullis_mcp::method::Method;
use portcullis_mcp::params::{Params, view};
use portcullis_mcp::version::Era;

use crate::clients::SessionKey;
use crate::gateway::Gateway;
use crate::protocol::Admitted;
use crate::servers::Leases;

/// Takes a message that gets no answer. What nobody waits for is recorded and goes nowhere.
pub(super) async fn take(gateway: &Gateway, admitted: &Admitted, leases: &Leases<'_>) {
    let (message, protocol) = (admitted.message(), admitted.protocol());
    // The modern era has neither questions to answer nor sessions; its calls end with their stream.
    if protocol.era() == Era::Modern {
        return;
    }
    let client = SessionKey::of(admitted.routed())
        .and_then(|key| gateway.clients().find(&key, admitted.routed().principal()));
    match (message.kind(), message.method()) {
        (Kind::Response | Kind::Error, _) => {
            if let Some(client) = client {
                client.answer(message.clone());
            }
        }
        (_, Some(Method::Cancelled)) => {
            let request = match view(Method::Cancelled, message.params()) {
                Ok(Params::Cancelled { request_id, .. }) => request_id,
                _ => return,
            };
            if let Some(client) = client {
                client.cancel(request);
            }
        }
        (_, Some(Method::RootsListChanged)) => {
            let announces = ClientCapabilities::ROOTS_LIST_CHANGED;
            if protocol.capabilities.contains(announces) {
                roots_changed(admitted, leases).await;
            }
        }
        _ => {}
    }
}

/// Tells the servers that may ask for roots, and that run, to ask again.
async fn roots_changed(admitted: &Admitted, leases: &Leases<'_>) {
    for member in &admitted.routed().profile().members {
        let Some(connection) = leases.running(&member.server) else {
            continue;
        };
        if connection.era() == Era::Modern {
            continue;
        }
        if let Err(error) = connection.notify(Method::RootsListChanged, None).await {
            tracing::debug!(server = %member.server, %error, "the server did not hear of new roots");
        }
    }
}
