//! Key Vault's `401`: which token it wants, and whether it may have it.

use http::{HeaderMap, header};
use url::Url;

use super::TokenRequest;
use crate::keys::KeyError;

/// `WWW-Authenticate: Bearer authorization="...", resource="..."` (RFC 9110 section 11.6.1).
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Challenge {
    authority: String,
    resource: String,
    claims: Option<String>,
}

impl Challenge {
    pub(super) fn read(head: &HeaderMap) -> Result<Self, KeyError> {
        let wrong = KeyError::Answer {
            what: "its challenge cannot be read",
        };
        head.get_all(header::WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .find_map(Self::parse)
            .ok_or(wrong)
    }

    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let mut challenge = Self::default();
        for (name, value) in parameters(rest)? {
            match name.to_ascii_lowercase().as_str() {
                "authorization" | "authorization_uri" => challenge.authority = value,
                "resource" => challenge.resource = value,
                "scope" if challenge.resource.is_empty() => {
                    value
                        .strip_suffix("/.default")?
                        .clone_into(&mut challenge.resource);
                }
                "claims" => challenge.claims = Some(value),
                _ => {}
            }
        }
        (!challenge.resource.is_empty()).then_some(challenge)
    }

    /// What to ask for, if the resource is the service that `vault` is part of. Anything else
    /// would make us hand a token for another service to whoever answered.
    pub(super) fn request(self, vault: &Url) -> Result<TokenRequest, KeyError> {
        let resource = Url::parse(&self.resource).map_err(|_| KeyError::ForeignResource)?;
        if !is_service_of(&resource, vault) {
            return Err(KeyError::ForeignResource);
        }
        Ok(TokenRequest {
            scope: format!("{}/.default", self.resource.trim_end_matches('/')),
            authority: self.authority,
            claims: self.claims,
        })
    }
}

/// `https://vault.azure.net` for `https://mine.vault.azure.net`: the same host, or a domain of
/// at least two labels above it.
fn is_service_of(resource: &Url, vault: &Url) -> bool {
    let (Some(url::Host::Domain(above)), Some(url::Host::Domain(host))) =
        (resource.host(), vault.host())
    else {
        // Addresses have no domains above them.
        return resource.origin() == vault.origin();
    };
    resource.scheme() == vault.scheme()
        && resource.port_or_known_default() == vault.port_or_known_default()
        && matches!(resource.path(), "" | "/")
        && (host == above
            || above.contains('.')
                && host
                    .strip_suffix(above)
                    .is_some_and(|rest| rest.ends_with('.')))
}

/// `name="value"` or `name=value`, separated by commas.
fn parameters(text: &str) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start_matches([' ', ',']);
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => quoted_string(quoted)?,
            None => {
                let end = after.find(',').unwrap_or(after.len());
                let (value, after) = after.split_at_checked(end)?;
                (value.trim().to_owned(), after)
            }
        };
        found.push((name.trim().to_owned(), value));
        rest = after.trim_start_matches([' ', ',']);
    }
    Some(found)
}

/// The text up to the closing quote, and what follows it.
fn quoted_string(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests;
