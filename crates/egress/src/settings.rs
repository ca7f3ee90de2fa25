//! What a client is built from.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretString};

use crate::allowed::Allowed;
use crate::pem::{self, PemError};
use crate::resolve::{Resolve, SystemResolver};
use crate::tls::{SpkiPin, TlsVersion};

/// What a [`Client`](crate::Client) may reach and how it proves whom it talks to. The default
/// reaches public addresses over TLS 1.3 by the system's root certificates.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether addresses that others name are judged more strictly than those that the operator
    /// configured. Without, only what no address may do is refused: see [`Naming::Configured`].
    ///
    /// [`Naming::Configured`]: crate::Naming::Configured
    pub guard: bool,
    /// What addresses that others name may lead to besides public ones.
    pub allow: Vec<Allowed>,
    /// Certificate authorities to trust besides those of the system.
    pub roots: Vec<CertificateDer<'static>>,
    /// Whether the certificate authorities of the system are trusted.
    pub use_system_roots: bool,
    /// The certificate to show to hosts that ask for one.
    pub identity: Option<Identity>,
    /// Keys of which the host must have one, in addition to a valid certificate; any when empty.
    pub pins: Vec<SpkiPin>,
    /// The lowest TLS version.
    pub min_version: TlsVersion,
    /// How names are looked up.
    pub resolver: Arc<dyn Resolve>,
    /// How long a connection may take, and then its TLS handshake.
    pub connect_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            guard: true,
            allow: Vec::new(),
            roots: Vec::new(),
            use_system_roots: true,
            identity: None,
            pins: Vec::new(),
            min_version: TlsVersion::default(),
            resolver: Arc::new(SystemResolver),
            connect_timeout: Duration::from_secs(10),
        }
    }
}

/// What is particular to one host that the operator configured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PeerTls {
    /// The only certificate authorities to trust for this host; those of the client when empty.
    pub roots: Vec<CertificateDer<'static>>,
    /// Keys of which the host must have one, in addition to a valid certificate; any when empty.
    pub pins: Vec<SpkiPin>,
    /// The certificate to show to this host; that of the client when absent.
    pub identity: Option<Identity>,
}

impl Settings {
    /// These settings with what is particular to one host in place of what they say.
    #[must_use]
    pub fn for_peer(&self, peer: &PeerTls) -> Self {
        let mut settings = self.clone();
        if !peer.roots.is_empty() {
            settings.roots.clone_from(&peer.roots);
            settings.use_system_roots = false;
        }
        if !peer.pins.is_empty() {
            settings.pins.clone_from(&peer.pins);
        }
        if peer.identity.is_some() {
            settings.identity.clone_from(&peer.identity);
        }
        settings
    }
}

/// A certificate of ours and its key. `Debug` shows neither.
#[derive(Clone)]
pub struct Identity(Arc<Parts>);

struct Parts {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// An identity from a chain that begins with our own certificate.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Self {
        Self(Arc::new(Parts { chain, key }))
    }

    /// Reads PEM text: a chain that begins with our own certificate, and its key in PKCS #8,
    /// PKCS #1 or SEC 1 form.
    ///
    /// # Errors
    /// When either holds no such section or one that cannot be read.
    pub fn from_pem(chain: &[u8], key: &SecretString) -> Result<Self, PemError> {
        let chain = pem::certificates(chain)?;
        let key = pem::private_key(key.expose_secret().as_bytes())?;
        Ok(Self::new(chain, key))
    }

    /// The certificates, our own first.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.0.chain.clone()
    }

    /// The key of our own certificate.
    pub fn key(&self) -> PrivateKeyDer<'static> {
        self.0.key.clone_key()
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.0.chain == other.0.chain
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}
