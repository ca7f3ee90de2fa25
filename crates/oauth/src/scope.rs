//! Scopes: what is asked for, what was granted, and which to ask for.
//!
//! RFC 6749 section 3.3 for the syntax; the MCP authorization specification, "Scope Selection
//! Strategy" and "Step-Up Authorization Flow", for the choice.

mod announced;

use std::fmt;

pub use announced::announced_scopes;

/// Most bytes of one scope list.
const MAX_BYTES: usize = 8 * 1024;
/// Most scopes of one list.
const MAX_SCOPES: usize = 256;
/// Scopes of OpenID Connect, which belong to no resource.
const OPENID: &[&str] = &[
    "openid",
    "profile",
    "email",
    "address",
    "phone",
    "offline_access",
];

/// A set of scopes, in the order in which they were named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Vec<String>);

/// Why a text is no list of scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// A character that RFC 6749 section 3.3 does not allow.
    #[error("a scope holds a character that no scope may hold")]
    Character,
    /// More than 256 scopes or 8 KiB.
    #[error("too many scopes")]
    TooMany,
}

/// What an authorization server may grant beyond what was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Growth {
    /// Nothing.
    #[default]
    Never,
    /// Other scopes of a resource that was asked for. Entra ID puts every permission that was ever
    /// consented to for a resource into its tokens, and writes scopes in either case.
    SameResource,
}

/// Why no more scopes are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepUpError {
    /// The token held every scope of the challenge already: to ask again would go round in a circle.
    #[error("the server asks for scopes that were granted already")]
    NothingNew,
    /// It was tried [`StepUp::ATTEMPTS`] times.
    #[error("the server asked for more scopes too often")]
    TooOften,
}

/// Counts how often more scopes were asked for on account of one operation.
#[derive(Clone, Copy, Debug, Default)]
pub struct StepUp {
    attempts: u8,
}

impl Scopes {
    /// Reads a space-delimited list. Repeated scopes count once.
    ///
    /// # Errors
    /// [`ScopeError`]; no part of a wrong list is used.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        if text.len() > MAX_BYTES {
            return Err(ScopeError::TooMany);
        }
        Self::of(text.split(' ').filter(|scope| !scope.is_empty()))
    }

    /// A set of these scopes.
    ///
    /// # Errors
    /// [`ScopeError`], also for an empty scope.
    pub fn of<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Result<Self, ScopeError> {
        let mut set = Self::default();
        for scope in scopes {
            if scope.is_empty() || !scope.bytes().all(allowed) {
                return Err(ScopeError::Character);
            }
            set.insert(scope);
            if set.0.len() > MAX_SCOPES {
                return Err(ScopeError::TooMany);
            }
        }
        Ok(set)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each scope, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether this very scope is among them.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|own| own == scope)
    }

    /// These and `offline_access`, if the server names it among its scopes, so that it gives a
    /// refresh token (SEP-2207). Resources do not name it; a server that does not gives none for it.
    #[must_use]
    pub fn lasting(mut self, supported_by_server: Option<&[String]>) -> Scopes {
        const OFFLINE: &str = "offline_access";
        if supported_by_server.is_some_and(|scopes| scopes.iter().any(|scope| scope == OFFLINE)) {
            self.insert(OFFLINE);
        }
        self
    }

    /// Whether every scope of `other` is among them.
    pub fn covers(&self, other: &Scopes) -> bool {
        other.iter().all(|scope| self.contains(scope))
    }

    /// These and those.
    #[must_use]
    pub fn union(&self, other: &Scopes) -> Scopes {
        let mut all = self.clone();
        other.iter().for_each(|scope| all.insert(scope));
        all
    }

    /// Whether a server that was asked for these may grant `granted`. Nothing asked leaves the
    /// choice to the server (RFC 6749 section 3.3). `RESOURCE/.default` asks for whatever was
    /// consented to for that resource (Microsoft identity platform).
    pub fn permit(&self, granted: &Scopes, growth: Growth) -> bool {
        self.is_empty()
            || granted
                .iter()
                .all(|scope| self.contains(scope) || self.implies(scope, growth))
    }

    /// The resources that the scopes name (Entra ID's fully qualified form), without repetition.
    /// Scopes of OpenID Connect name none; other bare scopes name Microsoft Graph, here `""`.
    pub fn resources(&self) -> Vec<&str> {
        let mut resources: Vec<&str> = Vec::new();
        for scope in self.iter().filter(|scope| !OPENID.contains(scope)) {
            let resource = resource(scope).unwrap_or("");
            if !resources
                .iter()
                .any(|known| known.eq_ignore_ascii_case(resource))
            {
                resources.push(resource);
            }
        }
        resources
    }

    fn implies(&self, scope: &str, growth: Growth) -> bool {
        self.iter().any(|asked| match growth {
            Growth::Never => {
                asked.ends_with("/.default")
                    && resource(scope).is_some()
                    && resource(asked) == resource(scope)
            }
            Growth::SameResource => {
                asked.eq_ignore_ascii_case(scope)
                    || match (resource(asked), resource(scope)) {
                        (Some(asked), Some(granted)) => asked.eq_ignore_ascii_case(granted),
                        // Microsoft Graph's scopes come back without their resource.
                        (Some(_), None) => OPENID.contains(&scope) || is_graph(asked),
                        (None, None) => !OPENID.contains(&asked) || OPENID.contains(&scope),
                        (None, Some(_)) => !OPENID.contains(&asked) && is_graph(scope),
                    }
            }
        })
    }

    fn insert(&mut self, scope: &str) {
        if !self.contains(scope) {
            self.0.push(scope.to_owned());
        }
    }
}

impl fmt::Display for Scopes {
    /// As it stands in a request: separated by single spaces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope)?;
        }
        Ok(())
    }
}

/// Which scopes to ask for: those of the challenge, else all that the resource's metadata names,
/// else none at all, which leaves it to the server.
pub fn select(challenged: Option<&Scopes>, supported: Option<&Scopes>) -> Scopes {
    challenged
        .filter(|scopes| !scopes.is_empty())
        .or(supported)
        .cloned()
        .unwrap_or_default()
}

impl StepUp {
    /// How often more scopes are asked for before it is given up: with the first, three sign-ins.
    pub const ATTEMPTS: u8 = 2;

    /// What to ask for after a challenge with `insufficient_scope`: what was asked for before and
    /// what the challenge names.
    ///
    /// # Errors
    /// [`StepUpError`]: the operation has failed for good.
    pub fn next(&mut self, previous: &Scopes, challenged: &Scopes) -> Result<Scopes, StepUpError> {
        if previous.covers(challenged) {
            return Err(StepUpError::NothingNew);
        }
        if self.attempts >= Self::ATTEMPTS {
            return Err(StepUpError::TooOften);
        }
        self.attempts += 1;
        Ok(previous.union(challenged))
    }
}

/// `%x21 / %x23-5B / %x5D-7E`
fn allowed(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

/// What stands before the last slash.
fn resource(scope: &str) -> Option<&str> {
    scope.rsplit_once('/').map(|(resource, _)| resource)
}

/// Whether a qualified scope, or what stands before its last slash, is one of Microsoft Graph.
fn is_graph(qualified: &str) -> bool {
    const HOSTS: &[&str] = &[
        "https://graph.microsoft.com",
        "https://graph.microsoft.us",
        "https://dod-graph.microsoft.us",
        "https://microsoftgraph.chinacloudapi.cn",
    ];
    HOSTS.iter().any(|host| {
        qualified
            .get(..host.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(host))
            && qualified
                .as_bytes()
                .get(host.len())
                .is_none_or(|next| *next == b'/')
    })
}

#[cfg(test)]
mod tests;
