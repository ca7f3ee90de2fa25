//! `portcullis key`: API keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::exit::{Exit, Failure};
use crate::terminal;

/// Makes API keys. Only their hash goes into the configuration.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  portcullis key new ada --group researchers")]
pub(crate) struct Key {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    New(New),
}

/// Makes a key and prints it once, with the configuration entry for its hash.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  portcullis key new ada --group researchers")]
struct New {
    /// Who the key is for
    name: String,
    /// What kind of principal that is
    #[arg(long, value_enum, default_value = "user")]
    kind: Kind,
    /// A group it belongs to (may be given more than once)
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Agent,
    User,
    Workload,
}

#[derive(Serialize)]
struct Made<'a> {
    key: &'a str,
    entry: &'a str,
}

/// A key, with the entry that lets it in.
pub(crate) struct Minted {
    pub(crate) key: String,
    pub(crate) entry: String,
}

pub(crate) fn run(key: &Key) -> Result<Exit, Failure> {
    let Action::New(new) = &key.action;
    if new.name.is_empty() || new.name.chars().any(char::is_control) {
        return Err(Failure::wrong_use("a key needs the name of its holder"));
    }
    let kind = match new.kind {
        Kind::Agent => "agent",
        Kind::User => "user",
        Kind::Workload => "workload",
    };
    let minted = mint(&new.name, kind, &new.groups)?;
    if new.json {
        terminal::json(&Made {
            key: &minted.key,
            entry: &minted.entry,
        });
        return Ok(Exit::Fine);
    }
    terminal::line(format!(
        "{}\n  {}\n",
        terminal::bold("The key, shown this once:"),
        minted.key
    ));
    terminal::line(format!(
        "{}\n{}",
        terminal::bold("For portcullis.toml:"),
        minted.entry
    ));
    Ok(Exit::Fine)
}

/// 256 random bits: too many to guess, so that a plain SHA-256 is hash enough.
pub(crate) fn mint(name: &str, kind: &str, groups: &[String]) -> Result<Minted, Failure> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::new(format!("the system gives no randomness: {error}")))?;
    let key = format!("pcl_{}", URL_SAFE_NO_PAD.encode(bytes));
    let hash: String = Sha256::digest(key.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let quoted = |text: &str| portcullis_mcp::json::quote(text);
    let groups: Vec<String> = groups.iter().map(|group| quoted(group)).collect();
    let entry = format!(
        "[[authn.key]]\nname = {}\nkind = \"{kind}\"\nhash = \"sha256:{hash}\"\ngroups = [{}]",
        quoted(name),
        groups.join(", ")
    );
    Ok(Minted { key, entry })
}

#[cfg(test)]
mod tests {
    use super::mint;

    #[test]
    fn the_entry_is_valid_configuration_and_holds_no_key() {
        let minted = mint("ada \"the\" first", "agent", &["researchers".to_owned()]).unwrap();
        let config = portcullis_config::parse(&minted.entry).unwrap();
        let key = &config.authn.keys[0];
        assert_eq!(key.name, "ada \"the\" first");
        assert_eq!(key.groups, ["researchers"]);
        let secret = minted.key.strip_prefix("pcl_").unwrap();
        assert!(!minted.entry.contains(secret));
    }

    #[test]
    fn two_keys_differ() {
        assert_ne!(
            mint("a", "user", &[]).unwrap().key,
            mint("a", "user", &[]).unwrap().key
        );
    }
}
