//! What an authorization server gave for one user at one server.
//!
//! Format 1, the content that is sealed. Numbers are big-endian; texts stand behind their length
//! in bytes (32 bits).
//!
//! ```text
//! bytes
//!     1  format, 1
//!     8  issued, unix microseconds
//!     8  access token expires, unix microseconds; the smallest number for "not said"
//!     4  how often the refresh token was rotated
//!     -  access token, refresh token (empty: none), token type, scopes (separated by spaces)
//!     1  f, how many former refresh tokens are known
//!  f*32  their SHA-256, youngest first
//! ```

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::secret::Secret;

const FORMAT: u8 = 2;
/// The format before grants said whom they were given to.
const WITHOUT_REGISTRATION: u8 = 1;
const NEVER: i64 = i64::MIN;
/// So many former refresh tokens are remembered.
const FORMER: usize = 32;

/// Tokens of one grant. `Debug` shows no token.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The access token.
    pub access: Secret,
    /// The refresh token, if there is one.
    pub refresh: Option<Secret>,
    /// How the access token is presented: `Bearer`, `DPoP`.
    pub token_type: String,
    /// The scopes that were granted.
    pub scopes: Vec<String>,
    /// When the access token came, unix microseconds.
    pub issued_us: i64,
    /// When the access token ends, unix microseconds, if that was said.
    pub expires_us: Option<i64>,
    /// Which registration it was given to, where the gateway registered itself; `None` for the
    /// client that the configuration names, or a client metadata document.
    pub registration: Option<String>,
    /// How often the refresh token was replaced by another one.
    rotations: u32,
    former: Vec<[u8; 32]>,
}

/// The sealed content is no grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the credential is no grant of this release")]
pub struct GrantError;

impl Grant {
    /// A grant as it begins.
    #[must_use]
    pub fn new(
        access: Secret,
        refresh: Option<Secret>,
        token_type: impl Into<String>,
        scopes: Vec<String>,
        issued_us: i64,
        expires_us: Option<i64>,
    ) -> Self {
        Self {
            access,
            refresh,
            token_type: token_type.into(),
            scopes,
            issued_us,
            expires_us,
            registration: None,
            rotations: 0,
            former: Vec::new(),
        }
    }

    /// This grant as one that was given to a registration of the gateway's own: only with it can the
    /// grant be renewed.
    #[must_use]
    pub fn given_to(self, registration: Option<String>) -> Self {
        Self {
            registration,
            ..self
        }
    }

    /// Whether the refresh token was ever replaced by another one.
    #[must_use]
    pub fn was_rotated(&self) -> bool {
        self.rotations > 0
    }

    /// Whether `token` is a refresh token that was replaced. The last 32 are known.
    #[must_use]
    pub fn is_former(&self, token: &Secret) -> bool {
        self.former.contains(&digest(token))
    }

    /// When the whole grant ends by itself: with its access token, if nothing can renew it.
    #[must_use]
    pub fn ends_us(&self) -> Option<i64> {
        match self.refresh {
            Some(_) => None,
            None => self.expires_us,
        }
    }

    /// This grant after its renewal. A refresh token that is another than before makes that one
    /// a former one.
    pub(crate) fn renewed(
        &self,
        access: Secret,
        refresh: Option<Secret>,
        scopes: Option<Vec<String>>,
        issued_us: i64,
        expires_us: Option<i64>,
    ) -> Self {
        let mut new = Self {
            access,
            issued_us,
            expires_us,
            scopes: scopes.unwrap_or_else(|| self.scopes.clone()),
            ..self.clone()
        };
        let Some(given) = refresh else {
            return new;
        };
        if let Some(old) = self.refresh.as_ref().filter(|old| !old.is(&given)) {
            new.former.insert(0, digest(old));
            new.former.truncate(FORMER);
            new.rotations = self.rotations.saturating_add(1);
        }
        new.refresh = Some(given);
        new
    }

    /// The content to seal.
    #[must_use]
    pub fn encode(&self) -> Secret {
        let scopes = self.scopes.join(" ");
        let texts = [
            self.access.expose(),
            self.refresh.as_ref().map_or(&[], Secret::expose),
            self.token_type.as_bytes(),
            scopes.as_bytes(),
            self.registration.as_deref().unwrap_or_default().as_bytes(),
        ];
        let length =
            22 + texts.iter().map(|text| text.len() + 4).sum::<usize>() + self.former.len() * 32;
        // As long as it gets, so that growing leaves no copy behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        bytes.push(FORMAT);
        bytes.extend_from_slice(&self.issued_us.to_be_bytes());
        bytes.extend_from_slice(&self.expires_us.unwrap_or(NEVER).to_be_bytes());
        bytes.extend_from_slice(&self.rotations.to_be_bytes());
        for text in texts {
            let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(text);
        }
        bytes.push(u8::try_from(self.former.len()).unwrap_or(u8::MAX));
        for former in &self.former {
            bytes.extend_from_slice(former);
        }
        Secret::from(bytes)
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// When it is something else.
    pub fn decode(content: &Secret) -> Result<Self, GrantError> {
        decode(content.expose()).ok_or(GrantError)
    }
}

pub(crate) fn digest(token: &Secret) -> [u8; 32] {
    Sha256::digest(token.expose()).into()
}

fn decode(bytes: &[u8]) -> Option<Grant> {
    let (&format, rest) = bytes.split_first()?;
    if !matches!(format, FORMAT | WITHOUT_REGISTRATION) {
        return None;
    }
    let (issued, rest) = rest.split_first_chunk()?;
    let (expires, rest) = rest.split_first_chunk()?;
    let (rotations, rest) = rest.split_first_chunk()?;
    let (access, rest) = text(rest)?;
    let (refresh, rest) = text(rest)?;
    let (token_type, rest) = text(rest)?;
    let (scopes, rest) = text(rest)?;
    let (registration, rest) = match format {
        WITHOUT_REGISTRATION => (&[][..], rest),
        _ => text(rest)?,
    };
    let (&count, rest) = rest.split_first()?;
    let (former, []) = rest.as_chunks::<32>() else {
        return None;
    };
    if former.len() != usize::from(count) {
        return None;
    }
    let expires = i64::from_be_bytes(*expires);
    Some(Grant {
        access: Secret::new(access.to_vec()),
        refresh: (!refresh.is_empty()).then(|| Secret::new(refresh.to_vec())),
        token_type: std::str::from_utf8(token_type).ok()?.to_owned(),
        scopes: std::str::from_utf8(scopes)
            .ok()?
            .split(' ')
            .filter(|scope| !scope.is_empty())
            .map(str::to_owned)
            .collect(),
        issued_us: i64::from_be_bytes(*issued),
        expires_us: (expires != NEVER).then_some(expires),
        registration: Some(std::str::from_utf8(registration).ok()?)
            .filter(|registration| !registration.is_empty())
            .map(str::to_owned),
        rotations: u32::from_be_bytes(*rotations),
        former: former.to_vec(),
    })
}

fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests;
