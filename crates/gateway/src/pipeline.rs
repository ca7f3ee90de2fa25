//! The path of a message, from top to bottom.
//!
//! ```text
//! Arrival → Authenticated → Routed → Admitted → Permitted<Admitted> → Call → Permitted<Call>
//!         → Screened<Call> → Outbound → Recorded<Outbound> → Reply → ReplyStream
//! ```
//!
//! Each arrow is a function that takes the proof on its left and is alone in making the one on its
//! right.

mod answer;
mod batch;
mod call;
mod describe;
mod in_session;
mod own_answers;
mod sign_in;
mod standing;
mod told;

use std::future::Future;
use std::sync::Arc;

use portcullis_mcp::message::Message;
use portcullis_mcp::version::Era;
use portcullis_shield::Verdict;

use crate::arrival::{Arrival, Facts, Transport};
use crate::audit::Entry;
use crate::authn::Authenticated;
use crate::authz::{Denied, Permitted};
use crate::clients::SessionKey;
use crate::gateway::Gateway;
use crate::listening::{self, Listening};
use crate::profile::Routed;
use crate::protocol::Door;
use crate::refusal::{Reason, Refusal};
use crate::registry::{self, Call};
use crate::reply::ReplyStream;
use crate::servers::Leases;
use crate::snapshot::Snapshot;
use crate::{shield, upstream, vault};
use answer::{Asked, refuse, turn_down};
use call::{declared, in_round, is_call, mirrored};
use describe::{arguments_digest, describe_call, describe_message, note};
use sign_in::Askable;
use standing::{stand, standing_request};

pub(crate) use answer::{Answer, is_in_session};
pub(crate) use describe::open_entry;
pub(crate) use in_session::{end_session, listen};
pub(crate) use sign_in::KEY as SIGN_IN;

/// A message as a listener hands it over.
pub(crate) enum Received {
    /// The bytes of a body.
    Bytes(Vec<u8>),
    /// A message the listener had to parse to keep its own books (stdio: cancellation).
    Message(Message),
}

/// Opens the entry of a message that arrived. It is on record from here on, whatever becomes of it.
///
/// `message` is given where the listener has parsed it already.
pub(crate) fn begin(gateway: &Gateway, facts: &Facts, message: Option<&Message>) -> Entry {
    let mut entry = open_entry(gateway, &gateway.snapshot(), facts);
    if let Some(message) = message {
        describe_message(message, &mut entry);
    }
    entry
}

/// Serves one message. Every way out of here is recorded.
pub(crate) async fn serve(
    gateway: &Arc<Gateway>,
    mut entry: Entry,
    arrival: Arrival,
    body: impl Future<Output = Result<Received, Refusal>>,
) -> Answer {
    let snapshot = gateway.snapshot();
    let mut asked = Asked::new(&snapshot, &arrival);
    match forward(gateway, &snapshot, arrival, body, &mut entry, &mut asked).await {
        Ok(Carried::Answer(answer)) => answer,
        Ok(Carried::Reply(reply)) => {
            let gateway = Arc::clone(gateway);
            Answer::Stream(Box::new(reply_stream(*reply, entry, snapshot, gateway)))
        }
        Ok(Carried::Listening(listening)) => {
            Answer::Listening(Box::new(listening.recorded_in(entry)))
        }
        Err(refusal) => turn_down(gateway, &snapshot, refusal, &asked, &mut entry),
    }
}

/// The answer of a call, which a legacy host over HTTP can end by its id. Over stdio the listener ends
/// the whole task, and in the modern era the end of the stream is the end of the call.
fn reply_stream(
    reply: upstream::Reply,
    entry: Entry,
    snapshot: Arc<Snapshot>,
    gateway: Arc<Gateway>,
) -> ReplyStream {
    let admitted = reply.screened.permitted().what().admitted();
    let (routed, message) = (admitted.routed(), admitted.message());
    let ends_by_id =
        admitted.protocol().era() == Era::Legacy && routed.facts().transport == Transport::Http;
    let running = match (ends_by_id, SessionKey::of(routed), message.id()) {
        (true, Some(key), Some(id)) => gateway
            .clients()
            .client(&key, routed.principal())
            .ok()
            .map(|client| client.call(id)),
        _ => None,
    };
    let mut stream = ReplyStream::new(reply, entry, snapshot, gateway);
    if let Some(running) = running {
        stream.endable(running);
    }
    stream
}

/// Refuses an arrival that the listener turned away at the edge (host, origin, verb, content type).
pub(crate) fn turn_away(gateway: &Gateway, arrival: &Arrival, refusal: &Refusal) -> Answer {
    let snapshot = gateway.snapshot();
    let mut entry = open_entry(gateway, &snapshot, &arrival.facts);
    let asked = Asked::new(&snapshot, arrival);
    refuse(refusal, &asked, &snapshot, &mut entry)
}

/// What became of a message that was not refused.
enum Carried {
    Answer(Answer),
    Reply(Box<upstream::Reply>),
    Listening(Box<Listening>),
}

async fn forward(
    gateway: &Arc<Gateway>,
    snapshot: &Arc<Snapshot>,
    arrival: Arrival,
    body: impl Future<Output = Result<Received, Refusal>>,
    entry: &mut Entry,
    asked: &mut Asked,
) -> Result<Carried, Refusal> {
    let caller = identify(gateway, snapshot, arrival, entry, asked).await?; // Arrival → Authenticated
    entry.step("authn");

    let routed = snapshot.profiles().route(caller)?; // Authenticated → Routed
    entry.describe(|opened| opened.profile = Some(routed.profile().name.clone()));

    match body.await? {
        Received::Bytes(bytes) if batch::is_one(&bytes) => {
            batch::serve(gateway, snapshot, routed, bytes, entry)
                .await
                .map(Carried::Answer)
        }
        received => {
            let message = parse(received, snapshot)?;
            note(&message, entry, asked);
            carry(gateway, snapshot, routed, message, entry, asked).await
        }
    }
}

/// Who calls, and that this principal was not revoked.
async fn identify(
    gateway: &Gateway,
    snapshot: &Snapshot,
    arrival: Arrival,
    entry: &mut Entry,
    asked: &mut Asked,
) -> Result<Authenticated, Refusal> {
    let at = snapshot.profiles().find(&arrival.facts.profile).cloned();
    let caller = snapshot
        .authenticator()
        .authenticate(arrival, at.as_deref())
        .await?;
    entry.principal(caller.principal());
    asked.principal = Some(Arc::clone(caller.principal()));
    let revocation = snapshot.config().controls.revocation;
    if revocation && gateway.revocations().stops(caller.principal()) {
        return Err(Refusal::new(Reason::CredentialRevoked));
    }
    Ok(caller)
}

/// The path of one message from its endpoint on.
async fn carry(
    gateway: &Arc<Gateway>,
    snapshot: &Arc<Snapshot>,
    routed: Routed,
    message: Message,
    entry: &mut Entry,
    asked: &mut Asked,
) -> Result<Carried, Refusal> {
    let admitted = door(gateway, snapshot).admit(routed, message)?; // Routed → Admitted
    asked.era = admitted.protocol().era();
    asked.askable = Askable::new(
        admitted.message(),
        admitted.protocol().capabilities,
        SessionKey::of(admitted.routed()),
    );
    let protocol = admitted.protocol();
    let capabilities = protocol.capabilities;
    entry.protocol(
        protocol.version.as_str(),
        protocol.era(),
        protocol.client.as_deref(),
    );
    entry.step("protocol");

    let connected = decided(snapshot.authz().connect(admitted), snapshot, entry)?; // Admitted → Permitted<Admitted>
    let principal = Arc::clone(connected.what().routed().principal());
    let token = connected.what().routed().token().clone();
    let leases = Leases {
        servers: gateway.servers(),
        registry: gateway.registry(),
        principal: &principal,
        token: &token,
        capabilities,
        snapshot,
    };
    if let Some(method) = standing_request(connected.what()) {
        let admitted = connected.what();
        let (routed, protocol) = (admitted.routed(), admitted.protocol());
        let context = listening::Context::new(gateway, snapshot, routed, protocol);
        return stand(gateway, method, connected.what(), context, entry).await;
    }
    if !is_call(connected.what()) {
        return own_answers::answer(gateway, snapshot, connected, &leases, entry)
            .await
            .map(Carried::Answer);
    }

    declared(connected.what())?;
    entry.undecided(); // That it may connect says nothing about the call.
    let aim = registry::aim(connected.what(), gateway.tickets())?;
    entry.describe(|opened| opened.target = Some(aim.name().to_owned()));
    let call = registry::resolve(connected, aim, &leases, snapshot.authz()).await?; // Permitted<Admitted> → Call
    describe_call(&call, entry);
    let revocation = snapshot.config().controls.revocation;
    if revocation
        && gateway
            .revocations()
            .stops_server(&call.definition().server)
    {
        return Err(Refusal::new(Reason::ServerRevoked));
    }
    let call = mirrored(call, snapshot)?;
    let call = in_round(call, gateway.tickets())?;
    entry.step("registry");

    let permitted = decided(snapshot.authz().authorize(call), snapshot, entry)?; // Call → Permitted<Call>
    entry.step("authz");

    let screened = screen(gateway, snapshot, permitted, entry)?; // Permitted<Call> → Screened<Call>
    entry.step("shield");

    let outbound = vault::attach(screened); // Screened<Call> → Outbound
    let changes = outbound.screened().permitted().what().may_change();
    let recorded = entry.intend(outbound, changes).await?; // Outbound → Recorded<Outbound>
    let reply = upstream::send(recorded, gateway.suspended()).await?; // Recorded<Outbound> → Reply
    Ok(Carried::Reply(Box::new(reply)))
}

/// The one strict parse of a message.
fn parse(received: Received, snapshot: &Snapshot) -> Result<Message, Refusal> {
    match received {
        Received::Bytes(bytes) => Ok(Message::parse(bytes, &snapshot.limits())?),
        Received::Message(message) => Ok(message),
    }
}

fn door<'a>(gateway: &'a Gateway, snapshot: &Snapshot) -> Door<'a> {
    Door {
        sessions: gateway.sessions(),
        clients: gateway.clients(),
        header_agreement: snapshot.config().controls.header_agreement,
        session_binding: snapshot.config().controls.session_binding,
    }
}

/// Notes what the policies said, and turns their "no" into a refusal.
pub(crate) fn decided<T>(
    decision: Result<Permitted<T>, Denied>,
    snapshot: &Snapshot,
    entry: &mut Entry,
) -> Result<Permitted<T>, Refusal> {
    let version = snapshot.authz().version();
    match decision {
        Ok(permitted) => {
            entry.decision(true, permitted.policies(), version);
            Ok(permitted)
        }
        Err(denied) => {
            entry.decision(false, &denied.policies, version);
            Err(denied.refusal())
        }
    }
}

fn screen(
    gateway: &Gateway,
    snapshot: &Snapshot,
    permitted: Permitted<Call>,
    entry: &mut Entry,
) -> Result<shield::Screened<Call>, Refusal> {
    match shield::screen_call(snapshot.shield(), permitted, gateway.suspended()) {
        Ok(screened) => {
            entry.screened(screened.verdict(), screened.findings());
            let call = screened.permitted().what();
            if call.target().arguments.is_some() {
                let digest = arguments_digest(screened.params());
                entry.describe(|opened| opened.arguments_digest = digest);
            }
            Ok(screened)
        }
        Err((refusal, findings)) => {
            entry.screened(Verdict::Block, &findings);
            Err(refusal)
        }
    }
}
