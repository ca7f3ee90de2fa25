//! A certificate authority made on the spot, and the server's certificate by it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

/// The file with the authority's certificate, in the folder that the settings name.
const AUTHORITY_FILE: &str = "ca.pem";

/// Makes an authority and a certificate for the names, and writes the authority's certificate into the folder.
///
/// # Errors
/// When a name is none, or the file cannot be written.
pub(super) fn acceptor(folder: &Path, names: &[&str]) -> io::Result<TlsAcceptor> {
    let mut authority = CertificateParams::new(Vec::new()).map_err(io::Error::other)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority
        .distinguished_name
        .push(DnType::CommonName, "Laboratory authority");
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let certificate = authority.self_signed(&key).map_err(io::Error::other)?;
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join(AUTHORITY_FILE), certificate.pem())?;
    let authority = Issuer::new(authority, key);

    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut server = CertificateParams::new(names).map_err(io::Error::other)?;
    server.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let leaf = server
        .signed_by(&key, &authority)
        .map_err(io::Error::other)?;
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], private)
        .map_err(io::Error::other)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
