//! `WWW-Authenticate`: what a client is told to do next (RFC 9110 section 11.6.1).

mod read;

use std::borrow::Cow;
use std::fmt;

use portcullis_mcp::json::{self, JsonKind, Limits, quote};

use crate::algorithm::Algorithm;
use crate::encoding::base64;
use crate::rejection::Rejection;

pub use read::{ChallengeError, MAX_HEADER_BYTES, parse};

/// Longest claims request that is relayed, in bytes of JSON.
const MAX_CLAIMS: usize = 4 * 1024;

/// One challenge. `Display` writes it as a header value that holds nothing but printable ASCII,
/// whatever the parameters hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    scheme: String,
    token68: Option<String>,
    parameters: Vec<(String, String)>,
}

/// What every challenge tells about the resource.
#[derive(Clone, Copy, Debug)]
pub struct Resource<'a> {
    /// Where its metadata is (RFC 9728 section 5.1).
    pub metadata_url: &'a str,
    /// All scopes that the operation needs.
    pub scopes: &'a [String],
}

/// Where Entra's users sign in for this resource.
#[derive(Clone, Copy, Debug)]
pub struct EntraSignIn<'a> {
    /// The tenant's GUID.
    pub tenant: &'a str,
    /// [`crate::entra::Cloud::authorization_url`] of the tenant.
    pub authorization_url: &'a str,
    /// The client id of the gateway's own application.
    pub client_id: &'a str,
}

impl Challenge {
    /// A challenge without parameters. Letters that no scheme has are left out.
    #[must_use]
    pub fn new(scheme: &str) -> Challenge {
        Challenge {
            scheme: scheme.chars().filter(|c| read::is_token_char(*c)).collect(),
            token68: None,
            parameters: Vec::new(),
        }
    }

    /// The same with one more parameter. A parameter that is there already is replaced: each may
    /// stand only once.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Challenge {
        let name: String = name
            .chars()
            .filter(|c| read::is_token_char(*c))
            .map(|c| c.to_ascii_lowercase())
            .collect();
        self.parameters.retain(|(other, _)| *other != name);
        self.parameters.push((name, value.into()));
        self
    }

    /// The scheme, as written.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Whether it is of this scheme; case does not matter.
    #[must_use]
    pub fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// The single value that some schemes have instead of parameters.
    #[must_use]
    pub fn token68(&self) -> Option<&str> {
        self.token68.as_deref()
    }

    /// A parameter, by its lower-case name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    }

    /// Every parameter, with lower-case names, in order.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The JSON of Entra's `claims` parameter, which is base64 of either alphabet.
    #[must_use]
    pub fn claims(&self) -> Option<String> {
        use base64::Engine as _;
        use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
        let text = self.parameter("claims")?.trim_end_matches('=');
        let bytes = STANDARD_NO_PAD
            .decode(text)
            .or_else(|_| URL_SAFE_NO_PAD.decode(text))
            .ok()?;
        claims_object(&bytes).map(str::to_owned)
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.scheme)?;
        if let Some(value) = &self.token68 {
            return write!(f, " {value}");
        }
        for (index, (name, value)) in self.parameters.iter().enumerate() {
            let separator = if index == 0 { " " } else { ", " };
            write!(f, "{separator}{name}=\"{}\"", quoted(value))?;
        }
        Ok(())
    }
}

/// A value as it may stand between quotes: `"` and `\` escaped, everything but printable ASCII
/// replaced, so that no value ends its string or its header.
fn quoted(value: &str) -> Cow<'_, str> {
    if value
        .chars()
        .all(|c| matches!(c, ' '..='~') && c != '"' && c != '\\')
    {
        return Cow::Borrowed(value);
    }
    let mut out = String::with_capacity(value.len() + 2);
    for c in value.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            _ => out.push('?'),
        }
    }
    Cow::Owned(out)
}

/// The challenge of a 401: no token yet (`cause` is `None`), or one that is refused (RFC 6750
/// section 3).
#[must_use]
pub fn bearer(resource: &Resource<'_>, cause: Option<Rejection>) -> Challenge {
    with_cause(describe("Bearer", resource), cause)
}

/// The challenge of a 401 to a client that may or must use DPoP (RFC 9449 section 7.1). The nonce
/// itself goes into a header `DPoP-Nonce`.
#[must_use]
pub fn dpop(
    resource: &Resource<'_>,
    algorithms: &[Algorithm],
    cause: Option<Rejection>,
) -> Challenge {
    let names: Vec<_> = algorithms.iter().map(|name| name.as_str()).collect();
    with_cause(describe("DPoP", resource), cause).with("algs", names.join(" "))
}

/// The challenge of a 403: `resource.scopes` are needed (RFC 6750 section 3.1). `scheme` is the one
/// that the client used, `Bearer` or `DPoP`.
#[must_use]
pub fn insufficient_scope(scheme: &str, resource: &Resource<'_>) -> Challenge {
    describe(scheme, resource).with("error", "insufficient_scope")
}

/// The challenge of a 401: sign in again, by one of these contexts, or because the last sign-in is
/// more than `max_age` seconds ago (RFC 9470 section 3).
#[must_use]
pub fn insufficient_authentication(
    scheme: &str,
    resource: &Resource<'_>,
    acr_values: &[String],
    max_age: Option<u64>,
) -> Challenge {
    let mut challenge =
        describe(scheme, resource).with("error", "insufficient_user_authentication");
    if !acr_values.is_empty() {
        challenge = challenge.with("acr_values", acr_values.join(" "));
    }
    match max_age {
        Some(seconds) => challenge.with("max_age", seconds.to_string()),
        None => challenge,
    }
}

/// Entra's claims challenge of a 401 for an authentication context, such as `c1`. It does not name
/// the resource's metadata: send [`bearer`] as a second header.
#[must_use]
pub fn entra_context(sign_in: &EntraSignIn<'_>, context: &str) -> Challenge {
    let claims = format!(
        r#"{{"access_token":{{"acrs":{{"essential":true,"value":{}}}}}}}"#,
        quote(context)
    );
    entra(sign_in, &claims).with("cc_type", "authcontext")
}

/// Entra's claims challenge of a 401 that relays what Entra demanded: the `claims` of its
/// `interaction_required`. `None` when that is not a strict JSON object of at most 4 KiB.
#[must_use]
pub fn entra_claims(sign_in: &EntraSignIn<'_>, claims: &str) -> Option<Challenge> {
    claims_object(claims.as_bytes()).map(|claims| entra(sign_in, claims))
}

fn entra(sign_in: &EntraSignIn<'_>, claims: &str) -> Challenge {
    Challenge::new("Bearer")
        .with("realm", sign_in.tenant)
        .with("authorization_uri", sign_in.authorization_url)
        .with("client_id", sign_in.client_id)
        .with("error", "insufficient_claims")
        .with("claims", base64(claims.as_bytes()))
}

fn claims_object(bytes: &[u8]) -> Option<&str> {
    let limits = Limits {
        max_bytes: MAX_CLAIMS,
        max_depth: 16,
    };
    json::check(bytes, &limits)
        .ok()
        .filter(|text| json::kind(text) == JsonKind::Object)
}

fn describe(scheme: &str, resource: &Resource<'_>) -> Challenge {
    let challenge = Challenge::new(scheme).with("resource_metadata", resource.metadata_url);
    if resource.scopes.is_empty() {
        challenge
    } else {
        challenge.with("scope", resource.scopes.join(" "))
    }
}

fn with_cause(challenge: Challenge, cause: Option<Rejection>) -> Challenge {
    match cause {
        None => challenge,
        Some(cause) => challenge
            .with("error", cause.oauth_error())
            .with("error_description", cause.text()),
    }
}

#[cfg(test)]
mod tests;
