//! `portcullis vault rotate`.

use std::path::PathBuf;
use std::sync::Mutex;

use clap::Args;
use portcullis_config::VaultKey;
use portcullis_gateway::load;
use portcullis_vault::configured::{self, ConfiguredError, shown};
use portcullis_vault::{CacheLimits, Progress, Rotated, VaultError};
use serde::Serialize;

use super::opened::Opened;
use crate::exit::{Exit, Failure};
use crate::setup::Configuration;
use crate::terminal;

/// Seals every credential under a new key, while gateways go on.
///
/// Without `--to`, the vault gets a new key of its own under the same root key. That is the yearly
/// chore, and what to do when a copy of the database may have leaked; nothing has to be configured.
///
/// With `--to`, the root key itself is replaced: the new one seals everything, and the old one opens
/// nothing any more. The configuration still has to name the old key when this command starts, and
/// has to name the new one when it is done. In between, gateways cannot open the vault, and calls
/// that need a credential from it are refused; they go on as soon as they have read the changed
/// file. Keep the old key until `portcullis vault status` says that the vault opens.
///
/// A rotation that was interrupted is finished by the next one; nothing is lost in between.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis vault rotate\n  portcullis vault rotate --to file:vault-2027.key\n  portcullis vault rotate --to transit:https://vault.example.com:8200/transit/portcullis --transit-token env:VAULT_TOKEN\n  portcullis vault rotate --to-config new/portcullis.toml    # any key, as the new file names it\n\nExit codes: 0 fine, 1 a credential could not be opened, 3 it could not be done."
)]
pub(super) struct Rotate {
    #[command(flatten)]
    configuration: Configuration,
    /// The new root key, as `vault.key` of the configuration writes it
    #[arg(long, value_name = "KEY", conflicts_with = "to_config")]
    to: Option<String>,
    /// Where the token for HashiCorp Vault is, for a `transit:` key
    #[arg(long, value_name = "REFERENCE", requires = "to")]
    transit_token: Option<String>,
    /// The namespace in HashiCorp Vault, for a `transit:` key
    #[arg(long, value_name = "NAMESPACE", requires = "to")]
    transit_namespace: Option<String>,
    /// A configuration file whose `[vault]` names the new root key
    #[arg(long, value_name = "FILE")]
    to_config: Option<PathBuf>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    root_key: &'a str,
    key: &'a str,
    finished_an_interrupted_rotation: bool,
    moved: u64,
    unreadable: &'a [String],
    retired: &'a [String],
    removed: &'a [String],
    /// What the configuration has to say from now on.
    configuration_to_change: Option<&'a str>,
}

pub(super) async fn run(rotate: Rotate) -> Result<Exit, Failure> {
    let opened = Opened::of(&rotate.configuration).await?;
    let successor = successor(&rotate)?;
    let section = &opened.loaded.config.vault;
    let vault = match &successor {
        None => opened.vault().await,
        Some(key) => {
            let limits = CacheLimits::default();
            let store = opened.vault_store();
            configured::open_with_successor(section, key, store, limits, &opened.surroundings).await
        }
    };
    let vault = vault.map_err(cannot_open)?;
    let bar = Mutex::new(None);
    let progress = |progress: Progress| {
        let mut bar = bar
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let done = progress.moved.saturating_add(progress.unreadable);
        let total = usize::try_from(done.saturating_add(progress.left)).unwrap_or(usize::MAX);
        bar.get_or_insert_with(|| terminal::progress(total, "sealing anew"))
            .set_position(done);
    };
    let rotated = vault.rotate(&progress).await;
    if let Some(bar) = bar
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
    {
        bar.finish_and_clear();
    }
    let rotated = rotated.map_err(|error| cannot_rotate(&error))?;
    let key = shown(successor.as_ref().unwrap_or(&section.key));
    let change = successor.as_ref().map(|_| change(&rotate, &key));
    if rotate.json {
        terminal::json(&Report {
            root_key: &key,
            key: &rotated.key,
            finished_an_interrupted_rotation: rotated.is_resumed,
            moved: rotated.moved,
            unreadable: &rotated.unreadable,
            retired: &rotated.retired,
            removed: &rotated.removed,
            configuration_to_change: change.as_deref(),
        });
    } else {
        show(&rotated, &key, change.as_deref());
    }
    Ok(match rotated.unreadable.is_empty() {
        true => Exit::Fine,
        false => Exit::Findings,
    })
}

/// The new root key, read by the rules of the configuration.
fn successor(rotate: &Rotate) -> Result<Option<VaultKey>, Failure> {
    if let Some(file) = &rotate.to_config {
        let loaded = load(file).map_err(|error| Failure::configuration(error.problems()))?;
        return Ok(Some(loaded.config.vault.key));
    }
    let Some(key) = &rotate.to else {
        return Ok(None);
    };
    let text = section(key, rotate);
    match portcullis_config::parse(&text) {
        Ok(config) => Ok(Some(config.vault.key)),
        Err(problems) => {
            let says: Vec<String> = problems
                .iter()
                .map(|problem| match &problem.hint {
                    Some(hint) => format!("{}; {hint}", problem.message),
                    None => problem.message.clone(),
                })
                .collect();
            Err(Failure::wrong_use(format!(
                "--to names no root key: {}",
                says.join("; ")
            )))
        }
    }
}

/// `[vault]` with that key.
fn section(key: &str, rotate: &Rotate) -> String {
    let mut text = "[vault]\n".to_owned();
    let values = [
        ("key", Some(key)),
        ("transit-token", rotate.transit_token.as_deref()),
        ("transit-namespace", rotate.transit_namespace.as_deref()),
    ];
    for (name, value) in values {
        if let Some(value) = value {
            // A string of JSON is one of TOML.
            text.push_str(&format!("{name} = {}\n", serde_json::Value::from(value)));
        }
    }
    text
}

/// What has to stand in the configuration from now on.
fn change(rotate: &Rotate, key: &str) -> String {
    match &rotate.to_config {
        Some(file) => format!("the `[vault]` section of {}", file.display()),
        None => section(key, rotate),
    }
}

fn cannot_open(error: ConfiguredError) -> Failure {
    let failure = Failure::because("the vault cannot be opened", &error);
    match error {
        ConfiguredError::SameKey(_) => failure.help(
            "name another key; from one passphrase to another, go by a file: `--to file:between.key` first",
        ),
        ConfiguredError::KeyFileGone { .. }
        | ConfiguredError::Vault(VaultError::WrongKey { .. }) => failure.help(
            "the configuration has to name the root key that seals now; `portcullis vault status` shows which",
        ),
        _ => failure,
    }
}

fn cannot_rotate(error: &VaultError) -> Failure {
    let failure = Failure::because("the rotation stopped", error);
    failure.help(match error {
        VaultError::RotationElsewhere => {
            "wait until the other one is done, a minute at most when it was killed"
        }
        _ => "nothing is lost: run it again, and it goes on where it stopped",
    })
}

fn show(rotated: &Rotated, key: &str, change: Option<&str>) {
    let moved = usize::try_from(rotated.moved).unwrap_or(usize::MAX);
    let moved = terminal::count(moved, "credential was", "credentials were");
    let how = match rotated.is_resumed {
        true => "the interrupted rotation is finished",
        false => "the vault has a new key",
    };
    terminal::line(format!(
        "{} {how} under {}; {moved} sealed anew",
        terminal::green("ok"),
        terminal::cyan(key)
    ));
    for id in &rotated.unreadable {
        terminal::line(format!(
            "{} credential {id} cannot be opened and stays under its old key; it has to be made anew by a sign-in",
            terminal::red("no")
        ));
    }
    if let Some(change) = change {
        terminal::line(
            "\nNow change the configuration of every gateway to this, and keep the old key until they have it:\n",
        );
        terminal::line(change);
        terminal::line(
            "Until then they cannot open the vault: calls that need a credential from it are refused.",
        );
    }
}
