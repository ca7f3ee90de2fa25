//! The way to a server that is recognised by more than a public certificate.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_egress::{Client, Identity, PeerTls, SpkiPin, certificates};
use portcullis_gateway::Loaded;
use portcullis_vault::References;

use crate::exit::Failure;

/// A client with the TLS settings of `[servers.NAME.identity]`; `None` when it has none.
pub(super) async fn client(
    loaded: &Loaded,
    server: &str,
    client: &Client,
    references: &References,
) -> Result<Option<Client>, Failure> {
    let Some(identity) = loaded
        .config
        .servers
        .get(server)
        .map(|server| &server.identity)
    else {
        return Ok(None);
    };
    let mut peer = PeerTls::default();
    if let Some(ca) = &identity.ca {
        peer.roots = certificates(&read(loaded, ca)?)
            .map_err(|error| Failure::because(format!("{ca} cannot be used"), &error))?;
    }
    for pin in &identity.pins {
        let pin = format!("sha256/{}", STANDARD.encode(pin));
        // As long as a digest is, it is a pin.
        peer.pins.extend(pin.parse::<SpkiPin>());
    }
    if let Some(own) = &identity.client {
        let key = references.read(&own.key).await;
        let key = key.map_err(|error| Failure::because("`client-key` cannot be read", &error))?;
        let chain = read(loaded, &own.certificate)?;
        let own = Identity::from_pem(&chain, &key)
            .map_err(|error| Failure::because("`client-certificate` cannot be used", &error))?;
        peer.identity = Some(own);
    }
    if peer == PeerTls::default() {
        return Ok(None);
    }
    client
        .for_peer(&peer)
        .map(Some)
        .map_err(|error| Failure::because("`identity` cannot be used", &error))
}

fn read(loaded: &Loaded, file: &str) -> Result<Vec<u8>, Failure> {
    std::fs::read(loaded.base.join(file))
        .map_err(|error| Failure::because(format!("{file} cannot be read"), &error))
}
