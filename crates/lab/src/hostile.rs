//! A server that does whatever a peer must survive: it stalls, floods, lies about ids, dies, and breaks the frames of
//! its transport. What it does is the name of the tool that is called; `echo` is what a good server does.
//!
//! It speaks both eras, on standard input and output or on a loopback socket. It uses blocking IO and no HTTP library,
//! because no decent one would write what it writes.

mod http;
mod offer;
mod script;
mod stdio;
mod wire;

use std::net::TcpListener;

pub use http::Listening;
pub use offer::Offer;
pub use script::{HTTP_TOOLS, TOOLS};

use crate::LabError;

/// Serves on standard input and output, or on `listen` when an address is given, until the input ends or for ever.
///
/// # Errors
/// When the address cannot be bound or a stream fails.
pub async fn serve(offer: Offer, listen: Option<String>) -> Result<(), LabError> {
    let ended = tokio::task::spawn_blocking(move || match listen {
        Some(address) => {
            http::serve(&TcpListener::bind(address)?, &offer);
            Ok(())
        }
        None => stdio::serve(&offer),
    });
    Ok(ended.await.map_err(std::io::Error::other)??)
}
