//! Connecting accounts at servers: the pages of the front over the broker.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use portcullis_broker::{Broker, Caller, Needed, SignInError, Visit};
use portcullis_config::{AuthMethod, Config, Server, TokenGrant, Transport};
use portcullis_front::{Connected, GrantBegun, GrantError, GrantRequest, Grants, Offer, Person};
use portcullis_token::identity::PrincipalKind;
use secrecy::SecretString;
use url::Url;

use crate::authn::Principal;

/// What the broker does for the pages.
pub(crate) struct Connections {
    broker: Arc<Broker>,
    offers: BTreeMap<String, Offer>,
}

impl Connections {
    /// `None` where nobody connects an account anywhere.
    pub(crate) fn new(config: &Config, broker: &Arc<Broker>) -> Option<Self> {
        let servers = config.servers.iter();
        let offers: BTreeMap<String, Offer> = servers
            .filter_map(|(name, server)| Some((name.clone(), offer(name, server)?)))
            .collect();
        (!offers.is_empty()).then(|| Self {
            broker: Arc::clone(broker),
            offers,
        })
    }
}

/// Whether users sign in at a server of this configuration.
pub(crate) fn is_offered(config: &Config) -> bool {
    let mut servers = config.servers.iter();
    servers.any(|(name, server)| offer(name, server).is_some())
}

fn offer(name: &str, server: &Server) -> Option<Offer> {
    let AuthMethod::Token(source) = &server.auth.method else {
        return None;
    };
    let (Transport::Http { url, .. } | Transport::OpenApi { url, .. }) = &server.transport else {
        return None;
    };
    let host = Url::parse(url).ok()?.host_str()?.to_owned();
    (source.grant == TokenGrant::UserGrant).then(|| Offer {
        title: name.to_owned(),
        host,
        scopes: source.scopes.clone(),
    })
}

/// A principal as the pages name it.
pub(crate) fn person(principal: &Principal) -> Person {
    let token = principal.signed_in();
    let tenant = principal.tenant();
    let subject = token.map_or(principal.id(), |token| token.subject.as_str());
    // Entra's users are known by tenant and object id.
    let in_tenant = tenant.and_then(|tenant| subject.strip_prefix(tenant)?.strip_prefix('/'));
    Person {
        principal: principal.key().to_string(),
        issuer: principal.issuer().map(str::to_owned),
        tenant: tenant.map(str::to_owned),
        subject: in_tenant.unwrap_or(subject).to_owned(),
        name: principal.id().to_owned(),
        issued: token.and_then(|token| token.issued),
    }
}

/// The person as the broker knows it: by kind and name, which make the key of a principal.
fn caller(person: &Person) -> Option<Caller<'_>> {
    let (kind, principal) = person.principal.split_once(':')?;
    let kind = match kind {
        "user" => PrincipalKind::User,
        "agent" => PrincipalKind::Agent,
        "workload" => PrincipalKind::Workload,
        _ => return None,
    };
    Some(Caller {
        tenant: person.tenant.as_deref().unwrap_or_default(),
        principal,
        kind,
        issuer: person.issuer.as_deref(),
        subject: None,
        scopes: &[],
        client: None,
        actors: &[],
        token_id: None,
        issued: person.issued,
        can_be_challenged: false,
    })
}

#[async_trait]
impl Grants for Connections {
    fn offer(&self, server: &str) -> Option<Offer> {
        self.offers.get(server).cloned()
    }

    fn client_document(&self) -> Option<String> {
        self.broker.client_document()
    }

    async fn begin(&self, request: GrantRequest<'_>) -> Result<GrantBegun, GrantError> {
        let caller = caller(request.person).ok_or(GrantError::Refused("person-unknown"))?;
        let browser = SecretString::from(request.browser);
        let visit = Visit {
            browser: &browser,
            return_to: None,
            scopes: request.scopes,
            claims: None,
        };
        let begun = self.broker.begin(request.server, &caller, &visit).await;
        let begun = begun.map_err(|error| refused(&error))?;
        Ok(GrantBegun { url: begun.url })
    }

    async fn complete(&self, query: &str, browser: &str) -> Result<Connected, GrantError> {
        let browser = SecretString::from(browser);
        let completed = self.broker.complete(query, &browser).await;
        let completed = completed.map_err(|error| refused(&error))?;
        Ok(Connected {
            server: completed.server,
            principal: completed.principal,
        })
    }
}

fn refused(error: &SignInError) -> GrantError {
    match error {
        SignInError::Needed(Needed::Unavailable) | SignInError::Vault(_) => {
            GrantError::Unavailable(error.code())
        }
        _ => GrantError::Refused(error.code()),
    }
}

#[cfg(test)]
mod tests;
