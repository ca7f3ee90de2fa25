//! TLS of the gateway's own address.

mod material;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use portcullis_egress::{PemError, TlsVersion};
use portcullis_identity::Certificate;
use rustls::ServerConfig;
use rustls::server::VerifierBuilderError;
use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::clock;
use material::{Fingerprint, Material};

/// How long a client may take for the handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Where the gateway's certificate is, and whether clients show one.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// A PEM file with our certificate first, and those up to a certificate authority after it.
    pub certificate: PathBuf,
    /// The key of our certificate.
    pub key: TlsKey,
    /// The lowest version of TLS that is spoken.
    pub min_version: TlsVersion,
    /// Whether clients show certificates.
    pub clients: ClientCertificates,
    /// How often the files are looked at for changes.
    pub check_every: Duration,
}

/// Where the key is.
#[derive(Clone, Debug)]
pub enum TlsKey {
    /// In a PEM file, which is read again when it changes.
    File(PathBuf),
    /// Here, as PEM text.
    Pem(SecretString),
}

/// Whether clients show certificates of their own.
#[derive(Clone, Debug)]
pub enum ClientCertificates {
    /// None is asked for.
    Off,
    /// A client may show one, which one of these authorities must have given it.
    Optional {
        /// A PEM file of certificate authorities.
        authorities: PathBuf,
    },
    /// A client must show one, else it has no connection.
    Required {
        /// A PEM file of certificate authorities.
        authorities: PathBuf,
    },
}

/// Why TLS cannot be offered. `Display` holds no path and nothing of a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("the file of {what} cannot be read")]
    Read {
        /// What should be in it.
        what: &'static str,
        /// Why it cannot.
        #[source]
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("what there is of {what} cannot be used")]
    Pem {
        /// What should be in it.
        what: &'static str,
        /// What is wrong.
        #[source]
        source: PemError,
    },
    /// The certificate and the key do not belong together, or cannot be used for TLS.
    #[error("the certificate and its key cannot be used together")]
    Certificate(#[source] rustls::Error),
    /// The certificate is not valid any more, or not yet.
    #[error("the certificate is not valid at this time")]
    Expired,
    /// The certificate authorities of clients cannot be used.
    #[error("the certificate authorities of clients cannot be used")]
    Authorities(#[source] VerifierBuilderError),
}

/// The TLS of a listener. Clones share what was loaded.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    settings: TlsSettings,
    current: ArcSwap<ServerConfig>,
    /// What was last looked at, fit or not.
    seen: Mutex<Fingerprint>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// When one cannot be read or does not hold what it should.
    pub fn load(settings: TlsSettings) -> Result<Self, TlsError> {
        let material = Material::read(&settings)?;
        let config = material.config(&settings, clock::unix_seconds())?;
        Ok(Self(Arc::new(Inner {
            current: ArcSwap::from_pointee(config),
            seen: Mutex::new(material.fingerprint()),
            settings,
        })))
    }

    /// Reads the files again. New connections get what is in them from now on; open ones go on as
    /// they are. Whether anything was new.
    ///
    /// # Errors
    /// As [`load`](Self::load); what was there stays then. Files that were found unfit are not
    /// looked at again until they change.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let inner = &*self.0;
        let material = Material::read(&inner.settings)?;
        let mut seen = inner.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let fingerprint = material.fingerprint();
        if *seen == fingerprint {
            return Ok(false);
        }
        *seen = fingerprint;
        let config = material.config(&inner.settings, clock::unix_seconds())?;
        inner.current.store(Arc::new(config));
        Ok(true)
    }

    /// Looks at the files for as long as it is awaited.
    pub(super) async fn watch(&self) {
        let mut readable = true;
        loop {
            tokio::time::sleep(self.0.settings.check_every).await;
            let tls = self.clone();
            let Ok(outcome) = tokio::task::spawn_blocking(move || tls.reload()).await else {
                continue;
            };
            match &outcome {
                Ok(true) => tracing::info!("the certificate of the gateway was renewed"),
                // A file that is away for a moment is being replaced; said once.
                Err(TlsError::Read { what, source }) if readable => {
                    tracing::error!(what, error = %source, "a file of the gateway's TLS cannot be read; what was loaded stays");
                }
                Ok(false) | Err(TlsError::Read { .. }) => {}
                Err(error) => {
                    tracing::error!(%error, cause = ?std::error::Error::source(error), "the new certificate cannot be used; the old one stays");
                }
            }
            readable = !matches!(outcome, Err(TlsError::Read { .. }));
        }
    }

    /// Shakes hands with a client; `None` when that fails or takes too long. With the certificate
    /// that the client showed and that was verified.
    pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> Option<(TlsStream<S>, Option<Arc<Certificate>>)> {
        let acceptor = TlsAcceptor::from(self.0.current.load_full());
        let stream = match timeout(HANDSHAKE, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                tracing::debug!(%error, "a tls handshake failed");
                return None;
            }
            Err(_) => {
                tracing::debug!("a tls handshake was not completed in time");
                return None;
            }
        };
        let shown = stream.get_ref().1.peer_certificates();
        let certificate = match shown.and_then(<[_]>::first) {
            None => None,
            Some(der) => match Certificate::from_der(der) {
                Ok(certificate) => Some(Arc::new(certificate)),
                Err(error) => {
                    tracing::warn!(%error, "a client was turned away");
                    return None;
                }
            },
        };
        Some((stream, certificate))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.0.settings).finish()
    }
}

#[cfg(test)]
mod tests;
