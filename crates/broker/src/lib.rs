//! The credential with which a server is called, and where it comes from.
