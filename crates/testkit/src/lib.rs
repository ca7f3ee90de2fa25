//! Scripted servers and clients for tests.
