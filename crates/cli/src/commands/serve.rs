//! `portcullis serve`: the gateway.

mod protect;
mod tls;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use portcullis_gateway::gateway::Stores;
use portcullis_gateway::load::fingerprint;
use portcullis_gateway::{Gateway, Loaded, listener, load, stdio};

use crate::exit::{Exit, Failure};
use crate::setup::{self, Configuration};
use crate::terminal;

/// Serves the configured profiles.
///
/// Over HTTP, every profile has a path of its own; `--stdio` serves one profile on standard input
/// and output instead, for hosts that start their servers themselves.
///
/// The configuration and its policies are read again when a file changes or on SIGHUP. A mistake
/// in them changes nothing: the gateway goes on with what it has and says what is wrong. With
/// `[listen.tls]` it serves https, and reads renewed certificates within a minute, or on SIGHUP.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis serve\n  portcullis serve -c /etc/portcullis/portcullis.toml\n  \
                        portcullis serve --stdio research      # as the command of an MCP host"
)]
pub(crate) struct Serve {
    #[command(flatten)]
    configuration: Configuration,
    /// Serve this profile on standard input and output
    #[arg(long, value_name = "PROFILE")]
    stdio: Option<String>,
}

pub(crate) async fn run(serve: Serve) -> Result<Exit, Failure> {
    let loaded = serve.configuration.load()?;
    protect::keep_memory_off_disk(&loaded.config);
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    if let Some(profile) = &serve.stdio
        && !loaded.config.profiles.contains_key(profile)
    {
        let known: Vec<&str> = loaded.config.profiles.keys().map(String::as_str).collect();
        return Err(
            Failure::wrong_use(format!("there is no profile named {profile}"))
                .help(format!("the profiles are: {}", known.join(", "))),
        );
    }
    let sources = loaded.sources.clone();
    let store = setup::open_store(&loaded).await?;
    let config = loaded.config.clone();
    // A certificate that cannot be used is said before anything is started.
    let tls = match (&config.listen.tls, &serve.stdio) {
        (Some(listen), None) => Some(tls::load(listen, &loaded).await?),
        _ => None,
    };
    let gateway = Gateway::open(loaded, Stores::from(store))
        .await
        .map_err(|error| Failure::because("the gateway cannot start", &error))?;
    let reloading = tokio::spawn(reload_on_change(
        Arc::clone(&gateway),
        serve.configuration.file.clone(),
        sources,
        tls.clone(),
    ));
    let served = match &serve.stdio {
        Some(profile) => serve_stdio(&gateway, profile).await,
        None => serve_http(&gateway, &config, tls).await,
    };
    reloading.abort();
    gateway.shutdown().await;
    served.map(|()| Exit::Fine)
}

async fn serve_http(
    gateway: &Arc<Gateway>,
    config: &portcullis_config::Config,
    tls: Option<listener::Tls>,
) -> Result<(), Failure> {
    let address = config.listen.address;
    let socket = tokio::net::TcpListener::bind(address)
        .await
        .map_err(|error| {
            Failure::because(format!("{address} cannot be bound"), &error)
                .help("another process may use it; set listen.address to another port")
        })?;
    let bound = socket.local_addr().unwrap_or(address);
    let scheme = match tls {
        Some(_) => "https",
        None => "http",
    };
    terminal::error_line(format!(
        "{} listens on {scheme}://{bound}",
        terminal::bold("portcullis")
    ));
    for (name, profile) in &config.profiles {
        let servers: Vec<&str> = profile
            .servers
            .iter()
            .map(|server| server.name.as_str())
            .collect();
        terminal::error_line(format!(
            "  {}  {scheme}://{bound}{}  {}",
            terminal::cyan(name),
            profile.path,
            terminal::dim(servers.join(", "))
        ));
    }
    let (gateway, stop) = (Arc::clone(gateway), setup::stop_signal());
    match tls {
        Some(tls) => listener::serve_tls(gateway, socket, tls, stop).await,
        None => listener::serve(gateway, socket, stop).await,
    }
    Ok(())
}

async fn serve_stdio(gateway: &Arc<Gateway>, profile: &str) -> Result<(), Failure> {
    let serving = stdio::serve(
        Arc::clone(gateway),
        profile,
        tokio::io::stdin(),
        tokio::io::stdout(),
    );
    tokio::select! {
        served = serving => served.map_err(|error| Failure::because("the host went away", &error)),
        () = setup::stop_signal() => Ok(()),
    }
}

/// Looks at the files once a second and on SIGHUP, and takes over what is valid.
async fn reload_on_change(
    gateway: Arc<Gateway>,
    file: PathBuf,
    mut sources: Vec<PathBuf>,
    tls: Option<listener::Tls>,
) {
    let mut known = fingerprint(&sources);
    let mut hangup = Hangup::new();
    loop {
        let asked = hangup.within(Duration::from_secs(1)).await;
        let now = fingerprint(&sources);
        if !asked && now == known {
            continue;
        }
        known = now;
        if let Some(tls) = tls.clone().filter(|_| asked) {
            tls::reload(tls).await;
        }
        match load(&file) {
            Ok(loaded) => {
                let Loaded {
                    warnings,
                    sources: read,
                    ..
                } = &loaded;
                for warning in warnings {
                    tracing::warn!("{warning}");
                }
                sources.clone_from(read);
                known = fingerprint(&sources);
                protect::keep_memory_off_disk(&loaded.config);
                match gateway.reload(loaded).await {
                    Ok(()) => {
                        tracing::info!("the configuration was read again and is in force");
                    }
                    Err(problems) => refuse(&problems),
                }
            }
            Err(error) => refuse(&error.problems()),
        }
    }
}

/// Says why a changed configuration is not taken into use.
fn refuse(problems: &[String]) {
    for problem in problems {
        tracing::error!("{problem}");
    }
    tracing::error!("the changed configuration is wrong; the one before stays in force");
}

/// SIGHUP, where there is such a thing.
struct Hangup {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl Hangup {
    fn new() -> Self {
        Self {
            #[cfg(unix)]
            signal: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok(),
        }
    }

    /// Whether the signal came within this time.
    async fn within(&mut self, time: Duration) -> bool {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal {
            return tokio::time::timeout(time, signal.recv()).await.is_ok();
        }
        tokio::time::sleep(time).await;
        false
    }
}
