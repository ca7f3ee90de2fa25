//! `portcullis reference PAGE` (hidden): the reference pages that come from the code.

use clap::{Args, ValueEnum};
use portcullis_broker::Reason as NoCredential;
use portcullis_config::CONTROLS;
use portcullis_gateway::refusal::Reason;
use portcullis_identity::{Kind, Rejected};

use crate::exit::Exit;
use crate::terminal;

#[derive(Debug, Args)]
pub(crate) struct Reference {
    /// The page
    #[arg(value_enum)]
    page: Page,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Page {
    Cli,
    Controls,
    Refusals,
    Rules,
}

pub(crate) fn run(reference: &Reference) -> Exit {
    let text = match reference.page {
        Page::Cli => cli(),
        Page::Controls => controls(),
        Page::Refusals => refusals(),
        Page::Rules => rules(),
    };
    terminal::line(text.trim_end());
    Exit::Fine
}

fn cli() -> String {
    let mut page = "# Command line\n\nExit codes: 0 fine, 1 findings or refused, 2 wrong use, 3 could not run, 64 bad configuration.\n".to_owned();
    let mut root = crate::command_line().term_width(100);
    root.build();
    describe(&root, &mut page, 2);
    page
}

fn describe(command: &clap::Command, page: &mut String, depth: usize) {
    let mut command = command.clone();
    // clap pads blank lines; a page should not.
    let help: Vec<String> = command
        .render_long_help()
        .to_string()
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    let name = command.get_bin_name().unwrap_or("portcullis");
    page.push_str(&format!(
        "\n{} `{name}`\n\n```text\n{}\n```\n",
        "#".repeat(depth),
        help.join("\n").trim_end()
    ));
    for inner in command.get_subcommands() {
        if !inner.is_hide_set() && inner.get_name() != "help" {
            describe(inner, page, depth + 1);
        }
    }
}

fn controls() -> String {
    let mut page = "# Controls\n\nEach is on unless `[controls]` in the configuration switches it off; `portcullis check` names those\nthat are off, and `portcullis prove` shows each at work.\n\n| Control | What it does |\n|---|---|\n".to_owned();
    for control in CONTROLS {
        page.push_str(&format!(
            "| `{}` | {} |\n",
            control.name, control.description
        ));
    }
    page
}

fn refusals() -> String {
    let mut page = "# Refusals\n\nEvery \"no\" has one of these reasons in the audit trail. What a client sees may say less: a hidden\nthing looks like a missing one. `entry` in the error's `data` is the id of the audit entry\n(`portcullis audit query --entry ID`).\n\n| Reason | Client sees | HTTP | JSON-RPC | Fault of | Retry | What to do |\n|---|---|---|---|---|---|---|\n".to_owned();
    for reason in Reason::ALL {
        let face = reason.face();
        let seen = if face.hides {
            format!("`{}`: as if it did not exist", face.public_id)
        } else {
            format!("`{}`: {}", face.public_id, face.text)
        };
        let retry = if face.retryable { "yes" } else { "no" };
        page.push_str(&format!(
            "| `{}` | {seen} | {} | {} | {} | {retry} | {} |\n",
            face.id,
            face.status,
            face.code,
            face.origin.as_str(),
            face.help.replace('|', "\\|")
        ));
    }
    page.push_str(&credentials());
    page.push_str(&server_credentials());
    page
}

/// What stands behind `credential-missing`, `credential-invalid`, `scope-insufficient` and
/// `issuer-unavailable` when a token is shown.
fn credentials() -> String {
    let mut page = "\n## Credentials of callers\n\nOf a token or a proof of possession that is not taken, the audit entry has the rule that it breaks.\nThe caller is told the text, in the message of the error and in the challenge.\n\n| Reason | Text | HTTP | `error` of the challenge |\n|---|---|---|---|\n".to_owned();
    for rejected in Rejected::all() {
        let status = match rejected.kind() {
            Kind::InsufficientScope => 403,
            Kind::Unavailable => 503,
            Kind::Missing | Kind::Invalid | Kind::UseDpopNonce { .. } => 401,
        };
        let error = match rejected.oauth_error() {
            Some(error) => format!("`{error}`"),
            None => "-".to_owned(),
        };
        page.push_str(&format!(
            "| `{}` | {} | {status} | {error} |\n",
            rejected.code(),
            rejected.text()
        ));
    }
    page
}

/// What stands behind `server-credential-refused` and `step-up-impossible` when a server is called with
/// a token.
fn server_credentials() -> String {
    let mut page = "\n## Credentials for servers\n\nWhere the gateway gets no token for a server, the audit entry has the cause instead of\n`server-credential-refused`, and the caller is told it in the error. `interaction-required` looks like\n`step-up-impossible`, and the caller is not told more.\n\n| Reason | What it means |\n|---|---|\n".to_owned();
    for reason in NoCredential::ALL {
        page.push_str(&format!("| `{}` | {} |\n", reason.as_str(), reason.text()));
    }
    page
}

fn rules() -> String {
    let mut page = "# Rules\n\nWhat the shield looks for in definitions, arguments and results. What is done about it stands in\n`[shield]` of the configuration.\n".to_owned();
    for rule in portcullis_shield::rules() {
        page.push_str(&format!(
            "\n## {}\n\n{}. Severity {}, confidence {}.\n\n{}\n\n**What to do.** {}\n",
            rule.id,
            rule.title,
            rule.severity.as_str(),
            rule.confidence.as_str(),
            rule.rationale,
            rule.fix
        ));
        if !rule.references.is_empty() {
            let references: Vec<String> = rule
                .references
                .iter()
                .map(|reference| format!("- {reference}"))
                .collect();
            page.push_str(&format!("\n{}\n", references.join("\n")));
        }
    }
    page
}
