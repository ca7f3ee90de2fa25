//! The path of a message, from top to bottom.
//!
//! ```text
//! Arrival → Authenticated → Routed → Admitted → Permitted<Admitted> → Call → Permitted<Call>
//!         → Screened<Call> → Outbound → Recorded<Outbound> → Reply → ReplyStream
//! ```
//!
//! Each arrow is a function that takes the proof on its left and is alone in making the one on its
//! right.

mod batch;
mod describe;
mod in_session;
mod own_answers;
mod sign_in;
mod told;

use std::future::Future;
use std::sync::Arc;

use portcullis_identity::{self as identity, Scheme};
use portcullis_mcp::capabilities::ClientCapabilities;
use portcullis_mcp::message::{Kind, Message};
use portcullis_mcp::method::Method;
use portcullis_mcp::version::Era;
use portcullis_shield::Verdict;

use crate::arrival::{Arrival, Credential, Facts, Transport};
use crate::audit::Entry;
use crate::authn::{Authenticated, Principal};
use crate::authz::{Denied, Permitted};
use crate::clients::SessionKey;
use crate::gateway::Gateway;
use crate::listening::{self, Listening};
use crate::profile::Routed;
use crate::protocol::{Admitted, Door};
use crate::refusal::{Reason, Refusal};
use crate::registry::{self, Call, Round};
use crate::replay::Resumed;
use crate::reply::{self, ReplyStream};
use crate::servers::Leases;
use crate::session::Agreed;
use crate::snapshot::Snapshot;
use crate::tickets::Tickets;
use crate::{shield, upstream, vault};
use describe::{arguments_digest, describe_call, describe_message, note};

pub(crate) use describe::open_entry;
use sign_in::Askable;
pub(crate) use sign_in::KEY as SIGN_IN;

pub(crate) use in_session::{end_session, listen};

/// What a listener has to write.
pub(crate) enum Answer {
    /// A notification was taken; there is nothing to say.
    Accepted,
    /// The answer to a request, made by the gateway itself.
    Message {
        /// The JSON-RPC response.
        body: String,
        /// A session id that was just made.
        session: Option<String>,
        /// The version an `initialize` agreed on.
        agreed: Option<Agreed>,
    },
    /// A refusal.
    Refused {
        /// Why.
        reason: Reason,
        /// The HTTP status that goes with it.
        status: u16,
        /// The JSON-RPC error.
        body: String,
        /// The values of `WWW-Authenticate`.
        challenges: Vec<String>,
        /// The value of `DPoP-Nonce`.
        nonce: Option<String>,
        /// False for a notification: JSON-RPC has no answer to it.
        answers: bool,
    },
    /// A server's answer, message by message.
    Stream(Box<ReplyStream>),
    /// The rest of such an answer, for a host that lost its connection.
    Resumed(Box<Resumed>),
    /// What servers say without being asked, until one side ends it.
    Listening(Box<Listening>),
}

/// A message as a listener hands it over.
pub(crate) enum Received {
    /// The bytes of a body.
    Bytes(Vec<u8>),
    /// A message the listener had to parse to keep its own books (stdio: cancellation).
    Message(Message),
}

/// What is known about the request that an answer is for, however far it came.
struct Asked {
    id: Option<String>,
    era: Era,
    notification: bool,
    /// For which endpoint, by its name.
    profile: Option<String>,
    /// How the credential was shown.
    scheme: Scheme,
    principal: Option<Arc<Principal>>,
    /// Whether and how the host can be asked.
    askable: Askable,
}

impl Asked {
    /// What is known before anything is read.
    fn new(snapshot: &Snapshot, arrival: &Arrival) -> Self {
        let scheme = match &arrival.credential {
            Credential::Token(shown) => shown.scheme,
            _ => Scheme::Bearer,
        };
        Self {
            id: None,
            era: assumed_era(&arrival.facts),
            notification: false,
            profile: snapshot.profiles().name(&arrival.facts.profile),
            scheme,
            principal: None,
            askable: Askable::default(),
        }
    }

    /// Of a message in a batch, whose answer has no status of its own.
    fn in_batch() -> Self {
        Self {
            id: None,
            era: Era::Legacy,
            notification: false,
            profile: None,
            scheme: Scheme::Bearer,
            principal: None,
            askable: Askable::default(),
        }
    }
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

/// Requests about what is told later: what they ask for stands until somebody ends it.
fn standing_request(admitted: &Admitted) -> Option<Method> {
    let method = admitted.message().method()?;
    let standing = matches!(
        method,
        Method::SubscriptionsListen | Method::ResourcesSubscribe | Method::ResourcesUnsubscribe
    );
    let exists = method.exists_in(admitted.protocol().version);
    (standing && exists && admitted.message().kind() == Kind::Request).then_some(method)
}

async fn stand(
    gateway: &Arc<Gateway>,
    method: Method,
    admitted: &Admitted,
    context: listening::Context<'_>,
    entry: &mut Entry,
) -> Result<Carried, Refusal> {
    match method {
        Method::ResourcesSubscribe => {
            let answer = listening::subscribe(gateway, admitted, &context, entry).await?;
            Ok(Carried::Answer(answer))
        }
        Method::ResourcesUnsubscribe => {
            let answer = listening::unsubscribe(gateway, admitted, &context, entry).await?;
            Ok(Carried::Answer(answer))
        }
        _ => {
            entry.intend((), false).await?;
            let listening = listening::listen(gateway, admitted, context).await?;
            Ok(Carried::Listening(Box::new(listening)))
        }
    }
}

/// Methods that go to one server. Everything else the gateway answers itself.
fn is_call(admitted: &Admitted) -> bool {
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
fn declared(admitted: &Admitted) -> Result<(), Refusal> {
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
fn mirrored(call: Call, snapshot: &Snapshot) -> Result<Call, Refusal> {
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
fn in_round(call: Call, tickets: &Tickets) -> Result<Call, Refusal> {
    if call.admitted().protocol().era() == Era::Legacy {
        return Ok(call);
    }
    let Some(state) = call.target().state.as_deref() else {
        return Ok(call);
    };
    let next = tickets.continuation(&call, state)?;
    Ok(call.in_round(Round::Next(next)))
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

/// Whether a message comes in a legacy session, as far as its headers say.
pub(crate) fn is_in_session(facts: &Facts) -> bool {
    facts.headers.session.is_some() && assumed_era(facts) == Era::Legacy
}

/// The era to answer in as long as the message has not said which.
fn assumed_era(facts: &Facts) -> Era {
    let modern = portcullis_mcp::version::ProtocolVersion::V2026_07_28.as_str();
    match facts.headers.version.as_deref() {
        Some(version) if version >= modern => Era::Modern,
        _ => Era::Legacy,
    }
}

/// Says no, or sends the host to a page first.
fn turn_down(
    gateway: &Gateway,
    snapshot: &Snapshot,
    refusal: Refusal,
    asked: &Asked,
    entry: &mut Entry,
) -> Answer {
    match sign_in::invite(gateway, snapshot, refusal, asked, entry) {
        Ok(answer) => answer,
        Err(refusal) => refuse(&refusal, asked, snapshot, entry),
    }
}

fn refuse(refusal: &Refusal, asked: &Asked, snapshot: &Snapshot, entry: &mut Entry) -> Answer {
    reply::log(refusal, entry.id());
    entry.refuse(refusal);
    let challenges = snapshot.challenges().of(
        refusal,
        asked.profile.as_deref(),
        asked.principal.as_deref(),
        asked.scheme,
    );
    let nonce = refusal
        .rejected()
        .and_then(|rejected| match rejected.kind() {
            identity::Kind::UseDpopNonce { nonce } => Some(nonce.clone()),
            _ => None,
        });
    Answer::Refused {
        reason: refusal.reason(),
        status: refusal.status(asked.era),
        challenges,
        nonce,
        body: refusal.to_message(asked.id.as_deref(), asked.era, entry.id()),
        answers: !asked.notification,
    }
}
