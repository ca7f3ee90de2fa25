//! What is measured, on what, and for how long.

use clap::ValueEnum;
use serde::Serialize;

use crate::load::{Era, Workload};

/// A part of the bench that can be asked for by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Section {
    /// tools/call with 64 bytes, both eras, 1, 16 and 64 connections
    Calls,
    /// The same with each control of Portcullis off in turn
    Controls,
    /// The same with an API key, and with tokens of an issuer, at 1 and 16 connections
    Identity,
    /// A call with 100 progress notifications
    Streaming,
    /// Results of 1 MiB
    Large,
    /// tools/list over 10, 100 and 1,000 tools, and over five servers
    Lists,
    /// Resident memory at rest, after load, and with 1,000 sessions
    Memory,
}

/// Which of the endpoints of a subject is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Endpoint {
    /// One server of the modern era with ten tools.
    Modern,
    /// One server of the legacy era with ten tools.
    Legacy,
    /// One server of the modern era with so many tools.
    Tools(usize),
    /// Five servers of the modern era with ten tools each.
    Five,
}

/// One thing that is measured on each subject that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) section: Section,
    pub(crate) endpoint: Endpoint,
    pub(crate) workload: Workload,
    pub(crate) era: Era,
    pub(crate) connections: usize,
}

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// How often each cell is measured. The rounds are interleaved, so that drift of the machine
    /// hits all alike.
    pub(crate) rounds: usize,
    /// Milliseconds of load before each measurement.
    pub(crate) warm_up: u64,
    /// Milliseconds of each measurement.
    pub(crate) measure: u64,
    /// Connections at which each control is switched off in turn.
    pub(crate) control_connections: &'static [usize],
    /// Sessions that are held open for the memory they take.
    pub(crate) sessions: usize,
}

/// The numbers of connections of the calls.
pub(crate) const CONNECTIONS: [usize; 3] = [1, 16, 64];
/// The numbers of tools in a list.
pub(crate) const TOOLS: [usize; 3] = [10, 100, 1_000];

impl Section {
    /// Whether it compares variants of the gateway with each other, and nothing with others.
    pub(crate) fn is_of_variants(self) -> bool {
        matches!(self, Self::Controls | Self::Identity)
    }
}

impl Plan {
    /// Under a minute, or under ten.
    pub(crate) fn new(quick: bool) -> Self {
        if quick {
            Self {
                rounds: 2,
                warm_up: 50,
                measure: 250,
                control_connections: &[16],
                sessions: 1_000,
            }
        } else {
            Self {
                rounds: 5,
                warm_up: 150,
                measure: 1_000,
                control_connections: &[1, 16],
                sessions: 1_000,
            }
        }
    }

    /// The cells of a section, in order.
    pub(crate) fn cells(&self, section: Section) -> Vec<Cell> {
        let modern = |workload, endpoint, connections| Cell {
            section,
            endpoint,
            workload,
            era: Era::Modern,
            connections,
        };
        match section {
            Section::Calls => [Era::Modern, Era::Legacy]
                .into_iter()
                .flat_map(|era| {
                    let endpoint = match era {
                        Era::Modern => Endpoint::Modern,
                        Era::Legacy => Endpoint::Legacy,
                    };
                    CONNECTIONS.map(|connections| Cell {
                        section,
                        endpoint,
                        workload: Workload::Echo,
                        era,
                        connections,
                    })
                })
                .collect(),
            Section::Controls => self
                .control_connections
                .iter()
                .map(|connections| modern(Workload::Echo, Endpoint::Modern, *connections))
                .collect(),
            Section::Identity => [1, 16]
                .map(|connections| modern(Workload::Echo, Endpoint::Modern, connections))
                .to_vec(),
            Section::Streaming => vec![modern(Workload::Progress, Endpoint::Modern, 1)],
            Section::Large => [Workload::Large, Workload::LargeText]
                .map(|workload| modern(workload, Endpoint::Modern, 1))
                .to_vec(),
            Section::Lists => TOOLS
                .map(Endpoint::Tools)
                .into_iter()
                .chain([Endpoint::Five])
                .map(|endpoint| modern(Workload::List, endpoint, 1))
                .collect(),
            Section::Memory => Vec::new(),
        }
    }
}
