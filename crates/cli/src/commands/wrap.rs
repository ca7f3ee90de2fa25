//! `portcullis wrap -- CMD`: one stdio server, guarded.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use portcullis_config::{
    Config, Profile, ProfileServer, RegistryMode, SecretRef, Server, Transport,
};
use portcullis_gateway::gateway::Stores;
use portcullis_gateway::{Gateway, Loaded, stdio};
use portcullis_policy::{LOCAL_POLICY, Policies, Source};
use sha2::{Digest, Sha256};

use crate::exit::{Exit, Failure};
use crate::setup;

/// Guards one stdio server, as a drop-in for its command line.
///
/// Put `portcullis wrap --` in front of the command in your host's configuration. The server's
/// definitions are pinned the first time they are seen; one that changes later is held until you
/// approve it (`portcullis tools list --wrapped`). Hidden characters are taken out of what the server
/// returns, and every message is recorded.
///
/// The server gets a clean environment. Name the variables it needs with --env: only those are
/// passed on.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portcullis wrap -- npx -y @modelcontextprotocol/server-filesystem ~/notes\n  \
                        portcullis wrap --env GITHUB_TOKEN -- github-mcp-server stdio"
)]
pub(crate) struct Wrap {
    /// Pass this environment variable on to the server
    #[arg(long = "env", value_name = "NAME")]
    env: Vec<String>,
    /// The server's name in pins and records [default: made from the command]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Hold new definitions for review instead of trusting them on first use
    #[arg(long)]
    review: bool,
    /// Keep pins and records here [default: the data folder of the user]
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// The server's command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<String>,
}

/// The store that wrapped servers share.
pub(crate) fn store() -> Result<PathBuf, Failure> {
    Ok(setup::data_folder()?.join("wrap.db"))
}

pub(crate) async fn run(wrap: Wrap) -> Result<Exit, Failure> {
    let path = match &wrap.store {
        Some(path) => path.clone(),
        None => store()?,
    };
    let loaded = configure(&wrap)?;
    let profile = loaded
        .config
        .profiles
        .keys()
        .next()
        .cloned()
        .unwrap_or_default();
    let store = setup::open_file(&path).await?;
    let gateway = Gateway::open(loaded, Stores::from(store))
        .await
        .map_err(|error| Failure::because("the gateway cannot start", &error))?;
    let serving = stdio::serve(
        gateway.clone(),
        &profile,
        tokio::io::stdin(),
        tokio::io::stdout(),
    );
    let served = tokio::select! {
        served = serving => served.map_err(|error| Failure::because("the host went away", &error)),
        () = setup::stop_signal() => Ok(()),
    };
    gateway.shutdown().await;
    served.map(|()| Exit::Fine)
}

/// The configuration that a command line stands for.
fn configure(wrap: &Wrap) -> Result<Loaded, Failure> {
    let (command, args) = wrap
        .command
        .split_first()
        .ok_or_else(|| Failure::wrong_use("a command is needed after --"))?;
    let name = match &wrap.name {
        Some(name) if portcullis_mcp::names::valid_server_name(name) => name.clone(),
        Some(name) => {
            return Err(Failure::wrong_use(format!("`{name}` is no server name"))
                .help("use 1 to 32 of a-z, 0-9 and inner `-`"));
        }
        None => server_name(&wrap.command),
    };
    let mut env = BTreeMap::new();
    for variable in &wrap.env {
        if std::env::var_os(variable).is_none() {
            return Err(Failure::wrong_use(format!(
                "the environment variable {variable} is not set"
            )));
        }
        env.insert(variable.clone(), SecretRef::Env(variable.clone()));
    }
    let mut config = Config::default();
    config.registry.mode = if wrap.review {
        RegistryMode::Review
    } else {
        RegistryMode::TrustOnFirstUse
    };
    let transport = Transport::Stdio {
        command: command.clone(),
        args: args.to_vec(),
        env,
        plain_env: BTreeMap::new(),
        cwd: None,
    };
    let server = Server {
        startup_timeout: Duration::from_secs(60),
        ..Server::new(transport)
    };
    let member = ProfileServer {
        name: name.clone(),
        tools: None,
        prompts: None,
        resources: None,
    };
    let profile = Profile::new(format!("/mcp/{name}"), vec![member]);
    config.servers.insert(name.clone(), server);
    config.profiles.insert(name, profile);
    let policy = Source {
        name: "everything-local.cedar".to_owned(),
        text: LOCAL_POLICY.to_owned(),
    };
    let policies = Policies::load(&[policy]).map_err(|problems| {
        Failure::new(format!(
            "the built-in policy does not load: {}",
            problems.first().map_or("", |problem| &problem.message)
        ))
    })?;
    let base = std::env::current_dir()
        .map_err(|error| Failure::because("the current folder is unknown", &error))?;
    Ok(Loaded {
        config,
        policies,
        sources: Vec::new(),
        documents: BTreeMap::new(),
        base,
        warnings: Vec::new(),
    })
}

/// A name that stays the same for the same command line and differs between command lines: what a
/// person recognises of it, and six digits of its hash.
fn server_name(command: &[String]) -> String {
    let runners = [
        "npx", "uvx", "bunx", "pipx", "node", "python", "python3", "deno", "uv", "run", "npm",
        "exec", "docker",
    ];
    let telling = command
        .iter()
        .map(|word| word.rsplit('/').next().unwrap_or(word))
        .find(|word| !word.starts_with('-') && !runners.contains(word) && !word.is_empty())
        .or_else(|| command.first().map(String::as_str))
        .unwrap_or("server");
    let mut name: String = telling
        .split('@')
        .find(|part| !part.is_empty())
        .unwrap_or("server")
        .chars()
        .map(|character| {
            if character.is_ascii_alphanumeric() {
                character.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .take(24)
        .collect();
    name = name.trim_matches('-').to_owned();
    if name.is_empty() {
        "server".clone_into(&mut name);
    }
    let digest = Sha256::digest(command.join("\0").as_bytes());
    let tail: String = digest
        .iter()
        .take(3)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{name}-{tail}")
}

#[cfg(test)]
mod tests {
    use super::server_name;

    fn name(line: &str) -> String {
        server_name(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_name_tells_the_server_and_is_valid() {
        for (line, start) in [
            (
                "npx -y @modelcontextprotocol/server-everything@2026.8.31 stdio",
                "server-everything-",
            ),
            ("uvx mcp-server-git --repository .", "mcp-server-git-"),
            ("/opt/bin/Weather_Server", "weather-server-"),
            ("--", "server-"),
        ] {
            let name = name(line);
            assert!(name.starts_with(start), "{name}");
            assert!(portcullis_mcp::names::valid_server_name(&name), "{name}");
        }
    }

    #[test]
    fn another_command_line_is_another_server() {
        assert_ne!(
            name("npx server-filesystem /a"),
            name("npx server-filesystem /b")
        );
        assert_eq!(
            name("npx server-filesystem /a"),
            name("npx server-filesystem /a")
        );
    }
}
