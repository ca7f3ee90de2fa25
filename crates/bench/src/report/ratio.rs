//! How one subject compares with another in the same cell of the same run. Only such numbers say
//! anything on another machine.

use serde::Serialize;

use super::{Report, Row};
use crate::subject::{AGENTGATEWAY, DIRECT, PORTCULLIS, PROXY};

/// One comparison.
#[derive(Debug, Serialize)]
pub(super) struct Ratio {
    pub(super) subject: String,
    pub(super) to: &'static str,
    pub(super) cell: String,
    /// What it adds to the median of asking directly, over what the other adds. `None` where the
    /// other adds nothing that can be measured.
    pub(super) added_p50: Option<f64>,
    pub(super) throughput: f64,
    pub(super) cpu: Option<f64>,
}

/// Portcullis against the floor and against the peer, in every cell that they share; and the floor
/// against the peer.
pub(super) fn all(report: &Report) -> Vec<Ratio> {
    let pairs = [
        (PORTCULLIS, PROXY),
        (PORTCULLIS, AGENTGATEWAY),
        (AGENTGATEWAY, PROXY),
    ];
    let mut ratios = Vec::new();
    for (subject, to) in pairs {
        let rows = report.rows.iter().filter(|row| row.subject == subject);
        for row in rows.filter(|row| !row.section.is_of_variants()) {
            ratios.extend(peer(report, row, to).map(|other| ratio(report, row, other, to)));
        }
    }
    ratios
}

/// What a subject adds to the median of asking directly, in microseconds.
pub(super) fn added(report: &Report, row: &Row) -> Option<f64> {
    let direct = peer(report, row, DIRECT)?;
    Some(row.p50_us - direct.p50_us)
}

/// What another subject did in the same cell.
pub(super) fn peer<'a>(report: &'a Report, row: &Row, subject: &str) -> Option<&'a Row> {
    let mut rows = report.rows.iter();
    rows.find(|other| other.subject == subject && other.same_cell(row))
}

/// A cell in words.
pub(super) fn cell(row: &Row) -> String {
    let workload = row.workload.name();
    let era = row.era.name();
    let what = match row.tools {
        None => String::new(),
        Some(tools) => format!(", {tools} tools of {}", servers(row.servers)),
    };
    format!("{workload}, {era}, {} conn.{what}", row.connections)
}

fn servers(number: usize) -> String {
    match number {
        1 => "1 server".to_owned(),
        _ => format!("{number} servers"),
    }
}

fn ratio(report: &Report, row: &Row, other: &Row, to: &'static str) -> Ratio {
    let added_p50 = added(report, row).zip(added(report, other));
    Ratio {
        subject: row.subject.clone(),
        to,
        cell: cell(row),
        added_p50: added_p50.and_then(|(own, others)| over(own, others)),
        throughput: row.per_second / other.per_second,
        cpu: row
            .cpu_us()
            .zip(other.cpu_us())
            .and_then(|(own, others)| over(own, others)),
    }
}

fn over(own: f64, others: f64) -> Option<f64> {
    (others > 0.0).then_some(own / others)
}
