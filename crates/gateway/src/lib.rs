//! The data plane: one typed path from a host's message to an MCP server and back.
//!
//! Start at [`pipeline`]: it is the path of a message, from top to bottom. Each step consumes the
//! proof of the step before it and returns its own, so that a check which is left out or moved
//! does not compile.

pub mod arrival;
pub mod audit;
pub mod authn;
mod authz;
mod clients;
mod clock;
mod connect;
mod credentials;
mod digest;
mod elicited;
mod era;
mod facilities;
mod feed;
pub mod gateway;
mod happenings;
mod inquiry;
pub mod listener;
mod listening;
mod lists;
pub mod load;
mod local;
mod outbound;
mod pipeline;
mod profile;
mod protocol;
mod receipt;
pub mod refusal;
pub mod registry;
mod replay;
mod reply;
mod result;
mod revocation;
mod seal;
mod server_identity;
mod servers;
mod session;
mod shield;
mod snapshot;
pub mod stdio;
mod suspended;
mod tickets;
mod upstream;
mod vault;

pub use gateway::Gateway;
pub use load::{LoadError, Loaded, load};
pub use outbound::outbound;
