//! The tables that a person reads.

use std::fmt::Write as _;

use super::ratio::{self, Ratio};
use super::{Memory, Report, Row};
use crate::load::Workload;
use crate::plan::Section;
use crate::subject::{API_KEY, DIRECT, PORTCULLIS};

pub(super) fn render(report: &Report) -> String {
    let mut text = String::new();
    let kind = if report.quick { "quick" } else { "full" };
    let machine = &report.machine;
    let _ = writeln!(
        text,
        "\nPortcullis {}, {kind} bench of {:.0} s on {} ({} cores, {})\n",
        report.version, report.seconds, machine.processor, machine.cores, machine.system
    );
    for (title, rows) in groups(report) {
        let _ = writeln!(text, "{title}");
        text.push_str(&cells(report, &rows));
        text.push('\n');
    }
    controls(report, &mut text);
    callers(report, &mut text);
    memory(&report.memory, &mut text);
    ratios(&ratio::all(report), &mut text);
    for problem in &report.problems {
        let _ = writeln!(text, "NOT MEASURED: {problem}");
    }
    text
}

/// The rows of each cell but those of the variants, with its title, in the order of measuring.
fn groups(report: &Report) -> Vec<(String, Vec<&Row>)> {
    let mut groups: Vec<(String, Vec<&Row>)> = Vec::new();
    let rows = report.rows.iter();
    for row in rows.filter(|row| !row.section.is_of_variants()) {
        let title = title(row);
        match groups.iter_mut().find(|(known, _)| *known == title) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((title, vec![row])),
        }
    }
    groups
}

fn title(row: &Row) -> String {
    let what = match row.workload {
        Workload::Echo => "tools/call, 64 bytes there and back".to_owned(),
        Workload::Large => "tools/call, 1 MiB of ASCII back".to_owned(),
        Workload::LargeText => "tools/call, 1 MiB of text beyond ASCII back".to_owned(),
        Workload::Progress => "tools/call with 100 progress notifications".to_owned(),
        Workload::List => {
            let tools = row.tools.unwrap_or_default();
            match row.servers {
                1 => format!("tools/list of {tools} tools"),
                servers => format!("tools/list of {tools} tools of {servers} servers"),
            }
        }
    };
    let era = row.era.name();
    let connections = match row.connections {
        1 => "1 connection".to_owned(),
        more => format!("{more} connections"),
    };
    format!("{what}, {era}, {connections}")
}

fn cells(report: &Report, rows: &[&Row]) -> String {
    let mut lines = vec![
        ["", "p50 us", "added us", "p99 us", "calls/s", "CPU us/call"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for row in rows {
        let added = ratio::added(report, row).filter(|_| row.subject != DIRECT);
        lines.push(vec![
            row.subject.clone(),
            number(Some(row.p50_us)),
            number(added),
            number(Some(row.p99_us)),
            number(Some(row.per_second)),
            number(row.cpu_us()),
        ]);
    }
    aligned(&lines)
}

/// What switching each control off gives, beside the gateway with everything on.
fn controls(report: &Report, text: &mut String) {
    let rows = || {
        let rows = report.rows.iter();
        rows.filter(|row| row.section == Section::Controls)
    };
    for all_on in rows().filter(|row| row.subject == PORTCULLIS) {
        let _ = writeln!(
            text,
            "each control off in turn, {} (what it saves, of one call)",
            title(all_on)
        );
        let mut lines = vec![
            [
                "",
                "p50 us",
                "saves us",
                "CPU us/call",
                "saves us",
                "calls/s",
            ]
            .map(str::to_owned)
            .to_vec(),
        ];
        for row in rows().filter(|row| row.same_cell(all_on)) {
            let on = row.subject == PORTCULLIS;
            let cpu = all_on.cpu_us().zip(row.cpu_us());
            lines.push(vec![
                row.subject.clone(),
                number(Some(row.p50_us)),
                number(Some(all_on.p50_us - row.p50_us).filter(|_| !on)),
                number(row.cpu_us()),
                number(cpu.map(|(all, own)| all - own).filter(|_| !on)),
                number(Some(row.per_second)),
            ]);
        }
        text.push_str(&aligned(&lines));
        text.push('\n');
    }
}

/// What each kind of token adds to a call with an API key.
fn callers(report: &Report, text: &mut String) {
    let rows = || {
        let rows = report.rows.iter();
        rows.filter(|row| row.section == Section::Identity)
    };
    for key in rows().filter(|row| row.subject == API_KEY) {
        let _ = writeln!(
            text,
            "who calls, {} (what it adds to a call with an API key)",
            title(key)
        );
        let mut lines = vec![
            ["", "p50 us", "adds us", "CPU us/call", "adds us", "calls/s"]
                .map(str::to_owned)
                .to_vec(),
        ];
        for row in rows().filter(|row| row.same_cell(key)) {
            let other = row.subject != API_KEY;
            let cpu = row.cpu_us().zip(key.cpu_us());
            lines.push(vec![
                row.subject.clone(),
                number(Some(row.p50_us)),
                number(Some(row.p50_us - key.p50_us).filter(|_| other)),
                number(row.cpu_us()),
                number(cpu.map(|(own, key)| own - key).filter(|_| other)),
                number(Some(row.per_second)),
            ]);
        }
        text.push_str(&aligned(&lines));
        text.push('\n');
    }
}

fn memory(memory: &[Memory], text: &mut String) {
    if memory.is_empty() {
        return;
    }
    let mebibytes = |kib: Option<u64>| match kib {
        Some(kib) => format!("{:.1}", kib as f64 / 1024.0),
        None => "-".to_owned(),
    };
    let mut lines = vec![
        ["", "at rest", "after load", "1,000 sessions"]
            .map(str::to_owned)
            .to_vec(),
    ];
    lines.extend(memory.iter().map(|of| {
        vec![
            of.subject.clone(),
            mebibytes(Some(of.at_rest_kib)),
            mebibytes(of.after_load_kib),
            mebibytes(of.with_sessions_kib),
        ]
    }));
    let _ = writeln!(text, "resident memory, MiB");
    text.push_str(&aligned(&lines));
    text.push('\n');
}

fn ratios(ratios: &[Ratio], text: &mut String) {
    if ratios.is_empty() {
        return;
    }
    let factor = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
    let mut lines = vec![
        ["ratios", "added p50", "calls/s", "CPU"]
            .map(str::to_owned)
            .to_vec(),
    ];
    lines.extend(ratios.iter().map(|ratio| {
        vec![
            format!("{} / {}: {}", ratio.subject, ratio.to, ratio.cell),
            factor(ratio.added_p50),
            factor(Some(ratio.throughput)),
            factor(ratio.cpu),
        ]
    }));
    text.push_str(&aligned(&lines));
    text.push('\n');
}

/// Columns of one width, the first to the left and the others to the right.
fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for line in lines {
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let _ = match column {
                0 => write!(text, "  {cell:<width$}"),
                _ => write!(text, "  {cell:>width$}"),
            };
        }
        text.push('\n');
    }
    text
}

/// Digits as far as they say something, with commas.
fn number(value: Option<f64>) -> String {
    let Some(value) = value else {
        return "-".to_owned();
    };
    if value.abs() < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 {
        format!("-{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests;
