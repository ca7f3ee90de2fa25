//! The official conformance suite, run directly against our everything-server and again through
//! Portcullis: what passes directly has to pass through it, check by check.

mod auth;
mod client;
mod comparison;
mod expected;
mod gateway;
mod place;
mod process;
mod results;
mod suite;

use std::path::Path;

use clap::{Args, ValueEnum};

use crate::step::Step;
use crate::{Outcome, say};
use comparison::{compare, complaints, failures};
use expected::Expected;
use gateway::{Gateway, everything};
use place::Place;
use results::Results;
use suite::{Revision, Side};

pub(crate) use client::run as run_client;

#[derive(Args, Debug, Default)]
pub(crate) struct Options {
    /// Run one leg only
    #[arg(long, value_enum)]
    leg: Option<Leg>,
    /// Run without Portcullis, to tell the suite's or a peer's fault from ours
    #[arg(long)]
    direct: bool,
    /// Run one scenario only
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Run the programs as they are, without building them first
    #[arg(long)]
    built: bool,
}

impl Options {
    /// Every leg, with programs that were built before.
    pub(crate) fn everything_built() -> Self {
        Self {
            built: true,
            ..Self::default()
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Leg {
    /// The suite is the client, in front of Portcullis
    Server,
    /// The suite is the server, behind Portcullis
    Client,
    /// The suite is the client, and the server behind Portcullis is of one era only
    Bridge,
}

/// Runs the legs one after the other and prints a line for each.
///
/// # Errors
/// Every difference that no file of `interop/conformance` explains, and every entry of such a
/// file that is no longer true.
pub(crate) fn run(root: &Path, options: &Options) -> Outcome {
    if !options.built {
        Step::new("cargo build --package portcullis --package portcullis-everything").run(root)?;
    }
    let place = Place::new(root)?;
    let mut problems = Vec::new();
    for leg in [Leg::Server, Leg::Client, Leg::Bridge] {
        if options.leg.is_none_or(|wanted| wanted == leg) {
            problems.extend(match leg {
                Leg::Server => server(&place, options)?,
                Leg::Client => client_leg(&place, options)?,
                Leg::Bridge if options.direct => Vec::new(),
                Leg::Bridge => bridge(&place, options)?,
            });
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{} problems; what the suite said is in {}\n    {}",
        problems.len(),
        place.output("").display(),
        problems.join("\n    ")
    ))
}

fn server(place: &Place, options: &Options) -> Result<Vec<String>, String> {
    let expected = Expected::read(&place.expected("server.yml"))?;
    let server = everything(place, "both", "server")?;
    let gateway = match options.direct {
        true => None,
        false => Some(Gateway::start(place, server.url(), "server")?),
    };
    let mut problems = Vec::new();
    for revision in Revision::ALL {
        let scenarios = scenarios(place, revision, Side::Server, options)?;
        if scenarios.is_empty() {
            continue;
        }
        let pick = options.scenario.as_deref();
        let title = format!("server, {revision}");
        let direct = suite::server(place, server.url(), revision, pick, "server-direct")?;
        problems.extend(failures(&title, &scenarios, &direct));
        let through = match &gateway {
            Some(gateway) => Some(suite::server(
                place,
                gateway.url(),
                revision,
                pick,
                "server-through",
            )?),
            None => None,
        };
        problems.extend(report(
            &title,
            &scenarios,
            &direct,
            through.as_ref(),
            &expected,
        ));
    }
    problems.extend(stale(options, &expected));
    Ok(problems)
}

fn client_leg(place: &Place, options: &Options) -> Result<Vec<String>, String> {
    let expected = Expected::read(&place.expected("client.yml"))?;
    let mut problems = Vec::new();
    for revision in Revision::ALL {
        let mut scenarios = scenarios(place, revision, Side::Client, options)?;
        // A scenario that is expected to fail as a whole is not run in this leg.
        scenarios.retain(|scenario| !expected.excuse(scenario, ""));
        let title = format!("client, {revision}");
        let (signing_in, scenarios) = auth::apart(scenarios);
        if !options.direct {
            problems.extend(signed_in(place, revision, &signing_in, &expected)?);
        }
        let direct = suite::client(place, revision, &scenarios, true)?;
        problems.extend(failures(&title, &scenarios, &direct));
        let through = match options.direct {
            true => None,
            false => Some(suite::client(place, revision, &scenarios, false)?),
        };
        problems.extend(report(
            &title,
            &scenarios,
            &direct,
            through.as_ref(),
            &expected,
        ));
    }
    problems.extend(stale(options, &expected));
    Ok(problems)
}

/// The scenarios in which Portcullis itself is the client that signs in. The reference client does
/// not, so there is nothing to compare with: no check may fail or warn.
fn signed_in(
    place: &Place,
    revision: Revision,
    scenarios: &[String],
    expected: &Expected,
) -> Result<Vec<String>, String> {
    let title = format!("client that signs in, {revision}");
    let results = suite::client(place, revision, scenarios, false)?;
    let (explained, rest): (Vec<_>, Vec<_>) = complaints(scenarios, &results)
        .into_iter()
        .partition(|one| expected.excuse(&one.scenario, &one.check));
    say(&format!(
        "   {title}: {} scenarios, {}; {} fail as expected, {} otherwise",
        scenarios.len(),
        results.score(),
        explained.len(),
        rest.len()
    ));
    Ok(rest.iter().map(|one| format!("{title}: {one}")).collect())
}

/// The pairs of eras that the server leg does not run, because a server of both is spoken to in
/// the modern one.
fn bridge(place: &Place, options: &Options) -> Result<Vec<String>, String> {
    let mut problems = Vec::new();
    let both = everything(place, "both", "bridge-both")?;
    for revision in Revision::ALL {
        let scenarios = scenarios(place, revision, Side::Server, options)?;
        if scenarios.is_empty() {
            continue;
        }
        let pick = options.scenario.as_deref();
        let direct = suite::server(place, both.url(), revision, pick, "bridge-direct")?;
        for era in ["legacy", "modern"] {
            let file = match (revision, era) {
                (Revision::Legacy, "modern") => "bridge-to-modern.yml",
                (Revision::Modern, "legacy") => "bridge-to-legacy.yml",
                // The same era on both sides loses nothing.
                _ => "server.yml",
            };
            let expected = Expected::read(&place.expected(file))?;
            let name = format!("bridge-{revision}-to-{era}");
            let server = everything(place, era, &name)?;
            let gateway = Gateway::start(place, server.url(), &name)?;
            let through = suite::server(place, gateway.url(), revision, pick, &name)?;
            let title = format!("bridge, {revision} to a {era} server");
            problems.extend(report(
                &title,
                &scenarios,
                &direct,
                Some(&through),
                &expected,
            ));
            problems.extend(stale(options, &expected));
        }
    }
    Ok(problems)
}

/// Prints the line of one run, and returns what nobody explained.
fn report(
    title: &str,
    scenarios: &[String],
    direct: &Results,
    through: Option<&Results>,
    expected: &Expected,
) -> Vec<String> {
    let count = scenarios.len();
    let directly = direct.score();
    let Some(through) = through else {
        say(&format!(
            "   {title}: {count} scenarios, {directly} directly"
        ));
        return Vec::new();
    };
    let differences = compare(scenarios, direct, through);
    let (explained, rest): (Vec<_>, Vec<_>) = differences
        .iter()
        .partition(|one| expected.excuse(&one.scenario, &one.check));
    say(&format!(
        "   {title}: {count} scenarios, {directly} directly, {} through Portcullis; \
         {} differ as expected, {} otherwise",
        through.score(),
        explained.len(),
        rest.len()
    ));
    rest.into_iter()
        .map(|one| format!("{title}: {one}"))
        .collect()
}

/// The scenarios of a revision, or the one that was picked if it is among them.
fn scenarios(
    place: &Place,
    revision: Revision,
    side: Side,
    options: &Options,
) -> Result<Vec<String>, String> {
    let mut all = suite::scenarios(place, revision, side)?;
    if let Some(pick) = &options.scenario {
        all.retain(|scenario| scenario == pick);
    }
    Ok(all)
}

/// Entries that explained nothing. With one scenario picked, that says nothing about the others.
fn stale(options: &Options, expected: &Expected) -> Vec<String> {
    if options.scenario.is_some() || options.direct {
        return Vec::new();
    }
    expected.unused()
}
