//! `portcullis doctor entra`: does the app registration let hosts sign in, and if not, what to change?

mod judge;
mod manifest;
mod trial;

use clap::Args;
use portcullis_config::{Config, Entra as EntraSettings, Issuer, IssuerKind};
use portcullis_gateway::Loaded;
use serde::Serialize;
use serde_json::Value;

use crate::commands::vault::surroundings;
use crate::exit::{Exit, Failure};
use crate::setup::Configuration;
use crate::terminal;

/// Tries out the gateway's app registration at Microsoft Entra ID, and prints what to change.
///
/// Reads the configuration, fetches the tenant's metadata and keys, and asks for tokens as the
/// registration itself (client credentials). From the answers follows in which of two ways hosts can
/// sign in:
///
///   directly     hosts talk to Entra. Every profile's URL has to be an Application ID URI.
///   front door   hosts talk to Portcullis, and Portcullis to Entra (`[authn.issuers.NAME.front-door]`).
///
/// Nobody is signed in and nothing is changed. What only a user's sign-in shows is named at the end.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis doctor entra\n  portcullis doctor entra company --json\n\nExit codes: 0 hosts can sign in as configured, 1 something has to change, 3 Entra could not be asked."
)]
pub(super) struct Entra {
    /// The issuer in the configuration (`[authn.issuers.NAME]`), where there are several of the kind `entra`
    issuer: Option<String>,
    #[command(flatten)]
    configuration: Configuration,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// What is looked at.
pub(super) struct Subject<'a> {
    pub(super) name: &'a str,
    pub(super) issuer: &'a Issuer,
    pub(super) entra: &'a EntraSettings,
    /// The tenant that is asked: the first one.
    pub(super) tenant: &'a str,
    /// The gateway's client id.
    pub(super) client: &'a str,
    /// The profiles that take tokens of this issuer: names and URLs.
    pub(super) profiles: Vec<(&'a str, String)>,
    pub(super) config: &'a Config,
}

#[derive(Serialize)]
struct Report {
    issuer: String,
    tenant: String,
    client_id: String,
    /// `direct`, `front-door`, `both` or `none`: the ways in which hosts can sign in now.
    sign_in: &'static str,
    findings: Vec<judge::Finding>,
    /// What to merge into the manifest of the app registration; absent when nothing is to change.
    manifest_change: Option<Value>,
    not_tried: &'static [&'static str],
}

const NOT_TRIED: &[&str] = &[
    "whether users consented to the scopes, and Conditional Access: only a user's sign-in shows it",
    "the redirect URIs of the registration: a sign-in page shows a wrong one",
    "the optional claims acrs and xms_cc: only a user's token has them",
];

pub(super) async fn run(entra: Entra) -> Result<Exit, Failure> {
    let loaded = entra.configuration.load()?;
    let subject = subject(&loaded, entra.issuer.as_deref())?;
    let surroundings = surroundings(&loaded)?;
    let progress = terminal::progress(subject.profiles.len() + 3, "asking Entra");
    let tried = trial::all(&subject, &surroundings, &|step| {
        progress.set_message(step.to_owned());
        progress.inc(1);
    })
    .await;
    progress.finish_and_clear();
    let tried = tried?;
    let judged = judge::judge(&subject, &tried);
    let report = Report {
        issuer: subject.name.to_owned(),
        tenant: subject.tenant.to_owned(),
        client_id: subject.client.to_owned(),
        sign_in: judged.sign_in,
        manifest_change: manifest::change(&subject, &tried, &judged),
        findings: judged.findings,
        not_tried: NOT_TRIED,
    };
    if entra.json {
        terminal::json(&report);
    } else {
        show(&report);
    }
    let is_wrong = report.findings.iter().any(judge::Finding::is_wrong);
    Ok(if is_wrong { Exit::Findings } else { Exit::Fine })
}

fn subject<'a>(loaded: &'a Loaded, wanted: Option<&str>) -> Result<Subject<'a>, Failure> {
    let config = &loaded.config;
    let mut entras = config
        .authn
        .issuers
        .iter()
        .filter(|(name, _)| wanted.is_none_or(|wanted| wanted == name.as_str()))
        .filter_map(|(name, issuer)| match &issuer.kind {
            IssuerKind::Entra(entra) => Some((name.as_str(), issuer, entra)),
            _ => None,
        });
    let (name, issuer, entra) = match (entras.next(), entras.next()) {
        (Some(only), None) => only,
        (None, _) => {
            let message = match wanted {
                Some(wanted) => {
                    format!("the configuration has no issuer {wanted} of the kind entra")
                }
                None => "the configuration has no issuer of the kind entra".to_owned(),
            };
            return Err(Failure::wrong_use(message).help(
                "add `[authn.issuers.NAME]` with `kind = \"entra\"`, `tenant` and `[authn.issuers.NAME.client]`",
            ));
        }
        (Some(_), Some(_)) => {
            return Err(
                Failure::wrong_use("there are several issuers of the kind entra")
                    .help("name one: `portcullis doctor entra NAME`"),
            );
        }
    };
    let Some(client) = &issuer.client else {
        return Err(Failure::wrong_use(format!(
            "issuer {name} has no registration of the gateway to try"
        ))
        .help(format!(
            "add `[authn.issuers.{name}.client]` with the `id` of the app registration and a way to prove it"
        )));
    };
    let tenant = entra
        .tenants
        .first()
        .ok_or_else(|| Failure::wrong_use(format!("issuer {name} has no tenant")))?;
    let profiles = config
        .profiles
        .iter()
        .filter(|(_, profile)| profile.takes(name));
    Ok(Subject {
        name,
        issuer,
        entra,
        tenant,
        client: &client.id,
        profiles: profiles
            .filter_map(|(name, profile)| Some((name.as_str(), config.resource(profile)?)))
            .collect(),
        config,
    })
}

fn show(report: &Report) {
    terminal::line(format!(
        "issuer {}, tenant {}, registration {}",
        terminal::cyan(&report.issuer),
        report.tenant,
        report.client_id
    ));
    for finding in &report.findings {
        finding.show();
    }
    let ways = match report.sign_in {
        "both" => "directly, or through the front door",
        "direct" => "directly",
        "front-door" => "through the front door",
        _ => "not at all",
    };
    terminal::line(format!("\nHosts can sign in: {}", terminal::bold(ways)));
    if let Some(change) = &report.manifest_change {
        terminal::line(
            "\nIn the Entra admin center, App registrations, your app, Manifest (Microsoft Graph), set these members\n(add to the lists that are there; keep what they have):\n",
        );
        terminal::json(change);
    }
    terminal::line(terminal::dim("\nNot tried:"));
    for what in report.not_tried {
        terminal::line(terminal::dim(format!("  {what}")));
    }
}
