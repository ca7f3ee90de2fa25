//! Whose tokens are taken: one entry for each issuer.

mod claims;
mod entra;
mod front_door;
mod signature;
mod spiffe;

use std::collections::BTreeMap;
use std::time::Duration;

use toml_span::{Span, Value};

pub use claims::ClaimNames;
use claims::read_marker;
pub use entra::{CallerCredential, Entra, EntraVersion, GroupSource, Guests};
pub use front_door::FrontDoor;
pub use signature::Algorithm;
use signature::read_signature;
pub(super) use spiffe::read_trust_domain;
pub use spiffe::{Spiffe, SpiffeBundle};

use super::PrincipalKind;
use crate::listen::Listen;
use crate::oauth_client::OauthClient;
use crate::problem::Problems;
use crate::section::{Section, choice, quoted, wrong_type};
use crate::units;

/// One `[authn.issuers.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// What kind of issuer it is, with what only that kind has.
    pub kind: IssuerKind,
    /// The form of its tokens.
    pub tokens: TokenForm,
    /// The signature algorithms that are accepted. Never empty; no symmetric ones.
    pub algorithms: Vec<Algorithm>,
    /// The values of `typ` in a token's header that are accepted.
    pub token_types: Vec<String>,
    /// Whether a token without `typ` is accepted.
    pub untyped_tokens: bool,
    /// Audiences that are accepted besides each profile's own; see
    /// [`Config::audiences`](crate::Config::audiences).
    pub audiences: Vec<String>,
    /// The client applications whose tokens are accepted (`azp`, `client_id`, `appid`). Empty: any.
    pub clients: Vec<String>,
    /// The client applications that are agents.
    pub agent_clients: Vec<String>,
    /// How far clocks may be apart: at most a minute.
    pub clock_skew: Duration,
    /// How old a token may be, counted from `iat`.
    pub max_token_age: Duration,
    /// How the claims are called that policies are about.
    pub claims: ClaimNames,
    /// Claims without which a token is refused, besides `iss`, `aud`, `exp` and the subject.
    pub required_claims: Vec<String>,
    /// A claim and its value that mark the token of an application without a user.
    pub workload_marker: Option<(String, String)>,
    /// What a token stands for when it does not say.
    pub principal: PrincipalKind,
    /// Whether tokens must be bound to a key or certificate of their client.
    pub bound_tokens: BoundTokens,
    /// The file with the authority of the issuer's own TLS certificate (PEM), relative to the
    /// configuration file. `None`: those of the system and of `[outbound]`.
    pub ca: Option<String>,
    /// Where the metadata is, when it is not where RFC 8414 and OpenID Connect look for it.
    pub metadata_url: Option<String>,
    /// Where the keys are, when not the metadata shall say so.
    pub jwks_url: Option<String>,
    /// How long the keys are used before they are fetched again.
    pub key_refresh: Duration,
    /// The names that policies use for authentication contexts, with what the issuer calls them:
    /// values of `acrs` (Entra) or of `acr` (others; RFC 9470).
    pub authentication_contexts: BTreeMap<String, String>,
    /// The gateway's own registration at the issuer.
    pub client: Option<OauthClient>,
    /// The authorization-server facade in front of the issuer; `None`: hosts talk to the issuer.
    pub front_door: Option<FrontDoor>,
    /// The line of the entry, counted from 1.
    pub line: usize,
}

/// What kind of issuer it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerKind {
    /// An authorization server of the usual kind.
    Oidc {
        /// The exact `iss` of its tokens and `issuer` of its metadata.
        issuer: String,
    },
    /// Microsoft Entra ID.
    Entra(Entra),
    /// A SPIFFE trust domain, whose JWT-SVIDs are taken.
    Spiffe(Spiffe),
}

/// The form of an issuer's access tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenForm {
    /// Signed, judged here.
    #[default]
    Jwt,
    /// Judged by the issuer: RFC 7662.
    Opaque,
}

/// Whether tokens must be bound to a key (RFC 9449) or certificate (RFC 8705) of their client. A
/// bound token without its proof is refused either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BoundTokens {
    /// Bearer tokens are taken too.
    #[default]
    Optional,
    /// Only bound tokens are taken.
    Required,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Oidc,
    Entra,
    Spiffe,
}

/// The most that clocks may be apart. More only lengthens the life of stolen tokens.
const MAX_SKEW: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Issuer {
    /// The `iss` that tokens have, where it is known beforehand: not for Entra, whose issuers
    /// follow from the tenants, and not for every SPIFFE trust domain.
    pub fn issuer(&self) -> Option<&str> {
        match &self.kind {
            IssuerKind::Oidc { issuer } => Some(issuer),
            IssuerKind::Spiffe(spiffe) => spiffe.issuer.as_deref(),
            IssuerKind::Entra(_) => None,
        }
    }

    /// `[authn.issuers.NAME]` at `path`.
    pub(super) fn read(
        problems: &mut Problems<'_>,
        path: &str,
        (name_span, value): (Span, &Value<'_>),
        listen: &Listen,
    ) -> Option<Self> {
        let Some(table) = value.as_table() else {
            wrong_type(problems, path, value, "a table");
            return None;
        };
        let mut section = Section::new(table, path, value.span);
        let kind = read_kind(problems, &mut section);
        let tokens = read_form(problems, &mut section, kind);
        let (algorithms, token_types) = read_signature(problems, &mut section, kind);
        let clock_skew = read_skew(problems, &mut section);
        let max_token_age = section.long_duration(problems, "max-token-age");
        let key_refresh = section.long_duration(problems, "key-refresh");
        let claims = ClaimNames::read(problems, &mut section, kind);
        let required_claims = section.words(problems, "required-claims");
        let workload_marker = read_marker(problems, &mut section);
        let untyped_tokens = section.boolean(problems, "untyped-tokens");
        let agent_clients = section.words(problems, "agent-clients");
        let principal = choice(
            problems,
            &mut section,
            "principal",
            &[
                ("user", PrincipalKind::User),
                ("agent", PrincipalKind::Agent),
                ("workload", PrincipalKind::Workload),
            ],
        );
        let bound_tokens = choice(
            problems,
            &mut section,
            "bound-tokens",
            &[
                ("optional", BoundTokens::Optional),
                ("required", BoundTokens::Required),
            ],
        );
        let audiences = read_audiences(problems, &mut section);
        let clients = section.words(problems, "clients");
        let ca = section.path(problems, "ca");
        let metadata_url = section.url(problems, "metadata-url");
        let jwks_url = section.url(problems, "jwks-url");
        let authentication_contexts = read_contexts(problems, &mut section);
        let client = section
            .optional_section(problems, "client")
            .and_then(|mut client| {
                let read = OauthClient::read_confidential(problems, &mut client);
                client.finish(problems);
                read
            });
        let front_door = FrontDoor::read(problems, &mut section);
        let details = read_details(problems, &mut section, kind);
        check_client(problems, &mut section, tokens, details.as_ref());
        if front_door.is_some() && listen.base_url().is_none() {
            let message = format!("`{}` has no address", section.key("front-door"));
            let hint = "set `listen.public-url`: hosts must find the front door under a name";
            section.refuse(problems, "front-door", message, hint);
        }
        section.finish(problems);
        Some(Self {
            kind: details?,
            tokens,
            algorithms,
            token_types,
            audiences,
            untyped_tokens: untyped_tokens.unwrap_or(kind == Kind::Spiffe),
            clients: clients.unwrap_or_default(),
            agent_clients: agent_clients.unwrap_or_default(),
            clock_skew: clock_skew.unwrap_or(MAX_SKEW),
            max_token_age: max_token_age.unwrap_or(DAY),
            claims,
            required_claims: required_claims.unwrap_or_else(|| kind.required_claims()),
            workload_marker,
            principal: principal.unwrap_or(match kind {
                Kind::Oidc | Kind::Entra => PrincipalKind::User,
                Kind::Spiffe => PrincipalKind::Workload,
            }),
            bound_tokens: bound_tokens.unwrap_or_default(),
            ca,
            metadata_url,
            jwks_url,
            key_refresh: key_refresh.unwrap_or(DAY),
            authentication_contexts,
            client,
            front_door,
            line: problems.line(name_span.start),
        })
    }
}

fn read_kind(problems: &mut Problems<'_>, section: &mut Section<'_, '_>) -> Kind {
    let kinds = &[
        ("oidc", Kind::Oidc),
        ("entra", Kind::Entra),
        ("spiffe", Kind::Spiffe),
    ];
    let kind = choice(problems, section, "kind", kinds);
    if section.value("kind").is_none() {
        section.missing(problems, "kind", "write `oidc`, `entra` or `spiffe`");
    }
    kind.unwrap_or_default()
}

/// What only one kind has. The keys of the other kinds are refused.
fn read_details(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
    kind: Kind,
) -> Option<IssuerKind> {
    let issuer = section.issuer(problems, "issuer");
    let entra = Entra::read(problems, section, kind == Kind::Entra);
    let spiffe = Spiffe::read(problems, section, issuer.clone(), kind == Kind::Spiffe);
    match kind {
        Kind::Oidc => {
            if section.value("issuer").is_none() {
                let hint = "write the issuer's identifier, exactly as its tokens have it in `iss`";
                section.missing(problems, "issuer", hint);
            }
            issuer.map(|issuer| IssuerKind::Oidc { issuer })
        }
        Kind::Entra => {
            let what = "other issuers: that of Entra follows from `tenant` and `cloud`";
            section.only_for(problems, &["issuer"], what);
            entra.map(IssuerKind::Entra)
        }
        Kind::Spiffe => {
            let what = "issuers of the other kinds";
            section.only_for(problems, &["client", "front-door", "metadata-url"], what);
            spiffe.map(IssuerKind::Spiffe)
        }
    }
}

fn read_form(problems: &mut Problems<'_>, section: &mut Section<'_, '_>, kind: Kind) -> TokenForm {
    let forms = &[("jwt", TokenForm::Jwt), ("opaque", TokenForm::Opaque)];
    let form = choice(problems, section, "tokens", forms).unwrap_or_default();
    if form == TokenForm::Opaque {
        if kind != Kind::Oidc {
            let message = format!("`{}` is only for `oidc`", section.key("tokens"));
            let hint = "the tokens of the other kinds are signed; take it out";
            section.refuse(problems, "tokens", message, hint);
        }
        let names = &["algorithms", "token-types", "jwks-url", "key-refresh"];
        section.only_for(problems, names, "signed tokens (`tokens = \"jwt\"`)");
    }
    form
}

fn read_skew(problems: &mut Problems<'_>, section: &mut Section<'_, '_>) -> Option<Duration> {
    let skew = section.duration(problems, "clock-skew")?;
    if skew > MAX_SKEW {
        let message = format!("`{}` is more than a minute", section.key("clock-skew"));
        let hint = format!(
            "write at most \"{}\": it lengthens the life of a stolen token; set the clocks instead",
            units::show_duration(MAX_SKEW)
        );
        section.refuse(problems, "clock-skew", message, &hint);
        return None;
    }
    Some(skew)
}

fn read_audiences(problems: &mut Problems<'_>, section: &mut Section<'_, '_>) -> Vec<String> {
    let audiences = section.words(problems, "audiences").unwrap_or_default();
    if audiences.iter().any(|audience| audience.contains('*')) {
        let message = format!("`{}` has a pattern", section.key("audiences"));
        let hint = "audiences are compared byte by byte; write each one";
        section.refuse(problems, "audiences", message, hint);
    }
    audiences
}

fn read_contexts(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
) -> BTreeMap<String, String> {
    let path = section.key("authentication-contexts");
    let mut out = BTreeMap::new();
    for (name, span, value) in section.entries(problems, "authentication-contexts") {
        crate::config::check_name(problems, &path, name, span);
        let key = format!("{path}.{}", quoted(name).trim_matches('`'));
        match value.as_str() {
            Some(text) if crate::section::is_word(problems, &key, text, value.span) => {
                out.insert(name.to_owned(), text.to_owned());
            }
            Some(_) => {}
            None => wrong_type(problems, &key, value, "a string"),
        }
    }
    out
}

/// What needs the gateway's own registration.
fn check_client(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
    tokens: TokenForm,
    kind: Option<&IssuerKind>,
) {
    if section.value("client").is_some() {
        return;
    }
    let asks_graph = matches!(
        kind,
        Some(IssuerKind::Entra(entra)) if entra.groups == GroupSource::Graph
    );
    let (name, what) = if tokens == TokenForm::Opaque {
        ("tokens", "introspection needs")
    } else if asks_graph {
        ("groups", "looking groups up in Graph needs")
    } else if section.value("front-door").is_some() {
        ("front-door", "a front door needs")
    } else {
        return;
    };
    let message = format!("{what} the gateway's own registration at the issuer");
    let hint = format!(
        "add `[{}]` with `id` and a way to prove it",
        section.key("client")
    );
    section.refuse(problems, name, message, &hint);
}

#[cfg(test)]
mod tests;
