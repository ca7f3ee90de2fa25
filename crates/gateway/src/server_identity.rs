//! Who a server is: what its configuration binds it to, and what happens when that does not hold.
//!
//! A server over TLS is known by its certificate (`pins`, `ca`), one that is a child process by the
//! digest of its program, and an endpoint by its origin. A change of any of them is put on record as
//! a definition of the kind `identity` and holds the whole server back, until somebody approves or
//! rejects it with `portcullis tools`. The name that a server gives itself is a hint only.

mod certificate;
mod program;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use http::Uri;
use portcullis_config as config;
use portcullis_mcp::json::{Object, as_string, quote};
use portcullis_upstream::{Connection, Spec, Transport, UpstreamError};

use crate::digest::{self, sha256};
use crate::refusal::{Reason, Refusal};
use crate::registry::{Property, Recognition, Registry, Seen};
use crate::snapshot::Snapshot;
use crate::upstream;

pub(crate) use certificate::{peer_tls, pins};
pub(crate) use program::resolve;
use program::{Program, ProgramError};

/// Why a server is not asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Doubt {
    /// It is held back until somebody looked at what changed.
    #[error("its identity changed; `portcullis tools list` shows what waits for review")]
    Held,
    /// Its program is none that was approved.
    #[error("its program is not the one that was approved")]
    Program,
    /// What is known of it could not be read or written.
    #[error("the registry of identities cannot be used")]
    Registry(#[source] portcullis_store::StoreError),
}

/// The names that servers gave themselves, by the configured ones.
pub(crate) type Names = Mutex<HashMap<Arc<str>, String>>;

/// What one server is bound to under one configuration.
pub(crate) struct Binding {
    server: Arc<str>,
    registry: Arc<Registry>,
    names: Arc<Names>,
    /// The control `server-identity`.
    enforced: bool,
    trust_on_first_use: bool,
    bound: config::ServerIdentity,
    place: Place,
}

/// Where the server is.
enum Place {
    /// The program that is started.
    Program(PathBuf),
    /// The origin of an address.
    Origin(String),
}

impl Binding {
    /// `upstream` is what its connections are made from.
    pub(crate) fn new(
        server: &Arc<str>,
        spec: &config::Server,
        upstream: &Spec,
        (registry, names): (&Arc<Registry>, &Arc<Names>),
        snapshot: &Snapshot,
    ) -> Self {
        let config = snapshot.config();
        Self {
            server: Arc::clone(server),
            registry: Arc::clone(registry),
            names: Arc::clone(names),
            enforced: config.controls.server_identity,
            trust_on_first_use: config.registry.mode == config::RegistryMode::TrustOnFirstUse,
            bound: spec.identity.clone(),
            place: match &upstream.transport {
                Transport::Stdio { command, .. } => Place::Program(PathBuf::from(command)),
                Transport::Http { url, .. } | Transport::OpenApi { base: url, .. } => {
                    Place::Origin(origin(url))
                }
            },
        }
    }

    /// Looks at the program of a child process right before it is started.
    ///
    /// # Errors
    /// When it is none that was approved, and when it cannot be read.
    pub(crate) async fn before_start(&self) -> Result<Started, Refusal> {
        match &self.place {
            Place::Program(path) if self.enforced => {
                let program = self.judge(path.clone()).await?;
                Ok(Started(Some(program)))
            }
            _ => Ok(Started(None)),
        }
    }

    /// Looks whether what was started is what was looked at, and takes note of the server's own name.
    ///
    /// # Errors
    /// As [`Binding::before_start`], for a program that was replaced in between.
    pub(crate) async fn after_start(
        &self,
        started: Started,
        connection: &Connection,
    ) -> Result<(), Refusal> {
        if let (Some(before), Place::Program(path)) = (started.0, &self.place)
            && !before.is_unchanged()
        {
            self.judge(path.clone()).await?;
        }
        self.heard(connection.server_info());
        Ok(())
    }

    /// What an error of the connection says about who the server is. A server that turns out to be
    /// another one is held back from here on; the refusal says so.
    pub(crate) async fn refused(
        &self,
        error: UpstreamError,
        otherwise: fn(UpstreamError) -> Refusal,
    ) -> Refusal {
        match self.suspicion(&error) {
            None => otherwise(error),
            Some((property, note)) => {
                self.hold(property, self.expected(), note).await;
                Refusal::new(Reason::ServerIdentityChanged).because(error)
            }
        }
    }

    /// Whether an error says that the server is another one.
    pub(crate) fn doubts(&self, error: &UpstreamError) -> bool {
        self.suspicion(error).is_some()
    }

    fn suspicion(&self, error: &UpstreamError) -> Option<(Property, &'static str)> {
        if !self.enforced {
            return None;
        }
        let is_bound = !self.bound.pins.is_empty() || self.bound.ca.is_some();
        match error {
            UpstreamError::Identity => Some((
                Property::Certificate,
                "its key is none of those that are pinned",
            )),
            UpstreamError::Tls(cause) if is_bound && certificate::is_of_another(&**cause) => {
                Some((
                    Property::Certificate,
                    "its certificate comes from another authority, or is for another name",
                ))
            }
            UpstreamError::Redirect { foreign: true, .. } => {
                Some((Property::Origin, "it sends its clients to another origin"))
            }
            _ => None,
        }
    }

    /// Reads the program and compares it with what is configured, or with what was approved.
    async fn judge(&self, path: PathBuf) -> Result<Program, Refusal> {
        let program = program::read(path).await.map_err(|error| match error {
            ProgramError::Unreadable(cause) => upstream::refused(UpstreamError::Spawn(cause)),
            ProgramError::Interrupted => Refusal::new(Reason::Internal),
        })?;
        let seen = Seen {
            server: &self.server,
            property: Property::Program,
            hash: digest::written(&program.digest),
            text: format!(
                "{{\"program\":{},\"bytes\":{}}}",
                quote(&program.path.to_string_lossy()),
                program.bytes
            ),
        };
        let recognised = match self.bound.sha256 {
            Some(expected) if expected == program.digest => Ok(Recognition::Known),
            Some(_) => {
                let note = "its program is not the one whose sha256 is configured";
                let held = self.registry.hold(&seen, note).await;
                held.map(|()| Recognition::Another)
            }
            None => self.registry.pin(&seen, self.trust_on_first_use).await,
        };
        match recognised {
            Ok(Recognition::Known) => Ok(program),
            Ok(Recognition::Another) => {
                Err(Refusal::new(Reason::ServerIdentityChanged).because(Doubt::Program))
            }
            Err(cause) => Err(Refusal::new(Reason::Internal).because(Doubt::Registry(cause))),
        }
    }

    async fn hold(&self, property: Property, text: String, note: &str) {
        let seen = Seen {
            server: &self.server,
            property,
            hash: sha256(text.as_bytes()),
            text,
        };
        // This attempt is refused in any case, and the next one will be for the same reason.
        if let Err(error) = self.registry.hold(&seen, note).await {
            tracing::error!(server = %self.server, %error, "that a server is another one could not be put on record");
        }
    }

    /// What the server should have been, as JSON for the reviewer.
    fn expected(&self) -> String {
        let pins: Vec<String> = pins(&self.bound.pins)
            .iter()
            .map(|pin| quote(&pin.to_string()))
            .collect();
        let origin = match &self.place {
            Place::Origin(origin) => origin.as_str(),
            Place::Program(_) => "",
        };
        let authority = match &self.bound.ca {
            Some(file) => quote(file),
            None => "null".to_owned(),
        };
        format!(
            "{{\"origin\":{},\"expected\":{{\"pins\":[{}],\"ca\":{authority}}}}}",
            quote(origin),
            pins.join(",")
        )
    }

    /// Notes the name that the server gives itself. It proves nothing; that it changes is worth a line.
    fn heard(&self, info: Option<&str>) {
        let name = info
            .and_then(|info| Object::parse(info).ok())
            .and_then(|info| info.get("name").and_then(|name| as_string(name.value)));
        let Some(name) = name else {
            return;
        };
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        match names.insert(Arc::clone(&self.server), name.clone().into_owned()) {
            Some(before) if before != name => {
                tracing::warn!(server = %self.server, ?before, now = ?name, "the server calls itself by another name");
            }
            _ => {}
        }
    }
}

/// Proof that the program was looked at, where there is one.
pub(crate) struct Started(Option<Program>);

/// Refuses a server that is held back.
///
/// # Errors
/// [`Reason::ServerIdentityChanged`].
pub(crate) fn admit(server: &str, registry: &Registry, snapshot: &Snapshot) -> Result<(), Refusal> {
    if snapshot.config().controls.server_identity && registry.is_held(server) {
        return Err(Refusal::new(Reason::ServerIdentityChanged).because(Doubt::Held));
    }
    Ok(())
}

/// Scheme, host and port of an address. Its path and query may hold what is nobody's business.
fn origin(url: &Uri) -> String {
    let (Some(scheme), Some(host)) = (url.scheme_str(), url.host()) else {
        return String::new();
    };
    match url.port_u16() {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    }
}

#[cfg(test)]
mod tests;
