//! Whom to ask about an issuer's tokens: its keys, its introspection endpoint, its directory.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use portcullis_config::{self as config, GroupSource, OauthClient, SpiffeBundle, TokenForm};
use portcullis_egress::{Client, PeerTls, certificates};
use portcullis_oauth::{
    AppTokens, AssertionTaker, ClientIdentity, ClientProof, Clock, Discovery, DiscoverySettings,
    Graph, GraphSettings, Introspection, IntrospectionSettings, IssuerQuery, KeyCache, KeyPlace,
    KeySettings, Pkce,
};
use portcullis_token::entra::Version;
use portcullis_token::sha256;
use url::Url;

use crate::issuers::Context;
use crate::problem::Problem;
use crate::profile;

/// A bundle in a file is read again when it is this old, or when a token names a key that is not
/// in it.
const FILE_REFRESH: Duration = Duration::from_secs(60);

/// Everything about an issuer that asks somebody and keeps the answers.
pub(crate) struct Source {
    basis: Basis,
    pub(crate) word: Word,
    pub(crate) graph: Option<Graph>,
    pub(crate) metadata: Option<Metadata>,
}

/// Who says whether a token is good.
pub(crate) enum Word {
    /// The issuer's keys: for signed tokens.
    Keys(KeyCache),
    /// The issuer: for opaque ones.
    Introspection(Box<Introspection>),
}

/// Where an issuer's metadata is.
pub(crate) struct Metadata {
    pub(crate) discovery: Arc<Discovery>,
    pub(crate) query: IssuerQuery,
}

/// What a source is made from. As long as it stays the same, so does what the source has learnt.
/// It is never shown: a short secret could be guessed from its digest.
#[derive(PartialEq)]
struct Basis {
    kind: config::IssuerKind,
    tokens: TokenForm,
    ca: Option<Vec<u8>>,
    metadata_url: Option<String>,
    jwks_url: Option<String>,
    key_refresh: Duration,
    client: Option<OauthClient>,
    /// The digest of the secrets and certificates of `client`.
    proof: Option<[u8; 32]>,
    base: PathBuf,
}

impl Source {
    /// The source of an issuer, or the previous one if nothing about it has changed.
    pub(crate) async fn open(
        place: &str,
        issuer: &config::Issuer,
        context: &Context<'_>,
        previous: Option<&Arc<Source>>,
    ) -> Result<Arc<Source>, Vec<Problem>> {
        let mut problems = Vec::new();
        let ca = match &issuer.ca {
            None => None,
            Some(path) => match tokio::fs::read(context.base.join(path)).await {
                Ok(text) => Some(text),
                Err(error) => {
                    let text = format!("the file `{path}` cannot be read: {error}");
                    problems.push(Problem::new(format!("{place}.ca"), text));
                    None
                }
            },
        };
        let proof = match &issuer.client {
            None => None,
            Some(client) => match ClientProof::read(client, context.secrets, context.base).await {
                Ok(proof) => Some((client, proof)),
                Err(error) => {
                    problems.push(Problem::of(format!("{place}.client"), &error));
                    None
                }
            },
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        let basis = Basis {
            kind: issuer.kind.clone(),
            tokens: issuer.tokens,
            ca: ca.as_deref().map(|text| sha256(text).to_vec()),
            metadata_url: issuer.metadata_url.clone(),
            jwks_url: issuer.jwks_url.clone(),
            key_refresh: issuer.key_refresh,
            client: issuer.client.clone(),
            proof: proof.as_ref().map(|(_, proof)| proof.digest()),
            base: context.base.to_owned(),
        };
        if let Some(previous) = previous.filter(|previous| previous.basis == basis) {
            return Ok(Arc::clone(previous));
        }
        let client = match ca {
            None => context.client.clone(),
            Some(text) => trusting(context.client, &text)
                .map_err(|error| vec![Problem::of(format!("{place}.ca"), &*error)])?,
        };
        let identity = match proof {
            None => None,
            Some((client, proof)) => {
                let identity = proof.identity(client, AssertionTaker::Unknown, context.base);
                let identity = identity
                    .map_err(|error| vec![Problem::of(format!("{place}.client"), &error)])?;
                Some(Arc::new(identity))
            }
        };
        let parts = Parts {
            place,
            issuer,
            context,
            client,
            identity,
        };
        parts
            .assemble(basis)
            .map(Arc::new)
            .map_err(|problem| vec![problem])
    }

    /// Forgets what was said about tokens and people; keys stay.
    pub(crate) fn forget(&self) {
        if let Word::Introspection(introspection) = &self.word {
            introspection.forget();
        }
        if let Some(graph) = &self.graph {
            graph.forget();
        }
    }
}

/// A client for a host whose certificate comes from this authority alone.
fn trusting(
    client: &Client,
    ca: &[u8],
) -> Result<Client, Box<dyn std::error::Error + Send + Sync>> {
    let peer = PeerTls {
        roots: certificates(ca)?,
        ..PeerTls::default()
    };
    Ok(client.for_peer(&peer)?)
}

struct Parts<'a> {
    place: &'a str,
    issuer: &'a config::Issuer,
    context: &'a Context<'a>,
    client: Client,
    identity: Option<Arc<ClientIdentity>>,
}

impl Parts<'_> {
    fn assemble(self, basis: Basis) -> Result<Source, Problem> {
        let metadata = self.metadata()?;
        let word = match self.issuer.tokens {
            TokenForm::Jwt => Word::Keys(self.keys(metadata.as_ref())?),
            TokenForm::Opaque => Word::Introspection(Box::new(self.introspection(&metadata)?)),
        };
        Ok(Source {
            word,
            graph: self.graph()?,
            metadata,
            basis,
        })
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.context.clock)
    }

    fn url(&self, key: &str, text: &str) -> Result<Url, Problem> {
        Url::parse(text).map_err(|error| Problem::of(format!("{}.{key}", self.place), &error))
    }

    /// Where the metadata is; `None` for a trust domain of SPIFFE, which has none.
    fn metadata(&self) -> Result<Option<Metadata>, Problem> {
        let (issuer, own_place) = match &self.issuer.kind {
            config::IssuerKind::Oidc { issuer } => (issuer.clone(), None),
            config::IssuerKind::Entra(entra) => {
                let cloud = profile::cloud(entra);
                // What names no tenant has a template in its place.
                let tenant = match entra.tenants.as_slice() {
                    [only] if *only == entra.directory => only,
                    _ => "{tenantid}",
                };
                let place = cloud.metadata_url(Version::V2, &entra.directory);
                (cloud.issuer(Version::V2, tenant), Some(place))
            }
            config::IssuerKind::Spiffe(_) => return Ok(None),
        };
        let place = self.issuer.metadata_url.as_ref().or(own_place.as_ref());
        let place = place
            .map(|text| self.url("metadata-url", text))
            .transpose()?;
        let query = IssuerQuery::configured(&issuer)
            .with_pkce(Pkce::Unused)
            .with_metadata_url(place);
        let settings = DiscoverySettings::default();
        let discovery = Discovery::new(self.client.clone(), settings, self.clock());
        Ok(Some(Metadata {
            discovery: Arc::new(discovery),
            query,
        }))
    }

    fn keys(&self, metadata: Option<&Metadata>) -> Result<KeyCache, Problem> {
        let refresh = self.issuer.key_refresh;
        let defaults = KeySettings::default();
        let mut settings = KeySettings {
            refresh,
            shortest: defaults.shortest.min(refresh),
            keep: refresh.saturating_mul(2),
            ..defaults
        };
        let place = match (&self.issuer.jwks_url, &self.issuer.kind, metadata) {
            (_, config::IssuerKind::Spiffe(spiffe), _) => match &spiffe.bundle {
                SpiffeBundle::Url(url) => KeyPlace::Address(self.url("bundle-url", url)?),
                SpiffeBundle::File(path) => {
                    settings.refresh = refresh.min(FILE_REFRESH);
                    settings.pause = Duration::from_secs(1);
                    KeyPlace::File(self.context.base.join(path))
                }
            },
            (Some(url), _, _) => KeyPlace::Address(self.url("jwks-url", url)?),
            (None, _, Some(metadata)) => {
                KeyPlace::Discovered(Arc::clone(&metadata.discovery), metadata.query.clone())
            }
            (None, _, None) => {
                return Err(Problem::new(
                    self.place,
                    "it is not known where the keys are",
                ));
            }
        };
        Ok(KeyCache::new(
            self.client.clone(),
            place,
            settings,
            self.clock(),
        ))
    }

    fn introspection(&self, metadata: &Option<Metadata>) -> Result<Introspection, Problem> {
        let (Some(metadata), Some(identity)) = (metadata, &self.identity) else {
            let text = "introspection needs the gateway's own registration";
            return Err(Problem::new(format!("{}.client", self.place), text));
        };
        Ok(Introspection::discovered(
            self.client.clone(),
            Arc::clone(&metadata.discovery),
            metadata.query.clone(),
            Arc::clone(identity),
            IntrospectionSettings::default(),
            self.clock(),
        ))
    }

    fn graph(&self) -> Result<Option<Graph>, Problem> {
        let config::IssuerKind::Entra(entra) = &self.issuer.kind else {
            return Ok(None);
        };
        if entra.groups != GroupSource::Graph {
            return Ok(None);
        }
        let Some(identity) = &self.identity else {
            let text = "looking groups up in Graph needs the gateway's own registration";
            return Err(Problem::new(format!("{}.client", self.place), text));
        };
        let cloud = profile::cloud(entra);
        let login = self.url("authority-url", &cloud.login)?;
        let graph = self.url("graph-url", &cloud.graph)?;
        // A token is for Graph by its own name, wherever it is asked.
        let resource = self.url("cloud", &profile::national(entra.cloud).graph)?;
        let tokens = AppTokens::new(
            self.client.clone(),
            login,
            resource,
            Arc::clone(identity),
            self.clock(),
        );
        // The issuer's own authority counts for Graph where the operator says where Graph is.
        let client = match entra.graph_url {
            Some(_) => &self.client,
            None => self.context.client,
        };
        Ok(Some(Graph::new(
            client.clone(),
            graph,
            Arc::new(tokens),
            GraphSettings::default(),
            self.clock(),
        )))
    }
}
