//! What an operator should see.

use std::net::IpAddr;

/// Something that happened, for the audit trail. It holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// Who sent the request.
    pub peer: IpAddr,
    /// The name of the issuer's entry, where one plays a part.
    pub issuer: Option<String>,
    /// The client application's id, as it was sent.
    pub client: Option<String>,
    /// The principal, or the family of tokens, that it is about.
    pub subject: Option<String>,
    /// The id that stands on the page that a person sees, too.
    pub reference: Option<String>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// A page or an endpoint said no; the rule is named by its stable id.
    Refused(&'static str),
    /// A person let a client have access.
    ConsentGiven,
    /// A person did not.
    ConsentDenied,
    /// Tokens were given to a client.
    TokensIssued,
    /// A client got new tokens for its refresh token.
    TokensRefreshed,
    /// An authorization code was used twice: somebody else may have it. Its tokens are revoked.
    CodeReplayed,
    /// A refresh token that was replaced was used: somebody else may have it. Its family is revoked.
    RefreshReplayed,
    /// An account at an MCP server was connected.
    Connected,
}

impl EventKind {
    /// The stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused(rule) => rule,
            Self::ConsentGiven => "consent-given",
            Self::ConsentDenied => "consent-denied",
            Self::TokensIssued => "tokens-issued",
            Self::TokensRefreshed => "tokens-refreshed",
            Self::CodeReplayed => "authorization-code-replayed",
            Self::RefreshReplayed => "refresh-token-replayed",
            Self::Connected => "account-connected",
        }
    }

    /// Whether somebody should look at it now.
    #[must_use]
    pub fn is_alarm(self) -> bool {
        matches!(self, Self::CodeReplayed | Self::RefreshReplayed)
    }
}
