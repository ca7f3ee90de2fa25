//! `portcullis prove`: every enabled control, seen at work.

mod client;
mod cost;
mod observation;
mod policies;
mod probe;
mod report;
mod scene;
mod stage;
mod witness;

use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::ProgressBar;
use portcullis_config::{Authn, CONTROLS, Control, Controls};
use portcullis_gateway::Loaded;
use portcullis_lab::servers::harvester::harvester;
use portcullis_store::Observation as Definition;

use crate::exit::{Exit, Failure};
use crate::setup::{self, Configuration};
use crate::terminal;
use cost::Samples;
use observation::{State, judge, unexercised};
use policies::{Refusing, Ruling};
use probe::{Before, observe, properties};
use report::{Report, Row};
use scene::{Scene, switch_off};
use stage::Stage;

/// Shows every enabled control at work, and what it costs.
///
/// Takes your configuration as it is, with its credentials, policies, limits and switches, puts a
/// canary in place of your servers, and tries for each control one thing that must be let through
/// and one that must be stopped:
///
///   active          the right thing came through, the wrong thing did not, and the same wrong
///                   thing does come through on a second gateway with only this control off
///   not wired       the control is enabled, and that was not observed
///   not exercised   the control is enabled, and another one that it needs is off
///   off             the control is switched off in [controls]
///
/// Nothing of yours is touched: your servers are not started, your store is not opened, and the
/// gateways of the run listen on loopback ports that they choose themselves.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "Examples:\n  portcullis prove\n  portcullis prove -c /etc/portcullis/portcullis.toml\n  \
                        portcullis prove --calls 0                 # no timing, a few seconds\n  \
                        portcullis prove --json | jq '.controls[] | {control, state}'\n\n\
                        Cost: the same call with and without one control, in pairs (ABBA). What is shown is the\n\
                        median of the differences with the half width of its 99 % confidence interval.\n\n\
                        Exit codes: 0 every control that can be exercised is active, 1 something is not wired,\n\
                        3 could not run, 64 bad configuration."
)]
pub(crate) struct Prove {
    #[command(flatten)]
    configuration: Configuration,
    /// How many calls to time for each control, with it and without it; 0 times nothing
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u16).range(..=10_000))]
    calls: u16,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(prove: Prove) -> Result<Exit, Failure> {
    let loaded = prove.configuration.load()?;
    let folder = tempfile::Builder::new()
        .prefix("portcullis-prove-")
        .tempdir()
        .map_err(|error| Failure::because("no temporary folder can be made", &error))?;
    let progress = terminal::progress(3 + 2 * CONTROLS.len(), "proving");
    let report = tokio::select! {
        report = account(&prove, &loaded, folder.path(), &progress) => report,
        // The temporary folder goes with this function, not with the process.
        () = setup::stop_signal() => Err(Failure::new("stopped before the end")),
    };
    progress.finish_and_clear();
    let report = report?;
    if prove.json {
        terminal::json(&report);
    } else {
        report.show();
    }
    Ok(if report.proven {
        Exit::Fine
    } else {
        Exit::Findings
    })
}

/// Runs everything.
async fn account(
    prove: &Prove,
    loaded: &Loaded,
    folder: &Path,
    progress: &ProgressBar,
) -> Result<Report, Failure> {
    let socket = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .map_err(|error| Failure::because("no loopback port can be bound", &error))?;
    let harvest = harvester(socket)
        .await
        .map_err(|error| Failure::because("the canary on HTTP cannot be started", &error))?;
    let keys = [
        super::key::mint("first", "workload", &[])?.key,
        super::key::mint("second", "workload", &[])?.key,
        super::key::mint("revoked", "workload", &[])?.key,
        super::key::mint("weak", "workload", &[])?.key,
    ];
    let mut scene = Scene::new(loaded, &suffix()?, keys, harvest.url())?;
    let ruling = Ruling::new(loaded, &scene)?;
    scene.set_policies(ruling.stages);
    let run = Run {
        scene: &scene,
        folder,
        calls: usize::from(prove.calls),
        progress,
    };

    progress.set_message("the canary");
    let stage = run
        .open("as-configured", scene.controls().clone(), &[])
        .await?;
    stage.inspect(&scene.canary).await?;
    stage.inspect(&scene.web).await?;
    let before = Before {
        listed: Some(stage.tools().await?),
    };
    stage.approve().await?;
    let approved = stage.approved().await?;
    progress.inc(1);

    let mut rows = Vec::with_capacity(CONTROLS.len());
    let mut all = Vec::new();
    for control in CONTROLS {
        let (row, samples) = run.control(control, &stage, &before, &approved).await?;
        all.extend(samples.with());
        rows.push(row);
    }
    progress.set_message("what has no switch");
    let always = properties(&stage, &scene, &harvest).await?;
    stage.close().await;
    progress.inc(1);

    let mut notes: Vec<String> = elsewhere(&loaded.config.authn).into_iter().collect();
    if let Some(refusing) = ruling.refusing {
        progress.set_message("your policies");
        let (refused, note) = run.refused(&refusing, &approved).await?;
        for row in rows.iter_mut().filter(|row| row.control == "authorization") {
            row.notes.push(note.clone());
            if !refused && row.state == State::Active {
                row.state = State::NotWired;
                row.fault = Some("your policies refuse the canary, and the gateway did not");
            }
        }
        notes.push("Your policies refuse the canary, so everything above ran under temporary policies alone.".to_owned());
    }
    if !ruling.permit_all.is_empty() {
        for row in rows.iter_mut().filter(|row| row.control == "authorization") {
            row.notes.push(format!(
                "permitted by your {}; a temporary policy forbade it",
                named(&ruling.permit_all)
            ));
        }
    }
    progress.inc(1);
    let proven = rows.iter().all(|row| row.state != State::NotWired)
        && always.iter().all(|property| property.holds);
    Ok(Report {
        configuration: prove.configuration.file.display().to_string(),
        proven,
        debug_build: cfg!(debug_assertions),
        controls: rows,
        always,
        call: cost::median(all).map(Into::into),
        notes,
    })
}

/// What the parts of a run share.
struct Run<'a> {
    scene: &'a Scene,
    folder: &'a Path,
    calls: usize,
    progress: &'a ProgressBar,
}

impl Run<'_> {
    /// Opens a stage in a folder of its own.
    async fn open(
        &self,
        name: &str,
        controls: Controls,
        approved: &[Definition],
    ) -> Result<Stage, Failure> {
        let loaded = self.scene.load(controls, &self.place(name)?)?;
        Stage::open(self.scene, loaded, approved).await
    }

    fn place(&self, name: &str) -> Result<PathBuf, Failure> {
        let place = self.folder.join(name);
        std::fs::create_dir(&place)
            .map_err(|error| Failure::because("no temporary folder can be made", &error))?;
        Ok(place)
    }

    /// Observes one control with it and without it, and times calls.
    async fn control(
        &self,
        control: &'static Control,
        stage: &Stage,
        before: &Before,
        approved: &[Definition],
    ) -> Result<(Row, Samples), Failure> {
        let unprobed = || {
            Failure::new(format!(
                "there is no probe for the control {}",
                control.name
            ))
        };
        self.progress.set_message(control.name);
        let enabled = control.is_on(self.scene.controls());
        let seen = observe(control.name, stage, self.scene, before)
            .await?
            .ok_or_else(unprobed)?;
        self.progress.inc(1);
        let mut without = None;
        let mut samples = Samples::default();
        if enabled {
            let mut controls = self.scene.controls().clone();
            if !switch_off(&mut controls, control.name) {
                return Err(unprobed());
            }
            // Without pins nothing is approved: whatever the canary offers must be there at once.
            let known = if control.name == "definition-pins" {
                &[]
            } else {
                approved
            };
            let other = self.open(control.name, controls, known).await?;
            let before = Before {
                listed: Some(other.tools().await?),
            };
            let counter = observe(control.name, &other, self.scene, &before)
                .await?
                .ok_or_else(unprobed)?;
            without = Some(counter.wrong.fate);
            if self.calls > 0 {
                // Sessions are of the legacy era; everything else is timed in the modern one.
                samples =
                    cost::compare(stage, &other, control.name == "session-binding", self.calls)
                        .await?;
            }
            other.close().await;
        }
        self.progress.inc(1);
        let verdict = match unexercised(control.name, self.scene.controls()) {
            Some(why) if enabled => why,
            _ => judge(enabled, &seen, without),
        };
        let row = Row {
            control: control.name,
            state: verdict.state,
            fault: verdict.fault,
            right: seen.right,
            wrong: seen.wrong,
            without,
            cost: samples.cost(),
            notes: Vec::new(),
        };
        Ok((row, samples))
    }

    /// Shows that the user's policies refuse the canary on a gateway, too, not on paper alone.
    async fn refused(
        &self,
        refusing: &Refusing,
        approved: &[Definition],
    ) -> Result<(bool, String), Failure> {
        let loaded = self.scene.load_with(
            self.scene.controls().clone(),
            &self.place("your-policies")?,
            &refusing.sources,
        )?;
        let stage = Stage::open(self.scene, loaded, approved).await?;
        let refusal = match refusing.era {
            Some(era) => stage.refusal_of_echo(era == "legacy").await?,
            None => None,
        };
        stage.close().await;
        let by = named(&refusing.by);
        let must = self.scene.controls().authorization && refusing.era.is_some();
        Ok(match refusal {
            Some(refusal) => (
                true,
                format!(
                    "a permitted tool is refused by your {by} ({refusal}); shown with temporary policies alone"
                ),
            ),
            None if must => (
                false,
                format!("your {by} should refuse the canary and did not"),
            ),
            None => (
                true,
                format!(
                    "your {by} would refuse a part of the probes; shown with temporary policies alone"
                ),
            ),
        })
    }
}

/// What the configuration knows callers by that nothing here can show.
fn elsewhere(authn: &Authn) -> Option<String> {
    let issuers = authn.issuers.keys().map(String::as_str);
    let certificates = authn.certificates.iter().map(|_| "client certificates");
    let unseen: Vec<&str> = issuers.chain(certificates).collect();
    (!unseen.is_empty()).then(|| {
        format!(
            "not exercised: {}. Nobody outside is asked, so that every caller above had a key.",
            unseen.join(", ")
        )
    })
}

fn named(policies: &[String]) -> String {
    match policies {
        [] => "policies".to_owned(),
        [one] => format!("policy {one}"),
        many => format!("policies {}", many.join(", ")),
    }
}

/// Eight hexadecimal digits that make the run's names its own.
fn suffix() -> Result<String, Failure> {
    let mut bytes = [0u8; 4];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::new(format!("the system gives no randomness: {error}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
