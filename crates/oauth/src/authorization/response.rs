//! What the browser brings back from the authorization server.

use secrecy::SecretString;
use url::form_urlencoded;

use crate::token_request::ErrorCode;

/// Most bytes of a query.
const MAX_QUERY: usize = 16 * 1024;

/// The parameters of an authorization response. Anybody may have made them.
pub struct AuthorizationResponse {
    pub(super) code: Option<SecretString>,
    pub(super) state: Option<String>,
    pub(super) issuer: Option<String>,
    pub(super) error: Option<ErrorCode>,
}

/// An authorization code that was accepted. `Debug` does not show it.
pub struct Code(SecretString);

/// Why a response is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseError {
    /// A parameter stands there twice, or it is longer than 16 KiB.
    #[error("the authorization response is malformed")]
    Malformed,
    /// `state` is missing, or is that of another sign-in.
    #[error("the authorization response belongs to another sign-in")]
    State,
    /// The server says that it names itself in responses, and did not (RFC 9207 section 2.4).
    #[error("the authorization response does not name its issuer")]
    IssuerMissing,
    /// Another server answered (RFC 9207): a mix-up.
    #[error("the authorization response is of another issuer")]
    IssuerWrong,
    /// The server, or the person, said no.
    #[error("the sign-in was refused: {0}")]
    Refused(ErrorCode),
    /// There is no code.
    #[error("the authorization response has no code")]
    NoCode,
}

impl AuthorizationResponse {
    /// Reads the query of the request to the redirect address, without `?`.
    ///
    /// # Errors
    /// [`ResponseError::Malformed`]
    pub fn parse(query: &str) -> Result<Self, ResponseError> {
        if query.len() > MAX_QUERY {
            return Err(ResponseError::Malformed);
        }
        let [mut code, mut state, mut issuer, mut error] = [const { None }; 4];
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let place = match name.as_ref() {
                "code" => &mut code,
                "state" => &mut state,
                "iss" => &mut issuer,
                "error" => &mut error,
                _ => continue,
            };
            if place.replace(value.into_owned()).is_some() {
                return Err(ResponseError::Malformed);
            }
        }
        if code.is_some() && error.is_some() {
            return Err(ResponseError::Malformed);
        }
        Ok(Self {
            code: code.filter(|code| !code.is_empty()).map(SecretString::from),
            state,
            issuer,
            error: error.map(|error| ErrorCode::of(&error)),
        })
    }

    /// `state`, by which the pending sign-in is found. It proves nothing yet.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

impl ResponseError {
    /// The stable id of the cause.
    pub fn code(&self) -> &'static str {
        match self {
            ResponseError::Malformed => "sign-in-malformed",
            ResponseError::State => "sign-in-state-wrong",
            ResponseError::IssuerMissing => "sign-in-issuer-missing",
            ResponseError::IssuerWrong => "sign-in-issuer-wrong",
            ResponseError::Refused(_) => "sign-in-refused",
            ResponseError::NoCode => "sign-in-without-code",
        }
    }
}

impl Code {
    pub(super) fn new(code: SecretString) -> Self {
        Self(code)
    }

    pub(super) fn secret(&self) -> &SecretString {
        &self.0
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code")
    }
}
