//! `portcullis demo`: attacks on this machine, without Portcullis and with it.
//!
//! What the demo shows is the product: every scenario gets a configuration file and a policy folder
//! of its own, which are loaded and served as `portcullis serve` does. What is said about it is read
//! from the world (what left, what was received) and from the audit trail, never assumed.

mod account;
mod afterwards;
mod configuration;
mod folder;
mod layout;
mod show;
mod stage;
mod story;
mod trail;

use std::path::PathBuf;

use clap::Args;
use portcullis_config::CONTROLS;

use crate::exit::{Exit, Failure};
use crate::{setup, terminal};
use account::Account;
use afterwards::Afterwards;
use folder::Folder;
use story::{Stop, Story};

/// Attacks a research assistant on this machine, without Portcullis and with it.
///
/// Starts the servers of a research assistant (papers, calendar, report), hostile servers, and a
/// model that obeys whatever it reads. Every attack is played twice; the account says what happened,
/// what stopped it and which audit entry shows it. Then a gateway stays up for your own host, until
/// Ctrl-C. Nothing leaves this machine, and nothing is left behind.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis demo\n  portcullis demo --once                  # end after the story\n  \
                        portcullis demo --once --json           # the account for a script\n  \
                        portcullis demo --keep ./portcullis-demo   # keep configuration, policies and trail\n\n\
                        Exit codes: 0 every attack succeeded without Portcullis and failed with it, 1 one did not, 3 could not run."
)]
pub(crate) struct Demo {
    /// End after the story
    #[arg(long)]
    once: bool,
    /// Write the account as JSON
    #[arg(long)]
    json: bool,
    /// Work in this new or empty folder, and keep it
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// The port of the gateway that stays up [default: 8642, or a free one]
    #[arg(long, value_name = "PORT", conflicts_with = "once")]
    port: Option<u16>,
    /// Switch a control off, to see the demo fail (may be given more than once)
    #[arg(long, value_name = "CONTROL", hide = true, value_parser = control)]
    without: Vec<&'static str>,
}

fn control(name: &str) -> Result<&'static str, String> {
    let known = || CONTROLS.iter().map(|control| control.name);
    known().find(|known| *known == name).ok_or_else(|| {
        let names: Vec<&str> = known().collect();
        format!("the controls are: {}", names.join(", "))
    })
}

pub(crate) async fn run(demo: Demo) -> Result<Exit, Failure> {
    let mut stop = Stop::on_signal();
    // Before the story, so that nobody waits for it to learn that a port is taken.
    let socket = if demo.once {
        None
    } else {
        Some(afterwards::bind(demo.port).await?)
    };
    let folder = Folder::prepare(demo.keep.as_deref())?;
    let store = setup::open_file(&folder.store()).await?;
    let story = Story {
        folder: &folder,
        store: &store,
        without: &demo.without,
    };
    // A reader that goes away ends the process, so nothing is written through a pipe before
    // everything is cleared away.
    let live = !demo.json && terminal::is_interactive();
    let account = story.play(&mut stop, live).await?;
    let Some(socket) = socket else {
        folder.write_configuration(folder::ADDRESS, None, &demo.without)?;
        store.close().await;
        let kept = folder.close()?;
        report(&account, &demo, live);
        if !demo.json {
            show::kept(kept.as_deref());
        }
        return Ok(account.exit());
    };
    let afterwards = Afterwards::open(&folder, &store, socket, &demo.without, &mut stop).await?;
    if demo.json {
        let value = serde_json::json!({ "account": account, "gateway": afterwards.described() });
        terminal::json(&value);
    } else {
        report(&account, &demo, live);
        afterwards.show();
    }
    afterwards.serve(stop).await;
    store.close().await;
    let kept = folder.close()?;
    if !demo.json {
        show::kept(kept.as_deref());
    }
    Ok(account.exit())
}

/// Writes what was not written while it happened.
fn report(account: &Account, demo: &Demo, live: bool) {
    if demo.json {
        terminal::json(account);
        return;
    }
    if !live {
        show::intro();
        for (number, act) in account.acts.iter().enumerate() {
            show::act(number, act);
        }
    }
    show::summary(account);
}
