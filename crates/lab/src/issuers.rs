//! The lab's issuers as processes: Entra with its Graph, and the authorization server that can misbehave.

use std::io;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::entra::{EntraError, EntraLab, EntraSettings};
use crate::identity_provider::{IdentityProvider, ProviderError, ProviderSettings};

/// An issuer that listens on loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuerKind {
    /// Microsoft Entra ID, with Microsoft Graph beside it.
    Entra,
    /// An authorization server in the shape of a known provider, honest until it is told otherwise.
    IdentityProvider,
}

impl IssuerKind {
    /// All kinds.
    pub const ALL: [IssuerKind; 2] = [Self::Entra, Self::IdentityProvider];

    /// The kind of that name. `graph` is `entra`: one does not come without the other.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let name = if name == "graph" { "entra" } else { name };
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The name on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Entra => "entra",
            Self::IdentityProvider => "identity-provider",
        }
    }
}

/// Why an issuer could not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerError {
    /// The settings are not as they should be.
    #[error("cannot understand LAB_SETTINGS, LAB_LISTEN or LAB_TLS")]
    Settings,
    /// The settings' file, or standard input or output, failed.
    #[error("cannot read or write")]
    Io(#[from] io::Error),
    /// Entra did not start.
    #[error("the lab's Entra failed")]
    Entra(#[from] EntraError),
    /// The authorization server did not start.
    #[error("the lab's authorization server failed")]
    Provider(#[from] ProviderError),
}

/// Runs one issuer until standard input ends. It writes one line of JSON with its addresses.
///
/// | Variable | Meaning |
/// |---|---|
/// | `LAB_SETTINGS` | file with [`EntraSettings`] or [`ProviderSettings`] as JSON |
/// | `LAB_LISTEN` | address to listen on, instead of a free loopback port |
/// | `LAB_TLS` | folder that gets `ca.pem`: speak TLS (entra) |
///
/// # Errors
/// When the settings are wrong, or the issuer cannot listen.
pub async fn serve_issuer(kind: IssuerKind) -> Result<(), IssuerError> {
    let listen = match setting("LAB_LISTEN") {
        Some(text) => Some(text.parse().map_err(|_| IssuerError::Settings)?),
        None => None,
    };
    match kind {
        IssuerKind::Entra => {
            let mut settings: EntraSettings = settings()?;
            settings.listen = listen.unwrap_or(settings.listen);
            settings.tls = setting("LAB_TLS").map(PathBuf::from).or(settings.tls);
            let lab = EntraLab::start(settings).await?;
            announce(&json!({"entra": lab.base_url(), "graph": lab.graph_url()})).await?;
            until_input_ends().await
        }
        IssuerKind::IdentityProvider => {
            let mut settings: ProviderSettings = settings()?;
            settings.listen = listen.unwrap_or(settings.listen);
            let provider = IdentityProvider::start(settings).await?;
            let places = json!({"issuer": provider.issuer(), "base": provider.base_url()});
            announce(&places).await?;
            until_input_ends().await
        }
    }
}

fn settings<T: Default + DeserializeOwned>() -> Result<T, IssuerError> {
    let Some(path) = setting("LAB_SETTINGS") else {
        return Ok(T::default());
    };
    serde_json::from_str(&std::fs::read_to_string(path)?).map_err(|_| IssuerError::Settings)
}

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

async fn announce(places: &Value) -> Result<(), IssuerError> {
    let mut out = tokio::io::stdout();
    out.write_all(format!("{places}\n").as_bytes()).await?;
    Ok(out.flush().await?)
}

async fn until_input_ends() -> Result<(), IssuerError> {
    let mut scratch = [0; 1024];
    let mut input = tokio::io::stdin();
    while input.read(&mut scratch).await? > 0 {}
    Ok(())
}
