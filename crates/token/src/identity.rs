//! Who calls, as a validated token tells it.

use std::collections::BTreeSet;

use crate::claims::Claims;
use crate::rejection::Rejection;

/// Most actors in a chain of delegation (RFC 8693 section 4.1).
pub const MAX_ACTORS: usize = 4;

/// Most characters of a subject.
const MAX_SUBJECT: usize = 512;

/// Who calls, on whose behalf, with which permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name of the issuer's profile. With `subject` it names the principal.
    pub issuer: String,
    /// Entra's tenant or SPIFFE's trust domain.
    pub tenant: Option<String>,
    /// The stable key within the issuer: `sub`; for Entra `tid/oid`; for SPIFFE the SPIFFE ID.
    pub subject: String,
    /// A name to show to people. Whoever owns an account can choose it: never authorise by it.
    pub display_name: Option<String>,
    /// What the subject is.
    pub kind: PrincipalKind,
    /// The part an agent plays, if any does.
    pub agent: Option<AgentPart>,
    /// The client application that got the token: `client_id`, `azp` or `appid`.
    pub client: Option<String>,
    /// The application that an Entra agent was made from. For the log: too broad to authorise by.
    pub parent_application: Option<String>,
    /// Who acts for the subject, the one that calls first. Authorise by the subject and the first
    /// actor alone.
    pub actors: Vec<Actor>,
    /// Delegated permissions.
    pub scopes: BTreeSet<String>,
    /// Roles.
    pub roles: BTreeSet<String>,
    /// Groups.
    pub groups: Groups,
    /// Whether the subject is a guest in its tenant.
    pub guest: bool,
    /// The authentication context class reference (`acr`).
    pub acr: Option<String>,
    /// Entra's authentication contexts (`acrs`).
    pub contexts: BTreeSet<String>,
    /// Authentication methods. A hint: not every issuer's `amr` proves something, and Entra's v2.0
    /// tokens have none.
    pub amr: BTreeSet<String>,
    /// When the user signed in, in seconds since 1970.
    pub auth_time: Option<u64>,
    /// When the token was issued, in seconds since 1970.
    pub issued: Option<u64>,
    /// When the token ends, in seconds since 1970.
    pub expires: u64,
    /// The token's id: `jti`, or Entra's `uti`.
    pub token_id: Option<String>,
    /// What the token is bound to; that the caller has it is checked.
    pub binding: Binding,
    /// Whether the client can handle a claims challenge (Entra's `cp1`).
    pub can_be_challenged: bool,
}

/// What a subject is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// A person.
    User,
    /// A software agent with an identity of its own.
    Agent,
    /// Another program: an application without a user, a service, a SPIFFE workload.
    Workload,
}

/// The three shapes of an agent's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AgentPart {
    /// An agent acts for a human: the human is the subject, the agent the first actor.
    ForUser,
    /// An agent acts for itself.
    Autonomous,
    /// An agent acts through a user account of its own: the account is the subject, the agent the
    /// first actor.
    OwnAccount,
}

/// One link of the chain of delegation (RFC 8693 section 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Its `iss`, where it differs from the token's.
    pub issuer: Option<String>,
    /// Its `sub`, or the client id of an agent.
    pub subject: String,
}

/// The groups of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Groups {
    /// All of them.
    Listed(BTreeSet<String>),
    /// Too many for a token: ask the directory at [`crate::entra::Cloud::groups_url`], or refuse.
    Overage,
}

/// What a token is bound to (RFC 7800). Both may be set; then both are demanded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// `cnf.jkt`: the thumbprint of the key of DPoP proofs (RFC 9449 section 6).
    pub key_thumbprint: Option<String>,
    /// `cnf.x5t#S256`: the digest of the client certificate's DER, in base64url (RFC 8705).
    pub certificate_digest: Option<String>,
}

impl Binding {
    /// Whether the token is bound to anything.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.key_thumbprint.is_some() || self.certificate_digest.is_some()
    }

    /// Reads `cnf`.
    pub(crate) fn read(claims: &Claims<'_>) -> Result<Binding, Rejection> {
        let Some(confirmation) = claims.object("cnf")? else {
            return Ok(Binding::default());
        };
        let text = |name| Ok(confirmation.text(name)?.map(std::borrow::Cow::into_owned));
        let binding = Binding {
            key_thumbprint: text("jkt")?,
            certificate_digest: text("x5t#S256")?,
        };
        // A binding by other means (`jwk`, `kid`) is a binding that we would not demand.
        if ["jwk", "jwe", "kid", "jku"]
            .iter()
            .any(|name| confirmation.has(name))
            || !binding.is_bound()
        {
            return Err(Rejection::BindingUnsupported);
        }
        Ok(binding)
    }
}

/// Reads `act`, outermost first.
pub(crate) fn actors(claims: &Claims<'_>) -> Result<Vec<Actor>, Rejection> {
    let malformed = Rejection::ActorMalformed;
    let mut chain = Vec::new();
    let mut next = claims.object("act").map_err(|_| malformed)?;
    while let Some(actor) = next {
        if chain.len() == MAX_ACTORS {
            return Err(Rejection::ActorChainTooDeep);
        }
        let text = |name| match actor.text(name) {
            Ok(value) => Ok(value.map(std::borrow::Cow::into_owned)),
            Err(_) => Err(malformed),
        };
        let subject = text("sub")?.ok_or(malformed)?;
        chain.push(Actor {
            issuer: text("iss")?,
            subject: plain(subject).ok_or(malformed)?,
        });
        next = actor.object("act").map_err(|_| malformed)?;
    }
    Ok(chain)
}

/// A subject that can be a key and be logged: not empty, not too long, no control characters.
pub(crate) fn plain(text: String) -> Option<String> {
    let fits = !text.is_empty()
        && text.chars().count() <= MAX_SUBJECT
        && !text.chars().any(char::is_control);
    fits.then_some(text)
}

/// The first of these claims that is a string, cut and cleaned for showing.
pub(crate) fn display_name(claims: &Claims<'_>, names: &[&str]) -> Option<String> {
    let said = names
        .iter()
        .find_map(|name| claims.text(name).ok().flatten())?;
    let shown: String = said
        .chars()
        .filter(|c| !c.is_control() && !is_format(*c))
        .take(128)
        .collect();
    (!shown.is_empty()).then_some(shown)
}

/// Characters that change how others are shown: zero-width and direction marks.
fn is_format(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests;
