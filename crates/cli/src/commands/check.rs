//! `portcullis check`: is the configuration right, and do the servers and issuers answer?

mod certificates;
mod inventory;
mod issuers;

use clap::Args;
use portcullis_config::CONTROLS;
use portcullis_gateway::gateway::{Inspection, Stores};
use portcullis_gateway::{Gateway, LoadError, Loaded, load};
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::setup::{self, Configuration};
use crate::terminal;

/// Validates the configuration and its policies; every problem at once, with file and line.
///
/// Shows how the gateway proves to each server who calls, whose tokens it takes, and how long its
/// certificates last. An exception (`auth.exception-until`) that is past, and a certificate that
/// cannot be read or is not valid, are findings.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis check\n  portcullis check --connect      # also start every server and count what it offers, and ask every issuer for its keys\n  portcullis check --json\n\n\
                        Exit codes: 0 fine, 1 a server or issuer does not answer, a certificate or an exception has ended, 64 bad configuration."
)]
pub(crate) struct Check {
    #[command(flatten)]
    configuration: Configuration,
    /// Connect to every server and put its definitions on record, and ask every issuer
    #[arg(long)]
    connect: bool,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    valid: bool,
    problems: Vec<String>,
    warnings: Vec<String>,
    policies: usize,
    profiles: Vec<ProfileReport>,
    controls_off: Vec<&'static str>,
    inventory: inventory::Inventory,
    certificates: Vec<certificates::Certificate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    servers: Option<Vec<ServerReport>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuers: Option<Vec<issuers::Asked>>,
}

#[derive(Serialize)]
struct ProfileReport {
    name: String,
    path: String,
    servers: Vec<String>,
}

#[derive(Serialize)]
struct ServerReport {
    name: String,
    #[serde(flatten)]
    inspection: Option<Inspection>,
    error: Option<String>,
}

pub(crate) async fn run(check: Check) -> Result<Exit, Failure> {
    if !check.configuration.file.exists() {
        return check.configuration.load().map(|_| Exit::Fine);
    }
    let loaded = match load(&check.configuration.file) {
        Ok(loaded) => loaded,
        Err(error) => return Ok(show_problems(&error, check.json)),
    };
    let mut report = describe(&loaded);
    if check.connect {
        report.issuers = Some(issuers::ask(&loaded).await?);
        report.servers = Some(connect(loaded).await?);
    }
    if check.json {
        terminal::json(&report);
    } else {
        show(&report);
    }
    Ok(if report.has_findings() {
        Exit::Findings
    } else {
        Exit::Fine
    })
}

impl Report {
    fn has_findings(&self) -> bool {
        let servers = self.servers.iter().flatten();
        let issuers = self.issuers.iter().flatten();
        servers.into_iter().any(|server| server.error.is_some())
            || issuers
                .into_iter()
                .any(|issuer| !issuer.problems.is_empty())
            || self.inventory.has_ended_exceptions()
            || self
                .certificates
                .iter()
                .any(certificates::Certificate::is_bad)
    }
}

fn describe(loaded: &Loaded) -> Report {
    let config = &loaded.config;
    Report {
        valid: true,
        problems: Vec::new(),
        warnings: loaded.warnings.clone(),
        policies: loaded.policies.len(),
        profiles: config
            .profiles
            .iter()
            .map(|(name, profile)| ProfileReport {
                name: name.clone(),
                path: profile.path.clone(),
                servers: profile
                    .servers
                    .iter()
                    .map(|server| server.name.clone())
                    .collect(),
            })
            .collect(),
        controls_off: CONTROLS
            .iter()
            .filter(|control| !control.is_on(&config.controls))
            .map(|control| control.name)
            .collect(),
        inventory: inventory::of(config),
        certificates: certificates::of(loaded),
        servers: None,
        issuers: None,
    }
}

async fn connect(loaded: Loaded) -> Result<Vec<ServerReport>, Failure> {
    let names: Vec<String> = loaded.config.servers.keys().cloned().collect();
    let store = setup::open_store(&loaded).await?;
    let gateway = Gateway::open(loaded, Stores::from(store))
        .await
        .map_err(|error| Failure::because("the gateway cannot start", &error))?;
    let progress = terminal::progress(names.len(), "connecting");
    let mut reports = Vec::with_capacity(names.len());
    for name in names {
        progress.set_message(name.clone());
        let (inspection, error) = match gateway.inspect(&name).await {
            Ok(inspection) => (Some(inspection), None),
            Err(refusal) => (None, Some(setup::explain(&refusal))),
        };
        reports.push(ServerReport {
            name,
            inspection,
            error,
        });
        progress.inc(1);
    }
    progress.finish_and_clear();
    gateway.shutdown().await;
    Ok(reports)
}

fn show_problems(error: &LoadError, json: bool) -> Exit {
    if json {
        let report = Report {
            valid: false,
            problems: error.problems(),
            warnings: Vec::new(),
            policies: 0,
            profiles: Vec::new(),
            controls_off: Vec::new(),
            inventory: inventory::Inventory::default(),
            certificates: Vec::new(),
            servers: None,
            issuers: None,
        };
        terminal::json(&report);
    } else {
        for problem in error.problems() {
            terminal::error_line(problem);
        }
        terminal::error_line(terminal::red(error));
    }
    Exit::BadConfiguration
}

fn show(report: &Report) {
    terminal::line(format!(
        "{} the configuration is valid; {} loaded",
        terminal::green("ok"),
        terminal::count(report.policies, "policy", "policies")
    ));
    for profile in &report.profiles {
        terminal::line(format!(
            "   profile {}  {}  {}",
            terminal::cyan(&profile.name),
            profile.path,
            terminal::dim(profile.servers.join(", "))
        ));
    }
    report.inventory.show();
    for certificate in &report.certificates {
        certificate.show();
    }
    for warning in &report.warnings {
        terminal::line(format!("{} {warning}", terminal::yellow("warning:")));
    }
    for issuer in report.issuers.iter().flatten() {
        issuer.show();
    }
    for server in report.servers.iter().flatten() {
        match (&server.inspection, &server.error) {
            (Some(seen), _) => {
                let held = if seen.held > 0 {
                    terminal::yellow(format!("{} held for review", seen.held))
                } else {
                    "none held".to_owned()
                };
                terminal::line(format!(
                    "{} server {}  MCP {}, {} definitions approved, {held}",
                    terminal::green("ok"),
                    terminal::cyan(&server.name),
                    seen.version.as_str(),
                    seen.approved
                ));
            }
            (None, error) => {
                terminal::line(format!(
                    "{} server {}  {}",
                    terminal::red("no"),
                    terminal::cyan(&server.name),
                    error.as_deref().unwrap_or("no answer")
                ));
            }
        }
    }
}
