//! What a refused host is told to do: `WWW-Authenticate`.
//!
//! Where tokens are taken, a 401 or 403 names the metadata of the resource (RFC 9728 section 5.1) and
//! every scope that is needed. A stronger sign-in is demanded in the words of the caller's own issuer:
//! Entra's claims challenge, or RFC 9470.

use std::collections::{BTreeMap, HashMap};

use portcullis_broker::Needed;
use portcullis_config::{self as config, Config, IssuerKind};
use portcullis_identity::{Rejected, Scheme};
use portcullis_oauth::announced_scopes;
use portcullis_policy::StepUp;
use portcullis_token::challenge::{self, Challenge, EntraSignIn, Resource};
use portcullis_token::{Algorithm, Rejection, dpop};

use super::principal::{Principal, SignedIn};
use crate::refusal::{Reason, Refusal};

/// What every challenge of one configuration says.
#[derive(Debug)]
pub(crate) struct Challenges {
    profiles: HashMap<String, Door>,
    issuers: HashMap<String, Issuer>,
}

/// What a host is told at one endpoint.
#[derive(Debug)]
struct Door {
    /// Where the metadata of the endpoint is. `None`: no token is taken.
    metadata_url: Option<String>,
    scopes: Vec<String>,
    /// Whether only bound tokens are taken.
    bound: bool,
}

/// How one issuer is asked for a stronger sign-in.
#[derive(Debug)]
struct Issuer {
    /// What the issuer calls the contexts that policies name.
    contexts: BTreeMap<String, String>,
    entra: Option<Entra>,
}

#[derive(Debug)]
struct Entra {
    cloud: portcullis_token::entra::Cloud,
    directory: String,
    client: String,
}

impl Challenges {
    pub(crate) fn new(config: &Config) -> Self {
        let profiles = config
            .profiles
            .iter()
            .map(|(name, profile)| {
                let resource = config.resource(profile);
                let taken: Vec<&config::Issuer> = config
                    .authn
                    .issuers
                    .iter()
                    .filter(|(issuer, _)| profile.takes(issuer))
                    .map(|(_, issuer)| issuer)
                    .collect();
                let takes_tokens = !taken.is_empty();
                let door = Door {
                    metadata_url: resource
                        .as_deref()
                        .filter(|_| takes_tokens)
                        .and_then(metadata_url),
                    scopes: announced_scopes(
                        &profile.scopes,
                        resource.as_deref(),
                        taken.iter().copied(),
                    ),
                    bound: takes_tokens
                        && taken
                            .iter()
                            .all(|issuer| issuer.bound_tokens == config::BoundTokens::Required),
                };
                (name.clone(), door)
            })
            .collect();
        let issuers = config
            .authn
            .issuers
            .iter()
            .map(|(name, issuer)| (name.clone(), Issuer::new(issuer)))
            .collect();
        Self { profiles, issuers }
    }

    /// The values of `WWW-Authenticate` that go with a refusal at the endpoint `profile`. Empty where a
    /// refusal asks for nothing.
    pub(crate) fn of(
        &self,
        refusal: &Refusal,
        profile: Option<&str>,
        principal: Option<&Principal>,
        scheme: Scheme,
    ) -> Vec<String> {
        let door = profile.and_then(|name| self.profiles.get(name));
        let resource = door.and_then(|door| {
            Some(Resource {
                metadata_url: door.metadata_url.as_deref()?,
                scopes: &door.scopes,
            })
        });
        let rejection = refusal.rejected().and_then(Rejected::rejection);
        let challenges = match (refusal.reason(), resource) {
            (Reason::CredentialMissing, Some(resource)) => {
                first(&resource, door.is_some_and(|door| door.bound), scheme, None)
            }
            (Reason::CredentialInvalid | Reason::CredentialRevoked, Some(resource)) => first(
                &resource,
                door.is_some_and(|door| door.bound),
                scheme,
                Some(rejection.unwrap_or(Rejection::TokenMalformed)),
            ),
            (Reason::ScopeInsufficient, Some(resource)) => {
                vec![challenge::insufficient_scope(
                    scheme_name(scheme),
                    &resource,
                )]
            }
            (Reason::StepUpRequired, Some(resource)) => {
                match (refusal.step_up(), principal.and_then(Principal::signed_in)) {
                    (Some(step_up), Some(token)) => self.step_up(&resource, step_up, token, scheme),
                    _ => Vec::new(),
                }
            }
            (Reason::ClaimsRequired, Some(resource)) => {
                match (refusal.needed(), principal.and_then(Principal::signed_in)) {
                    (Some(Needed::Challenge { claims }), Some(token)) => {
                        self.claims(&resource, claims, token)
                    }
                    _ => Vec::new(),
                }
            }
            // RFC 6750 section 3.1: no error code when no credential was sent.
            (Reason::CredentialMissing, None) => vec![plain()],
            (Reason::CredentialInvalid | Reason::CredentialRevoked, None) => {
                vec![plain().with("error", "invalid_token")]
            }
            _ => Vec::new(),
        };
        challenges.iter().map(ToString::to_string).collect()
    }

    fn step_up(
        &self,
        resource: &Resource<'_>,
        step_up: &StepUp,
        token: &SignedIn,
        scheme: Scheme,
    ) -> Vec<Challenge> {
        let issuer = self.issuers.get(&token.issuer);
        let ids: Vec<String> = step_up
            .contexts
            .iter()
            .map(|name| {
                let known = issuer.and_then(|issuer| issuer.contexts.get(name));
                known.unwrap_or(name).clone()
            })
            .collect();
        let Some(entra) = issuer.and_then(|issuer| issuer.entra.as_ref()) else {
            let age = step_up.max_age.map(u64::from);
            let standard =
                challenge::insufficient_authentication(scheme_name(scheme), resource, &ids, age);
            return vec![standard];
        };
        // Entra takes one context at a time; the next call asks for the next one.
        let challenge = entra.at(token, |sign_in| {
            let context = ids.first()?;
            Some(challenge::entra_context(sign_in, context))
        });
        with_metadata(challenge, resource)
    }

    /// What the issuer demanded when a token was to be exchanged, in its own words.
    fn claims(&self, resource: &Resource<'_>, claims: &str, token: &SignedIn) -> Vec<Challenge> {
        let issuer = self.issuers.get(&token.issuer);
        let Some(entra) = issuer.and_then(|issuer| issuer.entra.as_ref()) else {
            return Vec::new();
        };
        let challenge = entra.at(token, |sign_in| challenge::entra_claims(sign_in, claims));
        with_metadata(challenge, resource)
    }
}

impl Entra {
    /// A challenge that says where the holder of this token signs in.
    fn at(
        &self,
        token: &SignedIn,
        challenge: impl FnOnce(&EntraSignIn<'_>) -> Option<Challenge>,
    ) -> Option<Challenge> {
        let tenant = token.tenant.as_deref().unwrap_or(&self.directory);
        let authorization_url = self.cloud.authorization_url(tenant);
        challenge(&EntraSignIn {
            tenant,
            authorization_url: &authorization_url,
            client_id: &self.client,
        })
    }
}

/// A host that knows nothing of Entra still finds the metadata.
fn with_metadata(challenge: Option<Challenge>, resource: &Resource<'_>) -> Vec<Challenge> {
    let general = challenge::bearer(resource, None);
    challenge.into_iter().chain([general]).collect()
}

impl Issuer {
    fn new(issuer: &config::Issuer) -> Self {
        let entra = match &issuer.kind {
            IssuerKind::Entra(entra) => Some(Entra {
                cloud: portcullis_identity::cloud(entra),
                directory: entra.directory.clone(),
                client: issuer
                    .client
                    .as_ref()
                    .map(|client| client.id.clone())
                    .unwrap_or_default(),
            }),
            IssuerKind::Oidc { .. } | IssuerKind::Spiffe(_) => None,
        };
        Self {
            contexts: issuer.authentication_contexts.clone(),
            entra,
        }
    }
}

fn scheme_name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Bearer => "Bearer",
        Scheme::Dpop => "DPoP",
    }
}

fn plain() -> Challenge {
    Challenge::new("Bearer").with("realm", "portcullis")
}

/// What a host without a good token is told.
fn first(
    resource: &Resource<'_>,
    bound: bool,
    scheme: Scheme,
    cause: Option<Rejection>,
) -> Vec<Challenge> {
    let algorithms: &[Algorithm] = &dpop::ALGORITHMS;
    match (bound, scheme) {
        (true, _) | (false, Scheme::Dpop) => vec![challenge::dpop(resource, algorithms, cause)],
        (false, Scheme::Bearer) => vec![challenge::bearer(resource, cause)],
    }
}

/// RFC 9728 section 3.1: the well-known path stands between host and path.
fn metadata_url(resource: &str) -> Option<String> {
    let url = url::Url::parse(resource).ok()?;
    let path = portcullis_oauth::resource_metadata_path(&url);
    url.join(&path).ok().map(String::from)
}

#[cfg(test)]
mod tests;
