//! What a legacy host asks of its session as a whole: its stream, and its end.

use std::sync::Arc;

use super::{Answer, Asked, decided, door, identify, open_entry, refuse};
use crate::arrival::Arrival;
use crate::audit::Outcome;
use crate::clients::SessionKey;
use crate::gateway::Gateway;
use crate::listening::{self, Listening};
use crate::profile::Routed;
use crate::refusal::{Reason, Refusal};
use crate::replay::Resumed;

/// Opens the stream of the legacy session that an arrival names.
pub(crate) async fn listen(gateway: &Arc<Gateway>, arrival: Arrival) -> Answer {
    let snapshot = gateway.snapshot();
    let mut entry = open_entry(gateway, &snapshot, &arrival.facts);
    entry.describe(|opened| opened.method = "session/listen".to_owned());
    let mut asked = Asked::new(&snapshot, &arrival);
    let opened = async {
        let caller = identify(gateway, &snapshot, arrival, &mut entry, &mut asked).await?;
        let routed = snapshot.profiles().route(caller)?;
        entry.describe(|opened| opened.profile = Some(routed.profile().name.clone()));
        let protocol = door(gateway, &snapshot).stream(&routed)?;
        entry.protocol(protocol.version.as_str(), protocol.era(), None);
        let reached = snapshot.authz().reach(&routed, &protocol);
        decided(reached, &snapshot, &mut entry)?;
        let again = resume(gateway, &routed);
        if again.is_some() {
            entry.describe(|opened| "session/resume".clone_into(&mut opened.method));
        }
        entry.intend((), false).await?;
        if let Some(stream) = again {
            return Ok(Opened::Again(stream));
        }
        let context = listening::Context::new(gateway, &snapshot, &routed, &protocol);
        let listening = listening::in_session(gateway, context).await?;
        Ok(Opened::Anew(Box::new(listening)))
    };
    match opened.await {
        Ok(Opened::Anew(listening)) => Answer::Listening(Box::new(listening.recorded_in(entry))),
        Ok(Opened::Again(stream)) => {
            entry.finish(Outcome::Ok, "");
            Answer::Resumed(Box::new(stream))
        }
        Err(refusal) => refuse(&refusal, &asked, &snapshot, &mut entry),
    }
}

/// What a GET of a session opens.
enum Opened {
    /// The stream of what servers say unasked.
    Anew(Box<Listening>),
    /// The rest of the stream of a call.
    Again(Resumed),
}

/// The stream that a host was reading when it lost its connection, if it names one that is known.
fn resume(gateway: &Gateway, routed: &Routed) -> Option<Resumed> {
    let event = routed.facts().headers.last_event.as_deref()?;
    let client = gateway
        .clients()
        .find(&SessionKey::of(routed)?, routed.principal())?;
    client.replays().after(event)
}

/// Ends the legacy session that an arrival names.
pub(crate) async fn end_session(gateway: &Gateway, arrival: Arrival) -> Answer {
    let snapshot = gateway.snapshot();
    let mut entry = open_entry(gateway, &snapshot, &arrival.facts);
    entry.describe(|opened| opened.method = "session/end".to_owned());
    let mut asked = Asked::new(&snapshot, &arrival);
    let ended = async {
        let caller = identify(gateway, &snapshot, arrival, &mut entry, &mut asked).await?;
        let routed = snapshot.profiles().route(caller)?;
        entry.describe(|opened| opened.profile = Some(routed.profile().name.clone()));
        let id = routed
            .facts()
            .headers
            .session
            .as_deref()
            .ok_or_else(|| Refusal::new(Reason::SessionMissing))?;
        let bound = snapshot.config().controls.session_binding;
        let session =
            gateway
                .sessions()
                .open_id(id, routed.principal(), &routed.profile().name, bound)?;
        let version = session.agreed().version;
        entry.protocol(version.as_str(), version.era(), None);
        gateway
            .sessions()
            .end(&session)
            .await
            .map_err(|cause| Refusal::new(Reason::Internal).because(cause))?;
        gateway.clients().end(&SessionKey::Http(id.to_owned()));
        Ok(())
    };
    match ended.await {
        Ok(()) => {
            entry.finish(Outcome::Ok, "");
            Answer::Accepted
        }
        Err(refusal) => refuse(&refusal, &asked, &snapshot, &mut entry),
    }
}
