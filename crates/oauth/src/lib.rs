//! The gateway as an OAuth client.
