//! What a token endpoint says when it gives no token (RFC 6749 section 5.2).

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use portcullis_mcp::json;
use secrecy::{ExposeSecret, SecretString};

use super::TokenError;
use crate::back_channel::{Answer, CallError, retry_after};
use crate::document::Document;

/// Most characters that are kept of a description.
const MAX_DESCRIPTION: usize = 500;
/// Most bytes of claims. They travel in a header field.
const MAX_CLAIMS: usize = 4 * 1024;
/// Most of Entra ID's numbers that are kept.
const MAX_CODES: usize = 8;

/// A refusal of the authorization server.
#[derive(Clone, Debug)]
pub struct Refused {
    /// What it is about.
    pub code: ErrorCode,
    /// The HTTP status.
    pub status: u16,
    /// Entra ID's numbers (`AADSTS…`).
    pub numbers: Vec<u32>,
    /// How long to wait, at most an hour, if the server says.
    pub retry_after: Option<Duration>,
    description: Option<String>,
}

/// Claims that the next sign-in has to ask for (Entra ID's `claims`).
#[derive(Clone, PartialEq, Eq)]
pub struct ClaimsChallenge {
    json: String,
    /// Entra ID's numbers (`AADSTS…`).
    pub numbers: Vec<u32>,
}

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// The error codes that this gateway tells apart. Any other is [`ErrorCode::Other`]; its
        /// text is not kept, since nobody vouches for it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)*
            /// One that is not listed here.
            Other,
        }

        impl ErrorCode {
            pub(crate) fn of(text: &str) -> Self {
                match text {
                    $($name => Self::$variant,)*
                    _ => Self::Other,
                }
            }

            /// As the protocol writes it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other => "another error",
                }
            }
        }
    };
}

error_codes! {
    /// RFC 6749 section 4.1.2.1: the person or the server said no.
    AccessDenied = "access_denied",
    /// OpenID Connect: the person has to consent.
    ConsentRequired = "consent_required",
    /// OpenID Connect: the person has to do something.
    InteractionRequired = "interaction_required",
    /// RFC 6749: this client is not known, or did not prove itself.
    InvalidClient = "invalid_client",
    /// RFC 7591: what was to be registered is not acceptable.
    InvalidClientMetadata = "invalid_client_metadata",
    /// RFC 9449.
    InvalidDpopProof = "invalid_dpop_proof",
    /// RFC 6749: the code, the refresh token or the assertion is not, or no longer, good.
    InvalidGrant = "invalid_grant",
    /// RFC 7591: one of the redirect addresses is not acceptable.
    InvalidRedirectUri = "invalid_redirect_uri",
    /// RFC 6749.
    InvalidRequest = "invalid_request",
    /// RFC 6749: a scope is not known, or more than may be given.
    InvalidScope = "invalid_scope",
    /// RFC 8707, RFC 8693: the resource or audience is not acceptable.
    InvalidTarget = "invalid_target",
    /// OpenID Connect: the person has to sign in.
    LoginRequired = "login_required",
    /// RFC 6749 section 4.1.2.1.
    ServerError = "server_error",
    /// RFC 6749 section 4.1.2.1.
    TemporarilyUnavailable = "temporarily_unavailable",
    /// RFC 6749: this client may not use this grant.
    UnauthorizedClient = "unauthorized_client",
    /// RFC 6749.
    UnsupportedGrantType = "unsupported_grant_type",
    /// RFC 6749 section 4.1.2.1.
    UnsupportedResponseType = "unsupported_response_type",
    /// RFC 7009 section 2.2.1.
    UnsupportedTokenType = "unsupported_token_type",
    /// RFC 9449: the proof has to hold the server's nonce.
    UseDpopNonce = "use_dpop_nonce",
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Refused {
    /// What the server says about it, at most 500 characters, without control characters and never
    /// with a secret that was sent. Anybody may have written it: it is for a person who looks for
    /// the cause, not for a model, a page without escaping, or a decision.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Whether the same request may succeed later.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self.code,
            ErrorCode::ServerError | ErrorCode::TemporarilyUnavailable
        ) || self.status == 429
            || self.status >= 500
    }
}

impl ClaimsChallenge {
    /// The JSON object.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The JSON object in base64, as it stands in a `WWW-Authenticate` header.
    pub fn base64(&self) -> String {
        STANDARD.encode(&self.json)
    }

    fn read(text: &str, numbers: &[u32]) -> Option<Self> {
        let limits = json::Limits {
            max_bytes: MAX_CLAIMS,
            max_depth: 8,
        };
        let json = json::check(text.as_bytes(), &limits).ok()?;
        (json::kind(json) == json::JsonKind::Object).then(|| Self {
            json: json.trim().to_owned(),
            numbers: numbers.to_vec(),
        })
    }
}

impl fmt::Debug for ClaimsChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClaimsChallenge")
            .field("numbers", &self.numbers)
            .finish_non_exhaustive()
    }
}

impl TokenError {
    /// A refusal of which only the code is kept.
    pub(crate) fn refused(status: StatusCode, code: Option<ErrorCode>) -> Self {
        let status = status.as_u16();
        code.map_or(TokenError::Status(status), |code| {
            TokenError::Refused(Box::new(Refused {
                code,
                status,
                numbers: Vec::new(),
                retry_after: None,
                description: None,
            }))
        })
    }

    /// Whether the same request may succeed later. Everything else stays as it is until a person
    /// signs in again or changes the configuration.
    pub fn is_temporary(&self) -> bool {
        match self {
            TokenError::Call(CallError::Unreachable(_)) => true,
            TokenError::Refused(refused) => refused.is_temporary(),
            TokenError::Status(status) => *status == 429 || *status >= 500,
            _ => false,
        }
    }

    /// Whether the grant itself is no longer good: `invalid_grant`. For a refresh token it is then
    /// expired, revoked, or was used before.
    pub fn is_invalid_grant(&self) -> bool {
        matches!(self, TokenError::Refused(refused) if refused.code == ErrorCode::InvalidGrant)
    }

    /// The stable id of the cause.
    pub fn code(&self) -> &'static str {
        match self {
            TokenError::Call(CallError::Authentication(_)) => "token-client-authentication",
            TokenError::Call(_) => "token-endpoint-unreachable",
            TokenError::InteractionRequired(_) => "token-interaction-required",
            TokenError::Refused(_) => "token-refused",
            TokenError::Status(_) => "token-endpoint-status",
            TokenError::Malformed(_) => "token-answer-malformed",
            TokenError::ScopeWidened => "token-scope-widened",
            TokenError::TokenType => "token-type-wrong",
            TokenError::Proof(_) => "token-proof",
            TokenError::NotAsked(_) => "token-not-asked",
        }
    }
}

/// Reads an error answer.
pub(super) fn read(document: &Document, answer: &Answer) -> TokenError {
    let status = answer.response.status();
    let Ok(Some(error)) = document.text("error") else {
        return match status {
            StatusCode::OK => TokenError::Malformed("error"),
            status => TokenError::Status(status.as_u16()),
        };
    };
    let numbers = numbers(answer.response.body());
    if let Ok(Some(claims)) = document.text("claims")
        && let Some(challenge) = ClaimsChallenge::read(claims, &numbers)
    {
        return TokenError::InteractionRequired(Box::new(challenge));
    }
    TokenError::Refused(Box::new(Refused {
        code: ErrorCode::of(error),
        status: status.as_u16(),
        numbers,
        retry_after: retry_after(answer.response.headers()),
        description: document
            .text("error_description")
            .ok()
            .flatten()
            .and_then(|text| description(text, &answer.sent)),
    }))
}

/// The numbers in `error_codes`, as far as there are any. `body` has been read strictly.
fn numbers(body: &[u8]) -> Vec<u32> {
    let codes = std::str::from_utf8(body)
        .ok()
        .and_then(|text| json::Object::parse(text).ok())
        .and_then(|object| json::elements(object.get("error_codes")?.value).ok());
    let numbers = codes.into_iter().flatten();
    numbers
        .filter_map(|number| number.value.parse().ok())
        .take(MAX_CODES)
        .collect()
}

/// A description that may be shown to a person, or nothing when it repeats a secret.
pub(crate) fn description(text: &str, sent: &[SecretString]) -> Option<String> {
    let repeats = |secret: &SecretString| {
        let secret = secret.expose_secret();
        !secret.is_empty() && text.contains(secret)
    };
    if text.is_empty() || sent.iter().any(repeats) {
        return None;
    }
    let plain = |c: char| {
        if c.is_control() || is_format(c) {
            ' '
        } else {
            c
        }
    };
    Some(text.chars().take(MAX_DESCRIPTION).map(plain).collect())
}

/// Characters that change how others are shown: marks of direction and what has no width.
fn is_format(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}
