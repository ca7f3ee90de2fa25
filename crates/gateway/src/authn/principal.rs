//! Who calls, once that is known.

use std::sync::Arc;

use portcullis_policy::{PrincipalKind, SignIn};

/// Who calls. Built by authentication alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub(super) id: String,
    pub(super) key: Arc<str>,
    pub(super) kind: PrincipalKind,
    pub(super) groups: Vec<String>,
    pub(super) roles: Vec<String>,
    pub(super) authentication: &'static str,
    pub(super) signed_in: Option<SignedIn>,
}

/// What a principal's token says of the sign-in, as far as it matters after authentication. Holds
/// nothing of the token itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The configured name of the issuer.
    pub issuer: String,
    /// The issuer's id of the caller's organisation.
    pub tenant: Option<String>,
    /// The issuer's own id of the caller.
    pub subject: String,
    /// The application that the token was given to.
    pub client: Option<String>,
    /// Who acts for the caller, the outermost first (RFC 8693 `act`).
    pub actors: Vec<String>,
    /// What the token is good for.
    pub scopes: Vec<String>,
    /// The authentication contexts that were satisfied, by their configured names.
    pub contexts: Vec<String>,
    /// The class of the sign-in.
    pub acr: Option<String>,
    /// When the user signed in, in unix seconds.
    pub at: Option<i64>,
    /// The token's id.
    pub token: Option<String>,
    /// The SHA-256 of the token in base64url, by which it can be revoked when it has no id.
    pub digest: String,
    /// When the token was issued, in unix seconds.
    pub issued: Option<i64>,
    /// When it ends, in unix seconds.
    pub expires: i64,
    /// Whether the caller proved to hold the key that the token is bound to.
    pub bound: bool,
    /// Whether the client said that it can answer a claims challenge (Entra's `cp1`).
    pub challengeable: bool,
}

impl Principal {
    /// A principal without a token.
    pub(super) fn named(
        id: impl Into<String>,
        kind: PrincipalKind,
        authentication: &'static str,
    ) -> Self {
        let id = id.into();
        Self {
            key: key(kind, &id),
            id,
            kind,
            groups: Vec::new(),
            roles: Vec::new(),
            authentication,
            signed_in: None,
        }
    }

    /// The principal's name: unique among principals of its kind. With a token it is
    /// `<issuer>:<subject>`, which no API key's name can be while an issuer has that name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// User, agent or workload.
    pub fn kind(&self) -> PrincipalKind {
        self.kind
    }

    /// Groups it belongs to.
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// Roles it holds.
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// How it proved who it is: `api-key`, `token`, `certificate`, `loopback`, `stdio` or `none`.
    pub fn authentication(&self) -> &'static str {
        self.authentication
    }

    /// What its token says, if it showed one.
    pub fn signed_in(&self) -> Option<&SignedIn> {
        self.signed_in.as_ref()
    }

    /// The configured name of its token's issuer.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.signed_in.as_ref().map(|token| token.issuer.as_str())
    }

    /// The issuer's id of its organisation.
    pub(crate) fn tenant(&self) -> Option<&str> {
        self.signed_in.as_ref()?.tenant.as_deref()
    }

    /// Whether a challenge can make it sign in again: a person, through a client that understands it.
    /// Applications without a user never do.
    pub(crate) fn can_step_up(&self) -> bool {
        let token = self.signed_in.as_ref();
        self.kind == PrincipalKind::User && token.is_some_and(|token| token.challengeable)
    }

    /// What policies hear of the sign-in. `now` is in unix seconds.
    pub(crate) fn sign_in(&self, now: i64) -> SignIn<'_> {
        let Some(token) = &self.signed_in else {
            return SignIn::default();
        };
        let minutes = token.at.map(|at| {
            let seconds = now.saturating_sub(at).max(0);
            u32::try_from(seconds.saturating_add(59) / 60).unwrap_or(u32::MAX)
        });
        SignIn {
            client: token.client.as_deref(),
            actor: token.actors.first().map(String::as_str),
            scopes: &token.scopes,
            contexts: &token.contexts,
            acr: token.acr.as_deref(),
            minutes,
            bound: token.bound,
        }
    }

    /// Whoever runs a command of `portcullis` itself. No message can come from it.
    pub(crate) fn operator() -> Self {
        Self::named("portcullis", PrincipalKind::Workload, "operator")
    }

    /// A key that no two principals share.
    pub(crate) fn key(&self) -> &Arc<str> {
        &self.key
    }
}

pub(super) fn key(kind: PrincipalKind, id: &str) -> Arc<str> {
    format!("{}:{id}", kind_name(kind)).into()
}

/// The written form of a principal's kind.
pub(crate) fn kind_name(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::User => "user",
        PrincipalKind::Agent => "agent",
        PrincipalKind::Workload => "workload",
    }
}
