//! `bench.json`: everything, for programs.

use serde::Serialize;

use super::Report;
use super::ratio::{self, Ratio};
use crate::Outcome;

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    report: &'a Report,
    ratios: Vec<Ratio>,
}

pub(super) fn render(report: &Report) -> Outcome<String> {
    let ratios = ratio::all(report);
    serde_json::to_string_pretty(&Document { report, ratios })
        .map(|text| text + "\n")
        .map_err(|error| format!("the report cannot be written as json: {error}"))
}
