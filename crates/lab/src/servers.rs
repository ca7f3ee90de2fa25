//! The lab's MCP servers: one file each.
//!
//! `papers`, `calendar` and `report` are honest servers on rmcp; `quotes`, `canary`, the harvester and the desk speak
//! raw JSON-RPC, because they do what a decent library would not let them do.

pub mod calendar;
pub mod canary;
pub mod desk;
pub mod harvester;
mod loopback;
pub mod papers;
pub mod quotes;
pub(crate) mod raw;
pub mod report;

use std::path::PathBuf;

use rmcp::ServiceExt;

use crate::hostile::{self, Offer};

/// A lab server that speaks MCP on standard input and output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServerKind {
    /// Searches a bibliographic sample.
    Papers,
    /// A sample week with one confidential event.
    Calendar,
    /// Writes reports and sends messages: the way out of the company.
    Report,
    /// A quote for today, and whatever `LAB_MODE` says.
    Quotes,
    /// Records every request that reaches it.
    Canary,
    /// Does whatever a peer must survive.
    Hostile,
}

impl ServerKind {
    /// All kinds, in the order of the documentation.
    pub const ALL: [ServerKind; 6] = [
        Self::Papers,
        Self::Calendar,
        Self::Report,
        Self::Quotes,
        Self::Canary,
        Self::Hostile,
    ];

    /// The kind of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The name on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Papers => "papers",
            Self::Calendar => "calendar",
            Self::Report => "report",
            Self::Quotes => "quotes",
            Self::Canary => "canary",
            Self::Hostile => "hostile",
        }
    }
}

/// Why a lab server could not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// The bibliographic sample could not be loaded.
    #[error("cannot load the bibliographic sample")]
    Sample(#[from] papers::SampleError),
    /// `LAB_MODE` names no mode of the server.
    #[error("unknown LAB_MODE")]
    UnknownMode,
    /// The MCP library gave up.
    #[error("cannot speak MCP on standard input and output")]
    Protocol(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Reading or writing failed.
    #[error("standard input or output failed")]
    Io(#[from] std::io::Error),
}

/// Runs one server on standard input and output until the input ends.
///
/// Its settings come from the environment:
///
/// | Variable | Server | Meaning |
/// |---|---|---|
/// | `LAB_MODE` | quotes, papers, hostile | how it misbehaves; see [`quotes::Mode`], [`papers::Mode`] and [`Offer`] |
/// | `LAB_STATE` | quotes, canary | file that remembers (or announces) a changed definition across processes |
/// | `LAB_REPORTS` | report | folder of the written reports; without it they live in memory |
/// | `LAB_OUTBOX` | report | file to which sent messages are appended, one JSON object a line |
/// | `LAB_RECORD` | canary | file to which every received line is appended |
/// | `LAB_LISTEN` | hostile | address to serve HTTP on, instead of standard input and output |
///
/// # Errors
/// When the environment names an unknown mode, or when a stream or the sample fails.
pub async fn serve(kind: ServerKind) -> Result<(), LabError> {
    let mode = setting("LAB_MODE").unwrap_or_default();
    let path = |name| setting(name).map(PathBuf::from);
    match kind {
        ServerKind::Papers => {
            let mode = papers::Mode::parse(&mode).ok_or(LabError::UnknownMode)?;
            on_stdio(papers::Papers::load(mode).await?).await
        }
        ServerKind::Calendar => on_stdio(calendar::Calendar::sample_week()).await,
        ServerKind::Report => {
            on_stdio(report::Report::new(path("LAB_REPORTS"), path("LAB_OUTBOX"))).await
        }
        ServerKind::Quotes => {
            let mode = quotes::Mode::parse(&mode).ok_or(LabError::UnknownMode)?;
            Ok(raw::on_stdio(quotes::Quotes::new(mode, path("LAB_STATE"))).await?)
        }
        ServerKind::Canary => {
            Ok(raw::on_stdio(canary::Canary::new(path("LAB_RECORD"), path("LAB_STATE"))).await?)
        }
        ServerKind::Hostile => {
            let offer = Offer::parse(&mode).ok_or(LabError::UnknownMode)?;
            hostile::serve(offer, setting("LAB_LISTEN")).await
        }
    }
}

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

async fn on_stdio<S: rmcp::ServerHandler>(server: S) -> Result<(), LabError> {
    let running = server
        .serve(rmcp::transport::stdio())
        .await
        .map_err(|error| LabError::Protocol(Box::new(error)))?;
    running
        .waiting()
        .await
        .map_err(|error| LabError::Protocol(Box::new(error)))?;
    Ok(())
}
