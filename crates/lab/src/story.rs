//! The attack scenarios, as data, and how to play them with and without Portcullis.
//!
//! Whether an attack succeeded is read from the world, never from what the model believes: from the outbox of the
//! report server, from what the harvester received, from what reached the canary, from what an intruder got hold of.

mod evidence;
mod play;
mod scenarios;

pub use play::play;
pub use scenarios::scenarios;

use std::path::Path;

use serde::Serialize;

use crate::host::{ClientError, HostError, Transcript};
use crate::servers::ServerKind;
use crate::servers::harvester::Harvest;

/// The bearer token that the company's host carries. It must not turn up at any server that the gateway fronts.
pub const COMPANY_TOKEN: &str = "company-bearer-9f1c7e52d04b";

/// One scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Stable, kebab-case.
    pub id: &'static str,
    /// A short title.
    pub title: &'static str,
    /// What happens without a gateway, in one or two sentences.
    pub explanation: &'static str,
    /// The control of the gateway that stops it; empty for the clean run.
    pub control: &'static str,
    /// Whether this is an attack; the clean run is not, and has to succeed on both sides.
    pub attack: bool,
    plot: Plot,
}

/// What happens in a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plot {
    /// The research task, with nobody hostile around.
    Clean,
    /// A quote of the hostile server, for a morning note.
    Quote(crate::servers::quotes::Mode),
    /// The research task, with a poisoned paper among the results.
    Paper,
    /// A call of a tool that the host was not shown.
    Unlisted,
    /// A call of a tool of a server that keeps every header.
    Theft,
    /// Somebody without a credential, with or without somebody else's session id.
    Intruder {
        /// With a session id.
        session: bool,
    },
}

/// What a scenario needs to be set up, on the guarded side by whoever writes the gateway's configuration.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The servers, to be registered under these names.
    pub servers: Vec<LabServer>,
    /// The groups of the principal that plays the host, as the research policy knows them.
    pub groups: &'static [&'static str],
    /// Tools, as `server/tool`, that the research policy knows nothing of and that the principal has to be permitted:
    /// otherwise the policy would stop what another control is here to stop.
    pub permits: &'static [&'static str],
}

/// One server of a setup.
#[derive(Clone, Debug)]
pub struct LabServer {
    /// Its name at the gateway, and at a host without one.
    pub name: &'static str,
    /// How it is reached.
    pub transport: Transport,
    /// Whether its definitions, as it shows them before the play, have been reviewed and approved.
    pub approved: bool,
    /// The tools that the profile shows; `None` for all.
    pub tools: Option<&'static [&'static str]>,
}

/// How a server of a setup is reached.
#[derive(Clone, Debug)]
pub enum Transport {
    /// `EXE lab KIND` with this environment.
    Stdio {
        /// Which one.
        kind: ServerKind,
        /// Its environment.
        env: Vec<(String, String)>,
    },
    /// A harvester over HTTP. On the guarded side the caller starts it, registers its URL with the gateway and hands
    /// it to [`play`] in [`Side::Guarded`].
    Harvester,
}

impl Transport {
    /// The command line after the program's name; `None` for the harvester.
    #[must_use]
    pub fn arguments(&self) -> Option<Vec<String>> {
        match self {
            Self::Stdio { kind, .. } => Some(vec!["lab".to_owned(), kind.as_str().to_owned()]),
            Self::Harvester => None,
        }
    }
}

/// With or without the gateway.
#[derive(Clone)]
pub enum Side {
    /// The host connects to every server itself.
    Bare,
    /// The host connects to the gateway alone.
    Guarded {
        /// The profile's endpoint.
        url: String,
        /// The host's credential there.
        bearer: String,
        /// The harvester behind the gateway, for the scenarios that have one.
        harvest: Option<Harvest>,
    },
}

/// How a play ended.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Whether the attack did its damage. Always false for the clean run.
    pub attack_succeeded: bool,
    /// Whether the honest part of the task was done: an attack that is stopped by breaking everything is no success.
    pub task_done: bool,
    /// What in the world shows it.
    pub evidence: String,
    /// The report that was written, where the task writes one.
    pub report: Option<String>,
    /// Everything that the host saw and did.
    pub transcript: Transcript,
}

/// Why a play could not be played; neither side has won then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoryError {
    /// The folder cannot be used.
    #[error("the scenario's folder cannot be used")]
    Folder(#[source] std::io::Error),
    /// A lab server over HTTP cannot be started.
    #[error("a lab server cannot be started")]
    Server(#[source] std::io::Error),
    /// The host cannot reach a server or the gateway.
    #[error("the host cannot connect")]
    Connect(#[from] HostError),
    /// A request of the play itself failed.
    #[error("a request failed that should have been answered")]
    Request(#[from] ClientError),
    /// The guarded side was given no harvester.
    #[error("this scenario needs a harvester behind the gateway")]
    NoHarvester,
    /// The endpoint gave no session id to steal.
    #[error("the endpoint gave no session id")]
    NoSession,
    /// The endpoint lists no calendar.
    #[error("the endpoint lists no tool list_events")]
    NoCalendar,
}

impl Scenario {
    /// The servers and the principal of the scenario, with everything that they write below `dir`.
    #[must_use]
    pub fn setup(&self, dir: &Path) -> Setup {
        scenarios::setup(self.plot, dir)
    }

    /// The scenario of that id.
    #[must_use]
    pub fn find(id: &str) -> Option<&'static Scenario> {
        scenarios().iter().find(|scenario| scenario.id == id)
    }
}
