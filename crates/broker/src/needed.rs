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

/// Declares [`Reason`] with one row for each cause, so that no cause lacks an id or a text.
macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal, $text:literal;)+) => {
        /// Why there is no credential, for good.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Reason {
            /// Every cause, in the order of the reference page.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable id.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                }
            }

            /// What an operator should know or do.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

reasons! {
    /// The authorization server's answer cannot be used.
    AnswerUnusable = "answer-unusable",
        "the authorization server's answer breaks OAuth's rules; the log names which";
    /// The server's authorization server has no usable metadata.
    AuthorizationServer = "authorization-server-unusable",
        "the authorization server's metadata is missing, names another issuer, or lacks what the grant needs; `portcullis check --connect` reads it";
    /// Too many parties would act for one another.
    ChainTooLong = "delegation-chain-too-long",
        "the caller acts for so many others that one more is not added";
    /// The authorization server refuses the gateway, or the gateway has no identity there.
    Client = "client-refused",
        "the gateway's registration is missing there, or its secret, key or certificate is not taken; the log has the cause";
    /// The user has to sign in again with more claims, and the client cannot be told so.
    InteractionRequired = "interaction-required",
        "the identity provider wants a stronger sign-in, and this client or caller cannot be asked for one";
    /// The server names another authorization server than the one it is bound to: a mix-up attack,
    /// or a change that somebody has to approve.
    IssuerChanged = "issuer-changed",
        "the server names another authorization server than before: an attack, or a move; `auth.issuer` of the server settles which one counts";
    /// The server's tokens have to be bound to a key of the gateway, and its authorization server
    /// does not bind them so.
    Possession = "possession-unavailable",
        "the server or `auth.dpop` demands tokens that are bound to a key (DPoP), and the authorization server does not say that it binds them with ES256";
    /// The server refuses a token that was made for it just now.
    Rejected = "credential-rejected",
        "the server refuses a fresh token: compare the audience and the scopes that it wants with `auth.resource` and `auth.scopes`";
    /// The user, the agent, the client, the token, the server or the grant is revoked.
    Revoked = "revoked",
        "somebody was revoked; `portcullis vault list --revocations` says who, by whom and why";
    /// More scopes than the configuration allows or the caller has.
    Scope = "scope-too-wide",
        "scopes only shrink: add what is missing to `auth.scopes` of the server, or the caller asks for more at sign-in";
    /// The caller showed no token of an issuer.
    SubjectMissing = "subject-token-missing",
        "callers with an API key, a certificate or no credential have no token that could be exchanged";
    /// The issuer does not exchange the caller's token: it ended, or nobody consented.
    SubjectRefused = "subject-token-refused",
        "the caller's token ended, or consent to the server's scopes is missing at the issuer";
    /// The caller's token is of another issuer, or tenant, than the one it would be exchanged at.
    SubjectForeign = "subject-token-foreign",
        "the caller signed in at another issuer or tenant than the one that the server's token comes from";
    /// The configuration has no such server.
    UnknownServer = "server-unknown",
        "the configuration has no such server any more";
    /// Only persons' tokens can be exchanged on behalf of somebody.
    UsersOnly = "users-only",
        "Entra exchanges tokens of persons only on behalf of somebody; workloads need `client-credentials`";
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

#[cfg(test)]
mod tests;
