//! Hostile peers: servers and clients that break every rule, against the built binary.
//!
//! Each case has a defined end. After each, the gateway still answers a good call, and has no more open files, threads
//! and child processes than before; at the end of each test the trail has one closed entry for every message.

mod figures;
mod hosts;
mod lists;
mod misuse;
mod raw;
mod requests;
mod scene;
mod servers;
mod slow;
mod smuggling;
mod streams;
