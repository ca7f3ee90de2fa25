//! Tickets: sealed values that a host brings back, and by which the gateway knows what it handed out.
//!
//! A server's own `requestState` and task ids are worth something to whoever holds them. A host gets
//! a ticket in their place, which says for whom, for which call and of which server it is, and which
//! nobody else can use or make (2026-07-28, multi round trip, server requirements; SEP-2663,
//! security). Nothing is kept: any replica can read it.

use std::sync::Arc;

use portcullis_mcp::json::canonical;
use portcullis_mcp::method::Method;
use portcullis_store::SessionStore;
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::digest::sha256;
use crate::profile::Routed;
use crate::refusal::{Reason, Refusal, Subject};
use crate::registry::Call;
use crate::seal::{Purpose, Seal, SealError};

/// How long a state ticket is good for, in seconds.
const LIFETIME: i64 = 24 * 60 * 60;
const STATE: Purpose = Purpose {
    key: "request-state-key",
    label: b"portcullis request state v1",
};
const TASK: Purpose = Purpose {
    key: "task-key",
    label: b"portcullis task v1",
};

/// Makes and reads tickets.
pub(crate) struct Tickets {
    states: Seal,
    tasks: Seal,
}

/// What a call that asks for input goes on with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Continuation {
    /// The server's own `requestState`, to be given back byte for byte.
    #[serde(rename = "r")]
    Repeat(String),
    /// The call is made anew: its server keeps no state of it.
    #[serde(rename = "a")]
    Anew,
    /// The call waits in this process, under this number.
    #[serde(rename = "w")]
    Waiting(u64),
}

/// A task as its server knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) server: Arc<str>,
    /// The tool that the task came from.
    pub(crate) tool: String,
    pub(crate) id: String,
}

#[derive(Serialize, Deserialize)]
struct StateTicket {
    /// Principal key.
    p: String,
    /// Profile name.
    f: String,
    /// Server name.
    s: String,
    /// What was asked for: method, name and arguments, as a digest.
    d: String,
    /// Good until, in unix seconds.
    t: i64,
    /// What comes next.
    c: Continuation,
}

#[derive(Serialize, Deserialize)]
struct TaskTicket {
    /// Principal key.
    p: String,
    /// Profile name.
    f: String,
    /// Server name.
    s: String,
    /// Tool name.
    n: String,
    /// The server's task id.
    i: String,
}

impl Tickets {
    pub(crate) async fn open(store: &dyn SessionStore) -> Result<Self, SealError> {
        Ok(Self {
            states: Seal::open(store, STATE).await?,
            tasks: Seal::open(store, TASK).await?,
        })
    }

    /// The `requestState` that a host gets.
    pub(crate) fn state(&self, call: &Call, next: Continuation) -> Result<String, Refusal> {
        let routed = call.admitted().routed();
        self.states.seal(&StateTicket {
            p: routed.principal().key().to_string(),
            f: routed.profile().name.clone(),
            s: call.definition().server.to_string(),
            d: digest(call),
            t: clock::unix_seconds().saturating_add(LIFETIME),
            c: next,
        })
    }

    /// What a `requestState` that came back says. It must be one of ours, for this principal, this
    /// profile and this very call.
    pub(crate) fn continuation(&self, call: &Call, state: &str) -> Result<Continuation, Refusal> {
        let routed = call.admitted().routed();
        self.states
            .unseal::<StateTicket>(state)
            .filter(|ticket| *ticket.p == **routed.principal().key())
            .filter(|ticket| ticket.f == routed.profile().name)
            .filter(|ticket| *ticket.s == *call.definition().server)
            .filter(|ticket| ticket.t > clock::unix_seconds())
            .filter(|ticket| ticket.d == digest(call))
            .map(|ticket| ticket.c)
            .ok_or_else(|| Refusal::new(Reason::RequestStateInvalid))
    }

    /// The task id that a host gets for a task that `call` started.
    pub(crate) fn task(&self, call: &Call, id: &str) -> Result<String, Refusal> {
        let routed = call.admitted().routed();
        self.tasks.seal(&TaskTicket {
            p: routed.principal().key().to_string(),
            f: routed.profile().name.clone(),
            s: call.definition().server.to_string(),
            n: call.definition().name.clone(),
            i: id.to_owned(),
        })
    }

    /// The task behind an id that a host names. One that is not the caller's looks like one that
    /// does not exist.
    pub(crate) fn task_of(&self, routed: &Routed, id: &str) -> Result<Task, Refusal> {
        self.tasks
            .unseal::<TaskTicket>(id)
            .filter(|ticket| *ticket.p == **routed.principal().key())
            .filter(|ticket| ticket.f == routed.profile().name)
            .map(|ticket| Task {
                server: ticket.s.into(),
                tool: ticket.n,
                id: ticket.i,
            })
            .ok_or_else(|| Refusal::of(Reason::TargetUnknown, Subject::Task))
    }
}

/// What a call asks for, however its arguments are written.
fn digest(call: &Call) -> String {
    let target = call.target();
    let params = call.admitted().message().params().unwrap_or("{}");
    let arguments = target.arguments.map_or("{}", |span| span.of(params));
    // Arguments without a canonical form (a number that no other parser would read back) are taken
    // as they were written.
    let arguments = canonical(arguments).unwrap_or_else(|_| arguments.to_owned());
    let method = match target.method {
        Method::ToolsCall => "t",
        Method::PromptsGet => "p",
        Method::ResourcesRead => "r",
        other => other.as_str(),
    };
    sha256(
        [method, "\0", &target.name, "\0", &arguments]
            .concat()
            .as_bytes(),
    )
}
