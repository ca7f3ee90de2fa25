//! Why there is no credential, and what would help.

use portcullis_oauth::{CallError, ErrorCode, NotAsked, TokenError};

/// Why there is no credential, and what would help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Needed {
    /// The user has to sign in at the server: see [`Broker::begin`](crate::Broker::begin).
    #[error("the user has to sign in at the server")]
    SignIn {
        /// The server.
        server: String,
    },
    /// The user has to sign in at the server again and grant more.
    #[error("the user has to grant more scopes at the server")]
    Scope {
        /// The server.
        server: String,
        /// All scopes that the sign-in has to ask for.
        scopes: Vec<String>,
    },
    /// The user has to sign in at the issuer again, with these claims (Entra ID's
    /// `interaction_required`). No other token may be used in place of the refused one.
    #[error("the user has to sign in again with more claims")]
    Challenge {
        /// A strict JSON object of at most 4 KiB.
        claims: String,
    },
    /// There will be none until somebody changes something.
    #[error("there is no credential: {}", reason.as_str())]
    Refused {
        /// The stable id of the cause.
        reason: Reason,
    },
    /// There is none now.
    #[error("there is no credential now")]
    Unavailable,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// Why there is no credential, for good.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[$doc])* $variant,)*
        }

        impl Reason {
            /// The stable id.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

reasons! {
    /// The authorization server's answer cannot be used.
    AnswerUnusable = "answer-unusable",
    /// The server's authorization server has no usable metadata.
    AuthorizationServer = "authorization-server-unusable",
    /// Too many parties would act for one another.
    ChainTooLong = "delegation-chain-too-long",
    /// The authorization server refuses the gateway, or the gateway has no identity there.
    Client = "client-refused",
    /// The user has to sign in again with more claims, and the client cannot be told so.
    InteractionRequired = "interaction-required",
    /// The server names another authorization server than the one it is bound to: a mix-up attack,
    /// or a change that somebody has to approve.
    IssuerChanged = "issuer-changed",
    /// The server refuses a token that was made for it just now.
    Rejected = "credential-rejected",
    /// The user, the agent, the client, the token, the server or the grant is revoked.
    Revoked = "revoked",
    /// More scopes than the configuration allows or the caller has.
    Scope = "scope-too-wide",
    /// The caller showed no token of an issuer.
    SubjectMissing = "subject-token-missing",
    /// The issuer does not exchange the caller's token: it ended, or nobody consented.
    SubjectRefused = "subject-token-refused",
    /// The caller's token is of another issuer, or tenant, than the one it would be exchanged at.
    SubjectForeign = "subject-token-foreign",
    /// The configuration has no such server.
    UnknownServer = "server-unknown",
    /// Only persons' tokens can be exchanged on behalf of somebody.
    UsersOnly = "users-only",
}

impl Needed {
    /// The stable id of the cause.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::SignIn { .. } => "sign-in-needed",
            Self::Scope { .. } => "scope-needed",
            Self::Challenge { .. } => "claims-needed",
            Self::Refused { reason } => reason.as_str(),
            Self::Unavailable => "credential-unavailable",
        }
    }

    pub(crate) fn refused(reason: Reason) -> Self {
        Self::Refused { reason }
    }

    /// What follows from the failure of a token request that needs nobody's sign-in.
    /// `can_be_challenged` says whether the caller's client understands claims.
    pub(crate) fn of_token_error(error: &TokenError, can_be_challenged: bool) -> Self {
        if error.is_temporary() {
            return Self::Unavailable;
        }
        let reason = match error {
            TokenError::InteractionRequired(challenge) if can_be_challenged => {
                return Self::Challenge {
                    claims: challenge.json().to_owned(),
                };
            }
            TokenError::InteractionRequired(_) => Reason::InteractionRequired,
            TokenError::Call(CallError::Authentication(_)) => Reason::Client,
            // A request that could not be made or whose answer did not come whole.
            TokenError::Call(_) => return Self::Unavailable,
            TokenError::Refused(refused) => of_error_code(refused.code),
            TokenError::ScopeWidened => Reason::Scope,
            TokenError::NotAsked(why) => match why {
                NotAsked::WiderScope => Reason::Scope,
                NotAsked::ChainTooLong => Reason::ChainTooLong,
                NotAsked::PublicClient => Reason::Client,
                _ => Reason::AuthorizationServer,
            },
            _ => Reason::AnswerUnusable,
        };
        Self::Refused { reason }
    }
}

fn of_error_code(code: ErrorCode) -> Reason {
    match code {
        ErrorCode::InvalidGrant
        | ErrorCode::ConsentRequired
        | ErrorCode::LoginRequired
        | ErrorCode::AccessDenied => Reason::SubjectRefused,
        ErrorCode::InteractionRequired => Reason::InteractionRequired,
        ErrorCode::InvalidScope | ErrorCode::InvalidTarget => Reason::Scope,
        _ => Reason::Client,
    }
}
