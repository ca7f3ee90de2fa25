//! What an operator should see.

use portcullis_vault::{self as vault, CredentialKey};

/// What an operator should see. Holds no token. What servers say in it is for people and not to be
/// trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Something happened to a token in the vault; [`vault::Event::Reused`] is an alarm.
    Renewal {
        /// The server.
        server: String,
        /// What happened.
        event: vault::Event,
    },
    /// An alarm: a server names other authorization servers than the one it is bound to. It gets
    /// no credential, and should be quarantined.
    IssuerChanged {
        /// The server.
        server: String,
        /// The issuer that it is bound to.
        expected: String,
        /// At most eight issuers that it names, each cut to 200 characters.
        named: Vec<String>,
    },
    /// A server without a configured issuer named its authorization server for the first time. It
    /// is bound to it from now on.
    IssuerBound {
        /// The server.
        server: String,
        /// The issuer.
        issuer: String,
    },
    /// A user signed in at a server.
    Connected {
        /// Whose grant it is.
        key: CredentialKey,
        /// The scopes that were granted.
        scopes: Vec<String>,
    },
    /// A grant was ended on request.
    Disconnected {
        /// Whose grant it was.
        key: CredentialKey,
        /// Whether the authorization server knows (RFC 7009).
        at_server: bool,
    },
    /// A sign-in came back that is not accepted: for some causes the mark of an attack.
    SignInRefused {
        /// The server, where the sign-in is known.
        server: Option<String>,
        /// The stable id of the cause.
        code: &'static str,
    },
    /// A server asked for more scopes than it may get.
    ScopeRefused {
        /// The server.
        server: String,
    },
}
