//! `bench.svg`: bars, readable on light and on dark ground.

use std::fmt::Write as _;

use super::{Report, Row};
use crate::load::Era;
use crate::plan::{CONNECTIONS, Section};
use crate::subject::{AGENTGATEWAY, DIRECT, PORTCULLIS, PROXY};

const WIDTH: f64 = 820.0;
const LABEL: f64 = 240.0;
const VALUE: f64 = 90.0;
const LINE: f64 = 20.0;
const BAR: f64 = 13.0;

/// The colours have a contrast of 3 to 1 and more on both grounds; the text takes that of the page.
const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#1b1f24}.title{font-weight:600;font-size:14px}.note{fill:#57606a}.direct{fill:#8c959f}.proxy{fill:#6e7781}.portcullis{fill:#0969da}.peer{fill:#bc4c00}.ground{fill:#fff}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.note{fill:#9198a1}.direct{fill:#6e7681}.proxy{fill:#8b949e}.portcullis{fill:#4493f8}.peer{fill:#f0883e}.ground{fill:#0d1117}}";

/// A chart of its own below the one before.
struct Panel {
    title: &'static str,
    unit: &'static str,
    bars: Vec<Bar>,
}

struct Bar {
    label: String,
    class: &'static str,
    value: f64,
}

pub(super) fn render(report: &Report) -> String {
    let panels: Vec<Panel> = panels(report)
        .into_iter()
        .filter(|panel| !panel.bars.is_empty())
        .collect();
    let mut body = String::new();
    let mut y = 24.0;
    for panel in &panels {
        y = draw(panel, y, &mut body);
    }
    let machine = &report.machine;
    let note = format!(
        "{}, {} cores, {}; loopback, all in one run",
        machine.processor, machine.cores, machine.system
    );
    let _ = write!(
        body,
        r#"<text class="note" x="12" y="{y}">{}</text>"#,
        escaped(&note)
    );
    let height = y + 16.0;
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="What a tool call costs: CPU, latency, throughput and memory"><style>{STYLE}</style><rect class="ground" width="{WIDTH}" height="{height}"/>{body}</svg>
"#
    )
}

fn panels(report: &Report) -> Vec<Panel> {
    let calls = |value: fn(&Row) -> Option<f64>| -> Vec<Bar> {
        CONNECTIONS
            .into_iter()
            .flat_map(|connections| {
                report.rows.iter().filter(move |row| {
                    row.section == Section::Calls
                        && row.era == Era::Modern
                        && row.connections == connections
                })
            })
            .filter_map(|row| {
                Some(Bar {
                    label: format!("{}, {} conn.", row.subject, row.connections),
                    class: class(&row.subject),
                    value: value(row)?,
                })
            })
            .collect()
    };
    let resting = report.memory.iter().map(|of| Bar {
        label: of.subject.clone(),
        class: class(&of.subject),
        value: of.at_rest_kib as f64 / 1024.0,
    });
    vec![
        Panel {
            title: "CPU of one call",
            unit: "us",
            bars: calls(Row::cpu_us),
        },
        Panel {
            title: "Calls in a second",
            unit: "",
            bars: calls(|row| Some(row.per_second)),
        },
        Panel {
            title: "Median time of one call",
            unit: "us",
            bars: calls(|row| Some(row.p50_us)),
        },
        Panel {
            title: "Resident memory at rest",
            unit: "MiB",
            bars: resting.collect(),
        },
    ]
}

/// Draws a panel from `y` down and returns where the next one starts.
fn draw(panel: &Panel, mut y: f64, body: &mut String) -> f64 {
    let most = panel.bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
    let room = WIDTH - LABEL - VALUE;
    let _ = write!(
        body,
        r#"<text class="title" x="12" y="{y}">{}</text>"#,
        panel.title
    );
    y += LINE;
    for bar in &panel.bars {
        let share = if most > 0.0 { bar.value / most } else { 0.0 };
        let width = (room * share).max(1.0);
        let base = y - 2.0;
        let top = y - BAR;
        let value = if bar.value < 100.0 {
            format!("{:.1} {}", bar.value, panel.unit)
        } else {
            format!("{:.0} {}", bar.value, panel.unit)
        };
        let _ = write!(
            body,
            r#"<text x="12" y="{base}">{}</text><rect class="{}" x="{LABEL}" y="{top}" width="{width:.1}" height="{BAR}" rx="2"/><text x="{:.1}" y="{base}">{}</text>"#,
            escaped(&bar.label),
            bar.class,
            LABEL + width + 6.0,
            value.trim_end(),
        );
        y += LINE;
    }
    y + LINE
}

fn class(subject: &str) -> &'static str {
    match subject {
        DIRECT => "direct",
        PROXY => "proxy",
        PORTCULLIS => "portcullis",
        AGENTGATEWAY => "peer",
        _ => "note",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
