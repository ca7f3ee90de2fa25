//! What a server is called with.

use std::fmt;

use http::{HeaderName, HeaderValue, header};
use portcullis_vault::Secret;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use crate::needed::{Needed, Reason};

/// A header that proves to a server on whose behalf it is called. `Debug` does not show its value.
#[derive(Clone)]
pub struct Credential {
    /// The header's name.
    pub name: HeaderName,
    /// Its whole value. A valid header value.
    pub value: SecretString,
    /// When it ends, unix microseconds, if that is known.
    pub expires_us: Option<i64>,
    token: Secret,
    scopes: Vec<String>,
}

impl Credential {
    /// A bearer token (RFC 6750).
    pub(crate) fn bearer(
        token: Secret,
        scopes: Vec<String>,
        expires_us: Option<i64>,
    ) -> Result<Self, Needed> {
        let text = token.expose_str().ok();
        let text = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
        let text = text.ok_or(Needed::Refused {
            reason: Reason::AnswerUnusable,
        })?;
        let value = Zeroizing::new(format!("Bearer {text}"));
        Ok(Self {
            name: header::AUTHORIZATION,
            value: SecretString::from(value.as_str()),
            expires_us,
            token,
            scopes,
        })
    }

    /// The value as a header value that is marked as sensitive.
    ///
    /// # Errors
    /// Never, in fact: the value was checked when it was made.
    pub fn header_value(&self) -> Result<HeaderValue, header::InvalidHeaderValue> {
        use secrecy::ExposeSecret as _;

        let mut value = HeaderValue::from_str(self.value.expose_secret())?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// The scopes that it was granted with.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    pub(crate) fn token(&self) -> &Secret {
        &self.token
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("name", &self.name)
            .field("expires_us", &self.expires_us)
            .finish_non_exhaustive()
    }
}
