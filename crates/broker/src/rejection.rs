//! What follows when a server does not accept its credential.

use http::StatusCode;
use portcullis_config::TokenGrant;
use portcullis_oauth::{Scopes, StepUp};
use portcullis_token::challenge::Challenge;
use sha2::{Digest as _, Sha256};

use crate::broker::Broker;
use crate::caller::Caller;
use crate::credential::Credential;
use crate::needed::{Needed, Reason};
use crate::server::{Remembered, Server, is_about_tokens, remembered_as};

/// So long, in seconds, after a credential was renewed because the server refused it, another
/// refusal is believed.
const PAUSE: u64 = 60;

/// Requests for more scopes that are not further apart, in seconds, count as one operation.
const OPERATION: u64 = 600;

/// A server's refusal.
#[derive(Clone, Copy, Debug)]
pub struct Rejected<'a> {
    /// The status: 401 or 403.
    pub status: StatusCode,
    /// What `WWW-Authenticate` says.
    pub challenges: &'a [Challenge],
}

/// What to do about a refusal.
#[derive(Debug)]
pub enum Retry {
    /// Call once more, with this credential.
    With(Credential),
    /// Something is needed before a call can succeed.
    Needed(Needed),
    /// Nothing: it is the server's own decision about this call, or the server gets no credential
    /// from here.
    No,
}

impl Broker {
    /// Says what to do when the server answered `rejected` to a call with `used`. Ask it for each
    /// refusal, and call at most twice more on account of one operation; how often a server may
    /// ask for more scopes is counted here.
    pub async fn rejected(
        &self,
        server: &str,
        caller: &Caller<'_>,
        used: &Credential,
        rejected: &Rejected<'_>,
    ) -> Retry {
        let server = match self.server(server) {
            Ok(Some(server)) => server,
            Ok(None) => return Retry::No,
            Err(needed) => return Retry::Needed(needed),
        };
        if let Err(needed) = self.revocations.check(&server.parts.name, caller).await {
            return Retry::Needed(needed);
        }
        let about_tokens = |challenge: &&Challenge| is_about_tokens(challenge);
        let bearers = || rejected.challenges.iter().filter(about_tokens);
        let of_error = |name| bearers().find(|one| one.parameter("error") == Some(name));
        if let Some(challenge) = of_error("insufficient_scope") {
            return self.step_up(server, caller, used, challenge).await;
        }
        if let Some(claims) = of_error("insufficient_claims").and_then(Challenge::claims) {
            return Retry::Needed(claims_needed(server, caller, claims));
        }
        if rejected.status != StatusCode::UNAUTHORIZED {
            return Retry::No;
        }
        // It had its nonce and is not content with it; another token would change nothing.
        if used.is_bound() && of_error("use_dpop_nonce").is_some() {
            return Retry::No;
        }
        server.parts.heed(rejected.challenges);
        let retry = self.renew(server, caller, used).await;
        let is_over = matches!(
            &retry,
            Retry::Needed(
                Needed::SignIn { .. }
                    | Needed::Refused {
                        reason: Reason::Rejected
                    }
            )
        );
        // Renewed, a grant has no more scopes than before. A sign-in can ask for them.
        match bearers().find(|challenge| may_grant_more(server, used, challenge)) {
            Some(challenge) if is_over => self.step_up(server, caller, used, challenge).await,
            _ => retry,
        }
    }

    /// Gets another credential in the place of one that the server refused, once in a while.
    async fn renew(&self, server: &Server, caller: &Caller<'_>, used: &Credential) -> Retry {
        let parts = &server.parts;
        let name = remembered_name(server, caller);
        let known = parts.memory.of(&name);
        let now = parts.now();
        let is_again = known
            .rejected
            .is_some_and(|at| now < at.saturating_add(PAUSE));
        let not = Some(used.token().clone());
        let renewed = match &parts.setup.source.grant {
            // Others may have renewed it meanwhile; only another renewal is refused.
            _ if is_again => match self.credential(&parts.name, caller).await {
                Ok(Some(other)) if !other.token().is(used.token()) => return Retry::With(other),
                Ok(_) => return Retry::Needed(Needed::refused(Reason::Rejected)),
                Err(needed) => return Retry::Needed(needed),
            },
            TokenGrant::ClientCredentials => server.own(not).await,
            TokenGrant::UserGrant => server.granted(caller, not, &self.revocations).await,
            _ => match parts.forget_exchanged(caller, used).await {
                Ok(_) => parts.exchanged(caller).await,
                Err(needed) => Err(needed),
            },
        };
        let rejected = Some(now);
        parts
            .memory
            .remember(&name, Remembered { rejected, ..known });
        match renewed {
            Ok(credential) => Retry::With(credential),
            Err(needed) => Retry::Needed(needed),
        }
    }

    /// The union of what the credential has, what the challenge names and what the challenges
    /// before it named, within what the configuration allows (MCP, "Step-Up Authorization Flow";
    /// SEP-2350).
    async fn step_up(
        &self,
        server: &Server,
        caller: &Caller<'_>,
        used: &Credential,
        challenge: &Challenge,
    ) -> Retry {
        let parts = &server.parts;
        let refuse = || {
            parts.tell_scope_refused();
            Retry::Needed(Needed::refused(Reason::Scope))
        };
        let text = challenge.parameter("scope").unwrap_or_default();
        let had = Scopes::of(used.scopes().iter().map(String::as_str));
        let (Ok(named), Ok(had)) = (Scopes::parse(text), had) else {
            return refuse();
        };
        if named.is_empty() {
            return Retry::No;
        }
        let bound = match parts.setup.source.grant {
            TokenGrant::ClientCredentials | TokenGrant::UserGrant => parts.configured_scopes(),
            _ => parts.exchange_bound(caller),
        };
        let is_open = matches!(
            parts.setup.source.grant,
            TokenGrant::ClientCredentials | TokenGrant::UserGrant
        );
        match bound {
            Err(needed) => return Retry::Needed(needed),
            // Without a configured list the server says what it needs.
            Ok(bound) if bound.is_empty() && is_open => {}
            Ok(bound) if bound.covers(&named) => {}
            Ok(_) => return refuse(),
        }
        let name = remembered_name(server, caller);
        let mut known = parts.memory.of(&name);
        let now = parts.now();
        let is_new = now >= known.stepped.saturating_add(OPERATION);
        if is_new {
            known.steps = StepUp::default();
            known.with = None;
        }
        known.stepped = now;
        let is_granted = parts.setup.source.grant == TokenGrant::UserGrant;
        let scope_needed = |scopes: &Scopes| {
            Retry::Needed(Needed::Scope {
                server: parts.name.clone(),
                scopes: named_at_server(scopes),
            })
        };
        let with = Some(digest(used));
        // The person has been asked, and has not signed in since.
        if is_granted && known.with == with && known.scopes.covers(&named) && !had.covers(&named) {
            return scope_needed(&known.scopes);
        }
        let Ok(mut all) = known.steps.next(&had, &named) else {
            return Retry::Needed(Needed::refused(Reason::Scope));
        };
        if is_granted && !is_new {
            all = all.union(&known.scopes);
        }
        known.with = with;
        known.scopes = all.clone();
        parts.memory.remember(&name, known);
        if is_granted {
            return scope_needed(&all);
        }
        match self.credential(&parts.name, caller).await {
            Ok(Some(other)) if !other.token().is(used.token()) => Retry::With(other),
            Ok(_) => Retry::Needed(Needed::refused(Reason::Scope)),
            Err(needed) => Retry::Needed(needed),
        }
    }
}

/// A sign-in asks for a refresh token anyway, and no server names that among what it needs.
fn named_at_server(scopes: &Scopes) -> Vec<String> {
    let scopes = scopes.iter().filter(|scope| *scope != "offline_access");
    scopes.map(str::to_owned).collect()
}

/// Whether a user's sign-in would bring scopes that the challenge names and the credential lacks.
fn may_grant_more(server: &Server, used: &Credential, challenge: &Challenge) -> bool {
    let named = challenge.parameter("scope").map(Scopes::parse);
    let had = Scopes::of(used.scopes().iter().map(String::as_str));
    let (Some(Ok(named)), Ok(had)) = (named, had) else {
        return false;
    };
    let bound = server.parts.configured_scopes();
    server.parts.setup.source.grant == TokenGrant::UserGrant
        && !had.covers(&named)
        && bound.is_ok_and(|bound| bound.is_empty() || bound.covers(&named))
}

/// Tells tokens apart without keeping them.
fn digest(used: &Credential) -> [u8; 32] {
    Sha256::digest(used.token().expose()).into()
}

/// Whose refusals are counted: the gateway's own are the same for all callers.
fn remembered_name(server: &Server, caller: &Caller<'_>) -> String {
    match server.parts.setup.source.grant {
        TokenGrant::ClientCredentials => String::new(),
        _ => remembered_as(caller.tenant, caller.principal),
    }
}

fn claims_needed(server: &Server, caller: &Caller<'_>, claims: String) -> Needed {
    match server.parts.setup.source.grant {
        TokenGrant::UserGrant => Needed::SignIn {
            server: server.parts.name.clone(),
        },
        TokenGrant::OnBehalfOf { .. } if caller.can_be_challenged => Needed::Challenge { claims },
        _ => Needed::refused(Reason::InteractionRequired),
    }
}
