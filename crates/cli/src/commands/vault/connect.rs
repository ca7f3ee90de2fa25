//! `portcullis vault connect`.

mod browser;
mod whom;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::Args;
use portcullis_broker::{Caller, Completed, SignInError};
use portcullis_config::{AuthMethod, TokenGrant};
use portcullis_gateway::Loaded;
use portcullis_token::identity::PrincipalKind;
use serde::Serialize;
use tokio::net::TcpListener;
use url::Url;

use super::broker::broker;
use crate::exit::{Exit, Failure, chain};
use crate::setup::{self, Configuration};
use crate::terminal;
use whom::{Whom, warn_if_unknown};

/// How long the sign-in may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// Signs a user in at the authorization server of a server, and keeps what comes of it sealed.
///
/// For servers with `auth.kind = "user-grant"`. Prints an address of this machine; open it in a
/// browser, and sign in at the server's authorization server as the account that calls shall use.
/// What comes back is sealed into the vault, and renewed from then on without anybody.
///
/// A user is written as the audit trail has it: the name of an API key (`ada`); for who comes with a
/// token `ISSUER:SUBJECT`, with the name of `[authn.issuers.ISSUER]` and the token's `sub`
/// (`company:00u1a2b3`); at Entra ID `ISSUER:TENANT/OBJECT` with the ids of tenant (`tid`) and user
/// (`oid`). Where the issuer has one tenant, `ISSUER:OBJECT` will do.
///
/// The browser has to be on this machine: what comes back goes to 127.0.0.1 (RFC 8252). Over SSH,
/// choose a port and forward it: `ssh -L 8765:127.0.0.1:8765 HOST`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis vault connect crm\n  portcullis vault connect crm --user ada --open\n  portcullis vault connect crm --user company:00u1a2b3\n  portcullis vault connect crm --user company:8eaef023-2b34-4da1-9baa-8bc8c9d6a490/690222be-ff1a-4d56-abd1-7e4f7d38e474\n  portcullis vault connect crm --port 8765      # with ssh -L 8765:127.0.0.1:8765\n\nExit codes: 0 connected, 1 the sign-in was refused, 2 nobody signs in at that server, 3 it could not be done."
)]
pub(super) struct Connect {
    /// The server (`[servers.NAME]`)
    server: String,
    /// For whom, exactly as the audit trail names the user (see above). Without it, the user of `authn.loopback`
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// The tenant of a user of Entra ID, where `--user` does not say it
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// The port of 127.0.0.1 that the browser comes back to. Without it, a free one
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Open the address in the browser of this machine
    #[arg(long)]
    open: bool,
    #[command(flatten)]
    configuration: Configuration,
    /// Write JSON when it is done
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    server: &'a str,
    user: &'a str,
    scopes: &'a [String],
}

pub(super) async fn run(connect: Connect) -> Result<Exit, Failure> {
    let loaded = connect.configuration.load()?;
    check_server(&loaded, &connect.server)?;
    let whom = Whom::of(
        &loaded.config.authn,
        connect.user.as_deref(),
        connect.tenant.as_deref(),
    )?;
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, connect.port)))
        .await
        .map_err(|error| {
            Failure::because(
                format!("port {} cannot be listened on", connect.port),
                &error,
            )
        })?;
    let address = listener
        .local_addr()
        .map_err(|error| Failure::because("the port is not known", &error))?;
    let store = setup::open_store(&loaded).await?;
    warn_if_unknown(&whom, &loaded.config.authn, &*store).await?;
    let callback = Url::parse(&format!("http://{address}{}", browser::CALLBACK))
        .map_err(|error| Failure::because("the callback is no address", &error))?;
    let broker = broker(&loaded, &[&connect.server], store, Some(callback)).await?;
    let caller = caller(&whom);
    let offer = broker
        .offer(&connect.server, &caller, &[])
        .await
        .map_err(|error| not_begun(&connect.server, &error))?;
    let visits = browser::Visits::new(address)?;
    announce(&connect, &offer, &whom.user, &visits)?;
    let serving = browser::serve(&listener, &visits, &broker, &connect.server, &caller);
    let ended = tokio::select! {
        ended = tokio::time::timeout(PATIENCE, serving) => ended,
        () = setup::stop_signal() => return Err(Failure::new("nobody was signed in")),
    };
    let Ok(completed) = ended else {
        return Err(Failure::new("nobody signed in within ten minutes").help("run it again"));
    };
    show(&connect, completed)
}

fn check_server(loaded: &Loaded, name: &str) -> Result<(), Failure> {
    let servers = &loaded.config.servers;
    let signs_in = |method: &AuthMethod| match method {
        AuthMethod::Token(source) => source.grant == TokenGrant::UserGrant,
        AuthMethod::None | AuthMethod::Static => false,
    };
    match servers.get(name) {
        Some(server) if signs_in(&server.auth.method) => Ok(()),
        found => {
            let which: Vec<&str> = servers
                .iter()
                .filter(|(_, server)| signs_in(&server.auth.method))
                .map(|(name, _)| name.as_str())
                .collect();
            let message = match found {
                Some(_) => format!("users do not sign in at server {name}"),
                None => format!("there is no server named {name}"),
            };
            let help = match which.as_slice() {
                [] => "no server of the configuration has `auth = { kind = \"user-grant\" }`"
                    .to_owned(),
                which => format!("users sign in at: {}", which.join(", ")),
            };
            Err(Failure::wrong_use(message).help(help))
        }
    }
}

fn caller(whom: &Whom) -> Caller<'_> {
    Caller {
        tenant: &whom.tenant,
        principal: &whom.user,
        kind: PrincipalKind::User,
        issuer: None,
        subject: None,
        scopes: &[],
        client: None,
        actors: &[],
        token_id: None,
        issued: None,
        can_be_challenged: false,
    }
}

fn not_begun(server: &str, error: &SignInError) -> Failure {
    Failure::because(format!("nobody can sign in at {server}"), error)
        .help("`portcullis check --connect` looks at the server; its authorization server can be named by `auth.issuer`")
}

/// Says who is connected to what, and where to go.
fn announce(
    connect: &Connect,
    offer: &portcullis_broker::Offer,
    user: &str,
    visits: &browser::Visits,
) -> Result<(), Failure> {
    let scopes = match offer.scopes.as_slice() {
        [] => "what the server asks for".to_owned(),
        scopes => scopes.join(" "),
    };
    terminal::error_line(format!(
        "Connects {} to {}: a sign-in at {}, for {}",
        terminal::cyan(terminal::on_one_line(user)),
        terminal::cyan(&offer.server),
        terminal::on_one_line(&offer.issuer),
        terminal::on_one_line(&scopes),
    ));
    let start = visits.start();
    if connect.open {
        open(&start)?;
    }
    terminal::error_line(format!(
        "Open this address in a browser of this machine:\n\n  {start}\n"
    ));
    Ok(())
}

/// Hands an address of ours to the desktop.
fn open(address: &str) -> Result<(), Failure> {
    let program = match std::env::consts::OS {
        "macos" => "open",
        _ => "xdg-open",
    };
    std::process::Command::new(program)
        .arg(address)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .map(drop)
        .map_err(|error| {
            Failure::because(format!("{program} cannot be started"), &error)
                .help("leave --open out, and open the printed address yourself")
        })
}

fn show(connect: &Connect, completed: Result<Completed, SignInError>) -> Result<Exit, Failure> {
    let completed = match completed {
        Ok(completed) => completed,
        Err(error) => {
            terminal::error_line(format!(
                "{} the sign-in is refused ({}): {}",
                terminal::red("no"),
                error.code(),
                terminal::on_one_line(&chain(&error))
            ));
            return Ok(Exit::Findings);
        }
    };
    if connect.json {
        terminal::json(&Report {
            server: &completed.server,
            user: &completed.principal,
            scopes: &completed.scopes,
        });
    } else {
        terminal::line(format!(
            "{} {} is connected to {}{}",
            terminal::green("ok"),
            terminal::cyan(terminal::on_one_line(&completed.principal)),
            terminal::cyan(&completed.server),
            match completed.scopes.as_slice() {
                [] => String::new(),
                scopes => format!(", for {}", terminal::on_one_line(&scopes.join(" "))),
            }
        ));
    }
    Ok(Exit::Fine)
}
