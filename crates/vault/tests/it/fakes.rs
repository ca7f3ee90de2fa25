//! Stand-ins for what is outside of the process.

pub(crate) mod azure;
pub(crate) mod hashicorp;
pub(crate) mod http;
pub(crate) mod provider;
pub(crate) mod server;
pub(crate) mod store;
