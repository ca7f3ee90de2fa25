//! The TLS identity of a server.

use std::error::Error;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_config as config;
use portcullis_egress::{Identity, PeerTls, SpkiPin, certificates};
use rustls::CertificateError;

use crate::vault::{FixedSecrets, VaultError};

/// What differs for a server from the TLS of all servers. `None`: nothing.
///
/// The control `server-identity` switches the pins; authorities and our own certificate are not
/// about whether a server changed, and stay. The key is one of the
/// server's fixed secrets.
///
/// # Errors
/// When a file or the key cannot be read.
pub(crate) fn peer_tls(
    identity: &config::ServerIdentity,
    fixed: &FixedSecrets,
    enforced: bool,
) -> Result<Option<Box<PeerTls>>, VaultError> {
    let base = fixed.base();
    let roots = match &identity.ca {
        None => Vec::new(),
        Some(file) => certificates(&read(base, file)?).map_err(|source| unusable(file, source))?,
    };
    let own = match &identity.client {
        None => None,
        Some(pair) => {
            let chain = read(base, &pair.certificate)?;
            let key = fixed.secret(&pair.key)?;
            let identity = Identity::from_pem(&chain, &key)
                .map_err(|source| unusable(&pair.certificate, source))?;
            Some(identity)
        }
    };
    let peer = PeerTls {
        roots,
        pins: match enforced {
            true => pins(&identity.pins),
            false => Vec::new(),
        },
        identity: own,
    };
    Ok((peer != PeerTls::default()).then(|| Box::new(peer)))
}

/// The pins as the TLS layer has them.
pub(crate) fn pins(digests: &[config::Digest]) -> Vec<SpkiPin> {
    let written = digests
        .iter()
        .map(|digest| format!("sha256/{}", STANDARD.encode(digest)));
    // 32 bytes are a pin, whichever they are.
    written.filter_map(|text| text.parse().ok()).collect()
}

/// Whether a TLS error says that the certificate is good for somebody else: from an authority that is
/// not trusted here, or for another name. Whether it is in date says nothing about whose it is.
pub(super) fn is_of_another(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    matches!(
        error.downcast_ref(),
        Some(rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer
                | CertificateError::BadSignature
                | CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. }
        ))
    )
}

fn read(base: &Path, file: &str) -> Result<Vec<u8>, VaultError> {
    std::fs::read(base.join(file)).map_err(|source| VaultError::File {
        path: file.to_owned(),
        source,
    })
}

fn unusable(file: &str, source: portcullis_egress::PemError) -> VaultError {
    VaultError::Pem {
        path: file.to_owned(),
        source,
    }
}
