//! The one way out of the gateway over HTTP.
