//! `[listen.tls]` of the configuration as the listener takes it.

use std::time::Duration;

use portcullis_config::{ClientCertificates, ListenTls, SecretRef, TlsVersion};
use portcullis_gateway::Loaded;
use portcullis_gateway::listener::{self, Tls, TlsKey, TlsSettings};

use crate::commands::vault;
use crate::exit::Failure;

/// How often the files are looked at.
const CHECK: Duration = Duration::from_secs(60);

/// Reads certificate and key. A key that is in a file is read again with its certificate; another
/// one is read now, and a new certificate for another key then needs a restart.
pub(super) async fn load(listen: &ListenTls, loaded: &Loaded) -> Result<Tls, Failure> {
    let settings = settings(listen, loaded).await?;
    tokio::task::spawn_blocking(move || Tls::load(settings))
        .await
        .map_err(|error| Failure::because("`[listen.tls]` cannot be read", &error))?
        .map_err(|error| {
            Failure::because("`[listen.tls]` cannot be used", &error)
                .help("`portcullis check` looks at every certificate of the configuration")
        })
}

async fn settings(listen: &ListenTls, loaded: &Loaded) -> Result<TlsSettings, Failure> {
    let key = match &listen.identity.key {
        SecretRef::File(path) => TlsKey::File(loaded.base.join(path)),
        reference => {
            let references = vault::surroundings(loaded)?.references;
            let key = references.read(reference).await.map_err(|error| {
                Failure::because("the key of `[listen.tls]` cannot be read", &error)
            })?;
            TlsKey::Pem(key)
        }
    };
    let authorities = listen.client_ca.as_ref().map(|ca| loaded.base.join(ca));
    let clients = match (listen.client_certificates, authorities) {
        (ClientCertificates::Optional, Some(authorities)) => {
            listener::ClientCertificates::Optional { authorities }
        }
        (ClientCertificates::Required, Some(authorities)) => {
            listener::ClientCertificates::Required { authorities }
        }
        (ClientCertificates::Off, _) => listener::ClientCertificates::Off,
        (_, None) => return Err(Failure::new("`listen.tls.client-ca` is missing")),
    };
    Ok(TlsSettings {
        certificate: loaded.base.join(&listen.identity.certificate),
        key,
        min_version: match listen.min_version {
            TlsVersion::Tls12 => portcullis_egress::TlsVersion::Tls12,
            TlsVersion::Tls13 => portcullis_egress::TlsVersion::Tls13,
        },
        clients,
        check_every: CHECK,
    })
}

/// Reads the files again, because somebody asked for it.
pub(super) async fn reload(tls: Tls) {
    match tokio::task::spawn_blocking(move || tls.reload()).await {
        Ok(Ok(true)) => tracing::info!("the certificate of the gateway was renewed"),
        Ok(Ok(false)) => {}
        Ok(Err(error)) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, "the new certificate cannot be used; the old one stays");
        }
        Err(error) => tracing::error!(%error, "the certificate could not be read again"),
    }
}
