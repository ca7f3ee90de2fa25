//! The vault: what a server needs to know the gateway, and where it comes from.
//!
//! `Screened<Call> → Outbound`. A server's fixed headers are references in the configuration, read
//! when the connection is opened and the same for every caller ([`FixedSecrets`]). A token of the broker's is asked for
//! with each request ([`crate::credentials`]). Headers are made from nothing: a caller's own credential
//! is no part of what gets here.

mod fixed;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use http::{HeaderName, Uri};
use portcullis_config::{self as config, EraChoice, SecretRef};
use portcullis_mcp::capabilities::ClientCapabilities;
use portcullis_mcp::json::Limits;
use portcullis_mcp::version::ProtocolVersion;
use portcullis_upstream::{self as upstream, Credentials, Spec};
use portcullis_vault::ReferenceError;
use secrecy::{ExposeSecret, SecretString};

use crate::registry::Call;
use crate::server_identity::{peer_tls, resolve};
use crate::shield::Screened;
use crate::snapshot::Snapshot;

pub(crate) use fixed::FixedSecrets;

/// Why it is not known how to reach a server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VaultError {
    /// A secret of the server cannot be had.
    #[error("a secret of the server is not there")]
    Secret(#[from] ReferenceError),
    /// The file of a certificate cannot be read.
    #[error("the certificate file {path} cannot be read")]
    File {
        /// The file's path.
        path: String,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// A certificate cannot be used.
    #[error("the certificate file {path} cannot be used")]
    Pem {
        /// The file's path.
        path: String,
        /// What is wrong with it, or with the key that belongs to it.
        #[source]
        source: portcullis_egress::PemError,
    },
    /// The program of the server is not there.
    #[error("the program of server {server} was not found")]
    Program {
        /// The server.
        server: String,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// The URL in the configuration is not one.
    #[error("the url of server {0} is not valid")]
    Url(String),
    /// The OpenAPI document of the server was not read with the configuration.
    #[error("the openapi document of server {0} is not there")]
    Document(String),
    /// A header name in the configuration is not one.
    #[error("the header name {0} is not valid")]
    Header(String),
}

/// A call with everything it needs to leave.
#[derive(Debug)]
pub(crate) struct Outbound {
    screened: Screened<Call>,
}

impl Outbound {
    pub(crate) fn into_screened(self) -> Screened<Call> {
        self.screened
    }

    pub(crate) fn screened(&self) -> &Screened<Call> {
        &self.screened
    }
}

/// Attaches the server's credential: the one that its connection has, or asks for.
pub(crate) fn attach(screened: Screened<Call>) -> Outbound {
    Outbound { screened }
}

/// What the connection layer needs to reach a server, with its secrets read.
///
/// A child process starts in `base`, the configuration's folder, or in the server's `cwd` below it. Its
/// program is looked up now, so that what is known of it holds for what is started.
pub(crate) fn spec(
    name: &str,
    server: &config::Server,
    capabilities: ClientCapabilities,
    credentials: Option<Arc<dyn Credentials>>,
    snapshot: &Snapshot,
) -> Result<Spec, VaultError> {
    let (limits, base) = (&snapshot.config().limits, snapshot.base());
    let fixed = &*snapshot.facilities().fixed;
    let enforced = snapshot.config().controls.server_identity;
    let tls = peer_tls(&server.identity, fixed, enforced)?;
    let transport = match &server.transport {
        config::Transport::Stdio {
            command,
            args,
            env,
            plain_env,
            cwd,
        } => {
            let mut variables: Vec<(String, SecretString)> = plain_env
                .iter()
                .map(|(key, value)| (key.clone(), SecretString::from(value.as_str())))
                .collect();
            for (key, reference) in env {
                variables.push((key.clone(), fixed.secret(reference)?));
            }
            let cwd = match cwd {
                Some(cwd) => base.join(cwd),
                None => base.to_owned(),
            };
            let command = match enforced {
                true => {
                    program(command, &cwd, &variables).map_err(|source| VaultError::Program {
                        server: name.to_owned(),
                        source,
                    })?
                }
                false => command.clone(),
            };
            upstream::Transport::Stdio {
                command,
                args: args.clone(),
                env: variables,
                cwd: Some(cwd),
            }
        }
        config::Transport::Http {
            url,
            headers,
            plain_headers,
            kind,
        } => upstream::Transport::Http {
            url: address(name, url)?,
            headers: sent(headers, plain_headers, fixed)?,
            kind: match kind {
                config::HttpKind::Auto => upstream::HttpKind::Auto,
                config::HttpKind::StreamableHttp => upstream::HttpKind::Streamable,
                config::HttpKind::Sse => upstream::HttpKind::Sse,
            },
            tls,
        },
        config::Transport::OpenApi {
            document: _,
            url,
            headers,
            plain_headers,
        } => upstream::Transport::OpenApi {
            document: snapshot
                .document(name)
                .map(Arc::clone)
                .ok_or_else(|| VaultError::Document(name.to_owned()))?,
            base: address(name, url)?,
            headers: sent(headers, plain_headers, fixed)?,
            tls,
        },
    };
    Ok(Spec {
        name: name.to_owned(),
        transport,
        era: match server.era {
            EraChoice::Auto => upstream::EraChoice::Auto,
            EraChoice::Legacy => upstream::EraChoice::Legacy,
            EraChoice::Modern => upstream::EraChoice::Modern,
        },
        startup_timeout: server.startup_timeout,
        request_timeout: server.request_timeout.unwrap_or(limits.request_timeout),
        limits: Limits {
            max_bytes: limits.max_message,
            max_depth: limits.max_depth,
        },
        client: upstream::ClientCapabilities {
            legacy: capabilities.write(ProtocolVersion::LATEST_LEGACY),
            modern: capabilities.write(ProtocolVersion::LATEST),
        },
        credentials,
    })
}

/// Whether the secrets that a connection was made with are others now. What cannot be read is on its
/// way.
pub(crate) fn has_other_secrets(
    made: &upstream::Transport,
    server: &config::Server,
    snapshot: &Snapshot,
) -> bool {
    let fixed = &*snapshot.facilities().fixed;
    let is_other = |reference: &SecretRef, then: &SecretString| {
        let now = fixed.secret(reference);
        now.is_ok_and(|now| now.expose_secret() != then.expose_secret())
    };
    match (&server.transport, made) {
        (config::Transport::Stdio { env, .. }, upstream::Transport::Stdio { env: sent, .. }) => {
            sent.iter()
                .any(|(key, then)| env.get(key).is_some_and(|now| is_other(now, then)))
        }
        (
            config::Transport::Http { headers, .. } | config::Transport::OpenApi { headers, .. },
            upstream::Transport::Http { headers: sent, .. }
            | upstream::Transport::OpenApi { headers: sent, .. },
        ) => headers.iter().any(|(key, now)| {
            let named = |name: &HeaderName| name.as_str().eq_ignore_ascii_case(key);
            let mut same = sent.iter().filter(|(name, _)| named(name));
            same.any(|(_, then)| is_other(now, then))
        }),
        _ => false,
    }
}

/// The absolute path of a child's program. A child has the gateway's `PATH`, unless it is given one.
fn program(
    command: &str,
    cwd: &Path,
    variables: &[(String, SecretString)],
) -> std::io::Result<String> {
    let own = variables.iter().rfind(|(key, _)| key == "PATH");
    let search = match own {
        Some((_, value)) => Some(OsString::from(value.expose_secret())),
        None => std::env::var_os("PATH"),
    };
    let path = resolve(command, cwd, search.as_deref())?;
    let unwritable = || std::io::Error::other("the path of the program is not UTF-8");
    path.into_os_string()
        .into_string()
        .map_err(|_| unwritable())
}

fn address(server: &str, url: &str) -> Result<Uri, VaultError> {
    url.parse().map_err(|_| VaultError::Url(server.to_owned()))
}

/// The headers of a server, with its secrets read.
fn sent(
    headers: &BTreeMap<String, SecretRef>,
    plain_headers: &BTreeMap<String, String>,
    fixed: &FixedSecrets,
) -> Result<Vec<(HeaderName, SecretString)>, VaultError> {
    let mut sent = Vec::with_capacity(headers.len() + plain_headers.len());
    for (key, value) in plain_headers {
        sent.push((header(key)?, SecretString::from(value.as_str())));
    }
    for (key, reference) in headers {
        sent.push((header(key)?, fixed.secret(reference)?));
    }
    Ok(sent)
}

fn header(name: &str) -> Result<HeaderName, VaultError> {
    name.parse()
        .map_err(|_| VaultError::Header(name.to_owned()))
}
