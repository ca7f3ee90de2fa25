//! Access tokens and what they prove, without IO.
//!
//! The crate reads, checks and describes; keys, time and randomness are passed in.
