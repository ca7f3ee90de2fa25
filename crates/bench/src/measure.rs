//! The run: starts what is measured, measures it round by round, and reports.

mod memory;

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::ValueEnum as _;
use indicatif::{ProgressBar, ProgressStyle};
use portcullis_config::CONTROLS;

use crate::child::{self, Child};
use crate::load::{Era, Measured, Workload};
use crate::plan::{Cell, Plan, Section};
use crate::report::{self, Memory, Report, Row};
use crate::subject::{self, AGENTGATEWAY, Subject};
use crate::tokens::{Issuer, Kind};
use crate::{Outcome, Run};

/// Measures what `run` asks for.
///
/// # Errors
/// When something cannot be started, or an answer of anything but the peer is not what it should
/// be; then what was measured is reported all the same.
pub(crate) fn run(run: &Run) -> Outcome {
    let started = Instant::now();
    let plan = Plan::new(run.quick);
    let program = match &run.portcullis {
        Some(program) => program.clone(),
        None => child::sibling("portcullis")?,
    };
    let out = folder(&run.out)?;
    // The store is where a store would be: on the disk of the build, not in a memory file system.
    let scratch = tempfile::Builder::new()
        .prefix("run-")
        .tempdir_in(&out)
        .map_err(|error| format!("{}: {error}", out.display()))?;
    let (_server, echo) = subject::echo()?;
    let mut bench = Bench {
        plan,
        program: &program,
        peer: run.agentgateway.as_deref(),
        scratch: scratch.path(),
        echo,
        rows: Vec::new(),
        memory: Vec::new(),
        problems: Vec::new(),
    };
    bench.sections(&run.only)?;
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        quick: run.quick,
        unix_seconds: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs()),
        seconds: started.elapsed().as_secs_f64(),
        machine: report::Machine::this(),
        rows: bench.rows,
        memory: bench.memory,
        problems: bench.problems,
    };
    report::publish(&report, &out)?;
    let ours = |problem: &&String| !problem.starts_with(AGENTGATEWAY);
    match report.problems.iter().find(ours) {
        None => Ok(()),
        Some(_) => Err("not everything was answered as it should; see above".to_owned()),
    }
}

struct Bench<'a> {
    plan: Plan,
    program: &'a Path,
    peer: Option<&'a Path>,
    scratch: &'a Path,
    echo: u16,
    rows: Vec<Row>,
    memory: Vec<Memory>,
    problems: Vec<String>,
}

/// One cell of one subject, with what each round gave.
struct Series {
    cell: Cell,
    subject: usize,
    rounds: Vec<(Measured, Option<f64>)>,
}

impl Bench<'_> {
    fn sections(&mut self, only: &[Section]) -> Outcome {
        let wanted = |section: &Section| only.is_empty() || only.contains(section);
        let subjects = self.subjects()?;
        let memory = wanted(&Section::Memory);
        if memory {
            self.memory = memory::at_rest(&subjects);
        }
        for section in Section::value_variants() {
            match section {
                Section::Memory => {}
                _ if !wanted(section) => {}
                Section::Controls => {
                    let switched = self.switched()?;
                    self.section(*section, &switched)?;
                }
                Section::Identity => {
                    let callers = self.callers()?;
                    self.section(*section, &callers)?;
                }
                _ => self.section(*section, &subjects)?,
            }
        }
        if memory {
            memory::after_load(&subjects, &mut self.memory);
            // With sessions, each starts afresh: what load left behind is not theirs.
            drop(subjects);
            for subject in self.subjects()? {
                self.hold_sessions(&subject)?;
            }
        }
        Ok(())
    }

    fn subjects(&self) -> Outcome<Vec<Subject>> {
        let mut subjects = vec![
            Subject::direct(self.echo),
            Subject::proxy(self.echo)?,
            self.portcullis(None)?,
        ];
        if let Some(peer) = self.peer {
            let folder = self.fresh()?;
            subjects.push(Subject::agentgateway(peer, &folder, self.echo)?);
        }
        Ok(subjects)
    }

    /// The gateway with everything on, and with each control off.
    fn switched(&self) -> Outcome<Vec<Subject>> {
        let off = CONTROLS.iter().map(|control| Some(control.name));
        [None]
            .into_iter()
            .chain(off)
            .map(|off| self.portcullis(off))
            .collect()
    }

    /// The gateway with an issuer, called with a key and with each kind of token.
    fn callers(&self) -> Outcome<Vec<Subject>> {
        let issuer = Issuer::start(&self.fresh()?)?;
        [None, Some(Kind::Rs256), Some(Kind::Es256), Some(Kind::Dpop)]
            .into_iter()
            .map(|kind| Subject::called_by(self.program, &self.fresh()?, self.echo, &issuer, kind))
            .collect()
    }

    fn portcullis(&self, off: Option<&str>) -> Outcome<Subject> {
        Subject::portcullis(self.program, &self.fresh()?, self.echo, off)
    }

    /// A folder that nothing was in before.
    fn fresh(&self) -> Outcome<PathBuf> {
        tempfile::Builder::new()
            .tempdir_in(self.scratch)
            .map(|folder| folder.keep())
            .map_err(|error| format!("{}: {error}", self.scratch.display()))
    }

    /// Measures each cell on each subject once in every round.
    fn section(&mut self, section: Section, subjects: &[Subject]) -> Outcome {
        let cells = self.plan.cells(section);
        let mut series: Vec<Series> = cells
            .iter()
            .flat_map(|cell| {
                (0..subjects.len()).map(|subject| Series {
                    cell: *cell,
                    subject,
                    rounds: Vec::new(),
                })
            })
            .filter(|series| {
                let subject = subjects.get(series.subject);
                subject.is_some_and(|subject| subject.url(series.cell.endpoint).is_some())
            })
            .collect();
        let total = series.len() * self.plan.rounds;
        let bar = bar(section, total);
        for round in 0..self.plan.rounds {
            // The order turns, so that nobody always runs behind the same neighbour.
            let turn = round % subjects.len().max(1);
            for cell in series.chunk_by_mut(|a, b| a.cell == b.cell) {
                let (first, rest) = cell.split_at_mut(turn.min(cell.len()));
                for series in rest.iter_mut().chain(first) {
                    let Some(subject) = subjects.get(series.subject) else {
                        continue;
                    };
                    bar.set_message(subject.name.clone());
                    match self.window(subject, &series.cell) {
                        Ok(measured) => series.rounds.push(measured),
                        Err(problem) => self.problem(subject, &series.cell, &problem),
                    }
                    bar.inc(1);
                }
            }
        }
        bar.finish_and_clear();
        for series in series {
            let name = subjects.get(series.subject).map(|subject| &*subject.name);
            let rounds = series.rounds;
            self.rows
                .extend(Row::new(name.unwrap_or_default(), &series.cell, &rounds));
        }
        Ok(())
    }

    /// One cell on one subject: the loop warms up, the CPU clock is read, the loop runs.
    fn window(&self, subject: &Subject, cell: &Cell) -> Outcome<(Measured, Option<f64>)> {
        let mut load = self.load(subject, cell, self.plan.measure)?;
        let before = subject.cpu_seconds();
        load.go()?;
        let line = load.line()?;
        let after = subject.cpu_seconds();
        let measured: Measured =
            serde_json::from_str(&line).map_err(|error| format!("{line}: {error}"))?;
        if let Some(error) = measured.errors.first() {
            return Err(error.clone());
        }
        let cpu = after.zip(before).map(|(after, before)| after - before);
        Ok((measured, cpu))
    }

    /// Starts a load and waits until it is warm. Without a time to measure, it holds what it has.
    fn load(&self, subject: &Subject, cell: &Cell, measure: u64) -> Outcome<Child> {
        let url = subject.url(cell.endpoint).unwrap_or_default();
        let mut arguments = vec![
            "load".to_owned(),
            format!("--url={url}"),
            format!("--era={}", cell.era.name()),
            format!("--workload={}", cell.workload.name()),
            format!("--connections={}", cell.connections),
            format!("--warm-up={}", self.plan.warm_up),
            format!("--measure={measure}"),
        ];
        if let Some(shown) = subject.shown() {
            arguments.push(format!("--token={}", shown.token));
            if let Some((file, url)) = &shown.proof {
                arguments.push(format!("--proof-key={}", file.display()));
                arguments.push(format!("--proof-url={url}"));
            }
        }
        let mut load = Child::part(&arguments)?;
        match load.line()?.as_str() {
            "ready" => Ok(load),
            other => Err(format!("the load said {other}")),
        }
    }

    fn hold_sessions(&mut self, subject: &Subject) -> Outcome {
        let cell = Cell {
            section: Section::Memory,
            endpoint: crate::plan::Endpoint::Legacy,
            workload: Workload::Echo,
            era: Era::Legacy,
            connections: self.plan.sessions,
        };
        match self.load(subject, &cell, 0) {
            Ok(_held) => memory::with_sessions(subject, &mut self.memory),
            Err(problem) => self.problem(subject, &cell, &problem),
        }
        Ok(())
    }

    fn problem(&mut self, subject: &Subject, cell: &Cell, problem: &str) {
        let text = format!(
            "{}: {}, {}, {} connections: {problem}",
            subject.name,
            cell.workload.name(),
            cell.era.name(),
            cell.connections
        );
        self.problems.push(text);
    }
}

fn folder(out: &Path) -> Outcome<PathBuf> {
    std::fs::create_dir_all(out)
        .and_then(|()| out.canonicalize())
        .map_err(|error| format!("{}: {error}", out.display()))
}

fn bar(section: Section, total: usize) -> ProgressBar {
    let bar = ProgressBar::new(total as u64);
    if let Ok(style) = ProgressStyle::with_template("{prefix:>10} [{bar:40}] {pos}/{len} {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    let name = format!("{section:?}").to_lowercase();
    // Where there is no terminal the bar is silent.
    if bar.is_hidden() {
        crate::say(&format!("measuring {name}: {total} windows"));
    }
    bar.set_prefix(name);
    bar
}
