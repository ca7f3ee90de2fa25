//! What a listener has to write, and how a refusal becomes that.

use std::sync::Arc;

use portcullis_identity::{self as identity, Scheme};
use portcullis_mcp::version::{Era, ProtocolVersion};

use super::sign_in::{self, Askable};
use crate::arrival::{Arrival, Credential, Facts};
use crate::audit::Entry;
use crate::authn::Principal;
use crate::gateway::Gateway;
use crate::listening::Listening;
use crate::refusal::{Reason, Refusal};
use crate::replay::Resumed;
use crate::reply::{self, ReplyStream};
use crate::session::Agreed;
use crate::snapshot::Snapshot;

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

/// What is known about the request that an answer is for, however far it came.
pub(super) struct Asked {
    pub(super) id: Option<String>,
    pub(super) era: Era,
    pub(super) notification: bool,
    /// For which endpoint, by its name.
    pub(super) profile: Option<String>,
    /// How the credential was shown.
    pub(super) scheme: Scheme,
    pub(super) principal: Option<Arc<Principal>>,
    /// Whether and how the host can be asked.
    pub(super) askable: Askable,
}

impl Asked {
    /// What is known before anything is read.
    pub(super) fn new(snapshot: &Snapshot, arrival: &Arrival) -> Self {
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
    pub(super) fn in_batch() -> Self {
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

/// Says no, or sends the host to a page first.
pub(super) fn turn_down(
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

pub(super) fn refuse(
    refusal: &Refusal,
    asked: &Asked,
    snapshot: &Snapshot,
    entry: &mut Entry,
) -> Answer {
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

/// Whether a message comes in a legacy session, as far as its headers say.
pub(crate) fn is_in_session(facts: &Facts) -> bool {
    facts.headers.session.is_some() && assumed_era(facts) == Era::Legacy
}

/// The era to answer in as long as the message has not said which.
fn assumed_era(facts: &Facts) -> Era {
    let modern = ProtocolVersion::V2026_07_28.as_str();
    match facts.headers.version.as_deref() {
        Some(version) if version >= modern => Era::Modern,
        _ => Era::Legacy,
    }
}
