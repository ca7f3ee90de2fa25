//! What Entra answers: metadata, keys, and tokens for the registration itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_identity::cloud;
use portcullis_oauth::{
    Asked, AuthorizationServer, Clock as _, Discovery, DiscoverySettings, IssuerQuery, KeyCache,
    KeyPlace, KeySettings, MetadataError, Pkce, Resource, Scopes, SystemClock, TokenClient,
    TokenError,
};
use portcullis_token::entra::{Cloud, Version};
use portcullis_vault::configured::{Surroundings, client_identity};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

use super::Subject;
use crate::exit::{Failure, chain};

/// Everything that was asked.
pub(super) struct Tried {
    pub(super) server: Arc<AuthorizationServer>,
    /// How many keys the tenant publishes, or why there are none.
    pub(super) keys: Result<(), String>,
    /// A token for the registration itself, by its client id.
    pub(super) own: Outcome,
    /// The same by `api://CLIENT-ID`.
    pub(super) by_api_uri: Outcome,
    /// By each profile's URL: without and with the parameter `resource`.
    pub(super) by_url: BTreeMap<String, (Outcome, Outcome)>,
}

/// What became of one request for a token.
pub(super) enum Outcome {
    /// A token, with its claims.
    Token(Claims),
    /// Entra refused, with these AADSTS numbers and its words.
    Refused(Vec<u32>, String),
    /// There was no answer to learn from.
    Failed(String),
}

/// The claims of a token that we asked for ourselves; nobody is let in by them.
pub(super) struct Claims(Value);

impl Claims {
    /// Reads the middle part. `None` when the token is no JWT.
    fn read(token: &SecretString) -> Option<Self> {
        let claims = token.expose_secret().split('.').nth(1)?;
        let json = URL_SAFE_NO_PAD.decode(claims).ok()?;
        serde_json::from_slice(&json).ok().map(Self)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    pub(super) fn has_roles(&self) -> bool {
        let roles = self.0.get("roles").and_then(Value::as_array);
        roles.is_some_and(|roles| !roles.is_empty())
    }
}

impl Outcome {
    pub(super) fn is_token(&self) -> bool {
        matches!(self, Self::Token(_))
    }

    pub(super) fn claims(&self) -> Option<&Claims> {
        match self {
            Self::Token(claims) => Some(claims),
            _ => None,
        }
    }

    /// Whether Entra refused with that AADSTS number.
    pub(super) fn is_refused_by(&self, number: u32) -> bool {
        matches!(self, Self::Refused(numbers, _) if numbers.contains(&number))
    }

    /// Whether the resource that was named has the registration behind it: also a refusal to give
    /// it a token without a role says so.
    pub(super) fn is_known(&self) -> bool {
        self.is_token() || self.is_refused_by(ROLE_MISSING)
    }

    fn of(result: Result<portcullis_oauth::Tokens, TokenError>) -> Self {
        match result {
            Ok(tokens) => match Claims::read(&tokens.access) {
                Some(claims) => Self::Token(claims),
                None => Self::Failed("the token is no JWT".to_owned()),
            },
            Err(TokenError::Refused(refused)) => Self::Refused(
                refused.numbers.clone(),
                refused
                    .description()
                    .unwrap_or(refused.code.as_str())
                    .to_owned(),
            ),
            Err(TokenError::InteractionRequired(challenge)) => {
                Self::Refused(challenge.numbers.clone(), "Conditional Access".to_owned())
            }
            Err(error) => Self::Failed(chain(&error)),
        }
    }
}

/// AADSTS501051: the application has no role at the resource, and one is required.
pub(super) const ROLE_MISSING: u32 = 501_051;

/// Asks for everything. `step` hears what is asked for.
pub(super) async fn all(
    subject: &Subject<'_>,
    surroundings: &Surroundings,
    step: &dyn Fn(&str),
) -> Result<Tried, Failure> {
    let clock = Arc::new(SystemClock::new());
    let discovery = Arc::new(Discovery::new(
        surroundings.client.clone(),
        DiscoverySettings::default(),
        Arc::clone(&clock) as _,
    ));
    let query = query(&cloud(subject.entra), subject.tenant)?;
    step("metadata");
    let server = discovery
        .authorization_server(&query)
        .await
        .map_err(|error| no_metadata(subject, &query, &error))?;
    step("keys");
    let keys = KeyCache::new(
        surroundings.client.clone(),
        KeyPlace::Discovered(discovery, query),
        KeySettings::default(),
        Arc::clone(&clock) as _,
    );
    let keys = keys.load().await;
    let keys = keys.map(drop).map_err(|error| chain(&error));
    let tokens = token_client(subject, surroundings, &server).await?;
    let ask = async |named: &str, resource: Option<&str>| {
        let scope = format!("{named}/.default");
        let scopes = Scopes::of([scope.as_str()]);
        let (Ok(scopes), Ok(resource)) = (scopes, resource.map(Resource::parse).transpose()) else {
            return Outcome::Failed("it cannot be the name of a resource".to_owned());
        };
        let asked = Asked {
            resource: resource.as_ref(),
            scopes: &scopes,
        };
        let given = tokens.client_credentials(asked, clock.unix_seconds()).await;
        Outcome::of(given)
    };
    step("a token for the registration itself");
    let own = ask(subject.client, None).await;
    let by_api_uri = ask(&format!("api://{}", subject.client), None).await;
    let mut by_url = BTreeMap::new();
    for (_, url) in &subject.profiles {
        step(url);
        let without = ask(url, None).await;
        let with = match without.is_known() {
            true => ask(url, Some(url)).await,
            // Without the URI there is nothing that could match.
            false => Outcome::Failed("not asked".to_owned()),
        };
        by_url.insert(url.clone(), (without, with));
    }
    Ok(Tried {
        server,
        keys,
        own,
        by_api_uri,
        by_url,
    })
}

/// The tenant's own document, also where `common` or `organizations` is configured.
fn query(cloud: &Cloud, tenant: &str) -> Result<IssuerQuery, Failure> {
    let issuer = cloud.issuer(Version::V2, tenant);
    let metadata = Url::parse(&cloud.metadata_url(Version::V2, tenant))
        .map_err(|error| Failure::because("`authority-url` is no address", &error))?;
    Ok(IssuerQuery::configured(&issuer)
        .with_pkce(Pkce::Unused)
        .with_metadata_url(Some(metadata)))
}

fn no_metadata(subject: &Subject<'_>, query: &IssuerQuery, error: &MetadataError) -> Failure {
    let failure = Failure::because(
        format!("the metadata of {} cannot be had", query.issuer),
        error,
    );
    failure.help(match error {
        MetadataError::NotFound => format!(
            "is {} the tenant's id, and `cloud` its cloud? Entra knows no such tenant",
            subject.tenant
        ),
        _ => "is the address reachable from here, and is its certificate one that `[outbound]` trusts?".to_owned(),
    })
}

async fn token_client(
    subject: &Subject<'_>,
    surroundings: &Surroundings,
    server: &Arc<AuthorizationServer>,
) -> Result<TokenClient, Failure> {
    let client = subject.issuer.client.as_ref();
    let client = client.ok_or_else(|| Failure::new("the issuer has no registration"))?;
    let identity = client_identity(client, &surroundings.references)
        .await
        .map_err(|error| {
            Failure::new(format!(
                "the registration cannot be proven: {}",
                chain(&error)
            ))
        })?;
    TokenClient::at(surroundings.client.clone(), server, Arc::new(identity))
        .map_err(|error| Failure::because("the token endpoint is not known", &error))
}
