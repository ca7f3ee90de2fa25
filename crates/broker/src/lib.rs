//! The credential with which a server is called, and where it comes from.
//!
//! The caller's token stops at the gateway: a server gets another one, that was made for it.
//! [`Broker::credential`] gives it, by the `[servers.NAME.auth]` of the configuration: as the
//! gateway itself (`client-credentials`), for the user through the issuer the user came from
//! (`on-behalf-of`, `token-exchange`, `id-jag`), or by a sign-in of the user at the server
//! (`user-grant`). Where there is none, [`Needed`] says what would help. When a server does not
//! accept it, [`Broker::rejected`] says what to do.
//!
//! The gateway's own tokens and users' grants are kept sealed in the vault, and exchanged tokens
//! in memory only; all are fetched once, however many ask, and renewed before they end. Scopes
//! only shrink. [`Broker::begin`] and [`Broker::complete`] are the two halves of a user's sign-in,
//! [`Broker::disconnect`] ends what came of it.

mod broker;
mod cache;
mod caller;
mod context;
mod credential;
mod event;
mod grants;
mod needed;
mod rejection;
mod revocations;
mod server;
mod sign_in;

pub use broker::Broker;
pub use caller::{Caller, SubjectToken};
pub use context::{Context, Http, OwnClient};
pub use credential::Credential;
pub use event::Event;
pub use grants::{DisconnectError, Disconnected, GrantFilter};
pub use needed::{Needed, Reason};
pub use rejection::{Rejected, Retry};
pub use server::AtServer;
pub use sign_in::{Begun, Completed, Offer, SignInError, Visit};
