//! `portcullis vault`: the credentials that the gateway holds, and who must not be believed.

mod broker;
mod connect;
mod list;
mod opened;
mod revoke;
mod rotate;
mod status;

use clap::{Args, Subcommand};

use crate::exit::{Exit, Failure};

pub(crate) use opened::surroundings;

/// Looks after stored credentials, their keys, and revocations.
///
/// The vault holds what servers must be shown: users' sign-ins and the gateway's own tokens. Each is
/// sealed under a key of its own, those under keys of the vault, and those under the root key that
/// `[vault]` of the configuration names. No command shows a credential.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis vault status\n  portcullis vault list --user ada\n  portcullis vault connect crm --user ada\n  portcullis vault revoke user ada --reason \"left the company\"\n  portcullis vault rotate\n  portcullis vault rotate --to file:vault-2027.key"
)]
pub(crate) struct Vault {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Status(status::Status),
    List(list::List),
    Connect(connect::Connect),
    Revoke(revoke::Revoke),
    Rotate(rotate::Rotate),
}

pub(crate) async fn run(vault: Vault) -> Result<Exit, Failure> {
    match vault.action {
        Action::Status(status) => status::run(status).await,
        Action::List(list) => list::run(list).await,
        Action::Connect(connect) => connect::run(connect).await,
        Action::Revoke(revoke) => revoke::run(revoke).await,
        Action::Rotate(rotate) => rotate::run(rotate).await,
    }
}
