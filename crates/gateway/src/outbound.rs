//! The way out, as `[outbound]` of the configuration has it.

use std::path::Path;

use portcullis_config::{self as config, Config};
use portcullis_egress::{Settings, TlsVersion, certificates};

/// How the gateway reaches what it fetches and what it speaks to. `base` is the configuration's folder.
///
/// # Errors
/// What is wrong with a file or an entry, in words for the operator.
pub fn outbound(config: &Config, base: &Path) -> Result<Settings, String> {
    let outbound = &config.outbound;
    let allow = outbound
        .allow
        .iter()
        .map(|entry| {
            entry.to_string().parse().map_err(|_| {
                format!("`outbound.allow` has `{entry}`, which is no host and no network")
            })
        })
        .collect::<Result<_, String>>()?;
    let roots = match &outbound.ca {
        Some(file) => authorities(&base.join(file), "outbound.ca")?,
        None => Vec::new(),
    };
    Ok(Settings {
        guard: config.controls.egress_guard,
        allow,
        roots,
        min_version: match outbound.min_tls {
            config::TlsVersion::Tls12 => TlsVersion::Tls12,
            config::TlsVersion::Tls13 => TlsVersion::Tls13,
        },
        ..Settings::default()
    })
}

/// The certificate authorities in a PEM file that `key` of the configuration names.
fn authorities(
    file: &Path,
    key: &str,
) -> Result<Vec<rustls::pki_types::CertificateDer<'static>>, String> {
    let pem = std::fs::read(file)
        .map_err(|error| format!("`{key}`: {} cannot be read: {error}", file.display()))?;
    certificates(&pem).map_err(|error| format!("`{key}`: {}: {error}", file.display()))
}
