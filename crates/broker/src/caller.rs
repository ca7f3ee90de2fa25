//! For whom a server is called.

use portcullis_oauth::{ACCESS_TOKEN, ID_TOKEN, Typed};
use portcullis_token::identity::PrincipalKind;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};

/// For whom a server is called.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// The tenant, for Entra its GUID; empty where there are none.
    pub tenant: &'a str,
    /// The stable key of the principal, unique among all issuers.
    pub principal: &'a str,
    /// What the principal is.
    pub kind: PrincipalKind,
    /// The name of the `[authn.issuers.NAME]` that vouches for the principal, if one does.
    pub issuer: Option<&'a str>,
    /// The token that the caller showed, if it was a token of that issuer. It is used in exchanges
    /// and nowhere else.
    pub subject: Option<&'a SubjectToken>,
    /// The scopes of that token.
    pub scopes: &'a [String],
    /// The client application, if it is known.
    pub client: Option<&'a str>,
    /// Who acts for the principal, the one that calls first.
    pub actors: &'a [String],
    /// The id of the caller's token, if it has one.
    pub token_id: Option<&'a str>,
    /// When that token was issued, unix seconds. A revocation before it does not concern the caller
    /// any more; without it, every one does.
    pub issued: Option<i64>,
    /// Whether the client can handle a claims challenge (Entra's `cp1`).
    pub can_be_challenged: bool,
}

/// The caller's own token. What is in it cannot be had outside of this crate: there is no
/// `Debug`, no `Display`, no `Serialize` and no `Clone`.
pub struct SubjectToken {
    token: SecretString,
    kind: &'static str,
}

impl SubjectToken {
    /// An access token for this gateway.
    #[must_use]
    pub fn access(token: SecretString) -> Self {
        Self {
            token,
            kind: ACCESS_TOKEN,
        }
    }

    /// An ID token, which identity providers want for an identity assertion (ID-JAG).
    #[must_use]
    pub fn id(token: SecretString) -> Self {
        Self {
            token,
            kind: ID_TOKEN,
        }
    }

    /// Only for requests to the token endpoint of the issuer that the token is from.
    pub(crate) fn secret(&self) -> &SecretString {
        &self.token
    }

    pub(crate) fn typed(&self) -> Typed<'_> {
        Typed {
            token: &self.token,
            kind: self.kind,
        }
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.token.expose_secret()).into()
    }
}
