//! How the gateway comes by an access token for a server.

use std::time::Duration;

use super::Kind;
use crate::authn::{IssuerKind, Issuers};
use crate::oauth_client::{Names, OauthClient};
use crate::problem::Problems;
use crate::section::{Section, choice, quoted, suggestion};
use crate::url;

/// How the gateway comes by an access token for a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSource {
    /// By which grant.
    pub grant: TokenGrant,
    /// The identifier of the server's authorization server; `None`: the server names it
    /// (RFC 9728).
    pub authorization_server: Option<String>,
    /// The gateway's registration at the server's authorization server. For `OnBehalfOf` and
    /// `TokenExchange` always `None`: they use that of the issuer.
    pub client: Option<OauthClient>,
    /// What the gateway says about itself where nobody registered it. For `UserGrant` only.
    pub client_document: ClientDocument,
    /// The scopes to ask for. Empty: those that the server asks for.
    pub scopes: Vec<String>,
    /// The resource indicator (RFC 8707); `None`: the server's URL.
    pub resource: Option<String>,
    /// The audience of an exchanged token (RFC 8693).
    pub audience: Option<String>,
    /// How old a token may be before another one is fetched, also if it lives longer.
    pub max_token_age: Duration,
    /// Whether tokens are bound to a key of the gateway.
    pub dpop: Dpop,
}

/// Whether tokens for a server are bound to a key of the gateway (RFC 9449).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dpop {
    /// Where the server and its authorization server say that they take such tokens.
    #[default]
    Auto,
    /// Always: a token that is not bound is not used.
    Required,
    /// Never.
    Never,
}

const DPOP: &[(&str, Dpop)] = &[
    ("auto", Dpop::Auto),
    ("required", Dpop::Required),
    ("never", Dpop::Never),
];

/// The client metadata document that is the gateway's client id where nobody registered it and the
/// authorization server takes such (OAuth Client ID Metadata Document).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClientDocument {
    /// The one that the gateway publishes itself, where its public address is https.
    #[default]
    Own,
    /// One that somebody else publishes, at this https address.
    At(String),
    /// None: the gateway registers itself (RFC 7591).
    Unused,
}

/// A grant that gives a token for a server. `through` names an issuer whose tokens callers have,
/// and at which the gateway has a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenGrant {
    /// As the gateway itself: RFC 6749, 4.4.
    ClientCredentials,
    /// For the user, at Entra.
    OnBehalfOf {
        /// The name of an `[authn.issuers.NAME]` of the kind `entra`.
        through: String,
    },
    /// For the user: RFC 8693.
    TokenExchange {
        /// The name of an `[authn.issuers.NAME]`.
        through: String,
    },
    /// For the user, by an identity assertion (ID-JAG) of the issuer for the server's
    /// authorization server.
    IdJag {
        /// The name of an `[authn.issuers.NAME]`.
        through: String,
    },
    /// By a sign-in of each user at the server's authorization server.
    UserGrant,
}

impl TokenGrant {
    /// The word in the configuration.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ClientCredentials => "client-credentials",
            Self::OnBehalfOf { .. } => "on-behalf-of",
            Self::TokenExchange { .. } => "token-exchange",
            Self::IdJag { .. } => "id-jag",
            Self::UserGrant => "user-grant",
        }
    }

    /// The issuer through which the token is fetched.
    pub fn through(&self) -> Option<&str> {
        match self {
            Self::OnBehalfOf { through }
            | Self::TokenExchange { through }
            | Self::IdJag { through } => Some(through),
            Self::ClientCredentials | Self::UserGrant => None,
        }
    }

    /// Whether the token is one user's, so that no two may share a connection.
    pub fn is_personal(&self) -> bool {
        !matches!(self, Self::ClientCredentials)
    }
}

const TOKEN_KEYS: &[&str] = &[
    "issuer",
    "through",
    "scopes",
    "resource",
    "audience",
    "client-document",
    "max-token-age",
    "dpop",
];
const MAX_TOKEN_AGE: Duration = Duration::from_secs(60 * 60);

/// Reads every key that is about a token. `None` for kinds without one, and when it has problems.
pub(super) fn read_source(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
    kind: Option<Kind>,
    issuers: &Issuers<'_>,
) -> Option<TokenSource> {
    let authorization_server = section.issuer(problems, "issuer");
    let through = section.string(problems, "through");
    let scopes = section.scopes(problems, "scopes");
    let resource = read_resource(problems, section, "resource");
    let audience = section.word(problems, "audience");
    let max_token_age = section.long_duration(problems, "max-token-age");
    let client_document = read_client_document(problems, section);
    let dpop = choice(problems, section, "dpop", DPOP);
    let client = OauthClient::read(problems, section, Names::AMONG_OTHERS);
    let kind = kind?;
    if matches!(kind, Kind::None | Kind::Static) {
        let what = "kinds with a token";
        section.only_for(problems, TOKEN_KEYS, what);
        section.only_for(problems, &Names::AMONG_OTHERS.all(), what);
        return None;
    }
    check_keys(problems, section, kind);
    let through = match kind {
        Kind::OnBehalfOf | Kind::TokenExchange | Kind::IdJag => {
            Some(check_through(problems, section, through, kind, issuers)?)
        }
        _ => None,
    };
    let grant = match (kind, through) {
        (Kind::OnBehalfOf, Some(through)) => TokenGrant::OnBehalfOf { through },
        (Kind::TokenExchange, Some(through)) => TokenGrant::TokenExchange { through },
        (Kind::IdJag, Some(through)) => TokenGrant::IdJag { through },
        (Kind::ClientCredentials, _) => TokenGrant::ClientCredentials,
        (Kind::UserGrant, _) => TokenGrant::UserGrant,
        _ => return None,
    };
    Some(TokenSource {
        grant,
        authorization_server,
        client,
        client_document: client_document.unwrap_or_default(),
        scopes: scopes.unwrap_or_default(),
        resource,
        audience,
        max_token_age: max_token_age.unwrap_or(MAX_TOKEN_AGE),
        dpop: dpop.unwrap_or_default(),
    })
}

/// Which keys each kind has and needs.
fn check_keys(problems: &mut Problems<'_>, section: &mut Section<'_, '_>, kind: Kind) {
    section.only_for(problems, &["exception-until"], "`none` and `static`");
    match kind {
        Kind::OnBehalfOf | Kind::TokenExchange => {
            let what = "kinds whose token comes from the server's own authorization server";
            section.only_for(problems, &["issuer"], what);
            section.only_for(problems, &Names::AMONG_OTHERS.all(), what);
        }
        _ => {}
    }
    if kind == Kind::OnBehalfOf {
        let what = "other kinds: Entra takes the resource from `scopes`";
        section.only_for(problems, &["resource", "audience"], what);
        section.only_for(problems, &["dpop"], "other kinds: Entra binds no tokens");
        if section.value("scopes").is_none() {
            let hint =
                "Entra gives a token for scopes of one resource: `scopes = [\"api://CRM/access\"]`";
            section.missing(problems, "scopes", hint);
        }
    }
    if matches!(
        kind,
        Kind::ClientCredentials | Kind::UserGrant | Kind::IdJag
    ) {
        section.only_for(problems, &["audience"], "`token-exchange`");
    }
    if matches!(kind, Kind::ClientCredentials | Kind::UserGrant) {
        let what = "`on-behalf-of`, `token-exchange` and `id-jag`";
        section.only_for(problems, &["through"], what);
    }
    if kind != Kind::UserGrant {
        section.only_for(problems, &["client-document"], "`user-grant`");
    } else if section.value("client-id").is_some() && section.value("client-document").is_some() {
        let message = format!(
            "`{}` and a registration both say which client the gateway is",
            section.key("client-document")
        );
        let hint = "take one of them out";
        section.refuse(problems, "client-document", message, hint);
    }
    if kind == Kind::ClientCredentials {
        if section.value("client-id").is_none() {
            let hint = "name the gateway's client id at the server's authorization server";
            section.missing(problems, "client-id", hint);
        }
        let proves = ["client-secret", "key", "assertion-file"];
        if proves.iter().all(|name| section.value(name).is_none()) {
            let message = format!("`{}` proves nothing", section.path_of_table());
            let hint = "add exactly one of `client-secret`, `certificate` with `key`, `key`, `assertion-file`";
            section.refuse_hidden(problems, "kind", message, hint);
        }
    }
}

/// The issuer through which a user's token is fetched: known, of the right kind, and one at which
/// the gateway is registered.
fn check_through(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
    through: Option<(&str, toml_span::Span)>,
    kind: Kind,
    issuers: &Issuers<'_>,
) -> Option<String> {
    let Some((name, _)) = through else {
        if section.value("through").is_none() {
            let hint = "name the `[authn.issuers.NAME]` whose tokens the callers have";
            section.missing(problems, "through", hint);
        }
        return None;
    };
    let Some(issuer) = issuers.find(name) else {
        let hint = match suggestion(name, issuers.names()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "name an `[authn.issuers.NAME]` of this file".to_owned(),
        };
        let message = format!("unknown issuer {}", quoted(name));
        section.refuse(problems, "through", message, &hint);
        return None;
    };
    // An issuer with problems of its own has said enough.
    if let Some(issuer) = issuer {
        let is_entra = matches!(issuer.kind, IssuerKind::Entra(_));
        let wrong = match kind {
            Kind::OnBehalfOf if !is_entra => {
                Some("is not of the kind `entra`: use `token-exchange`")
            }
            Kind::TokenExchange | Kind::IdJag if is_entra => {
                Some("is of the kind `entra`, which has neither: use `on-behalf-of`")
            }
            _ if issuer.client.is_none() => {
                Some("has no `client`, and the gateway must be one there")
            }
            _ => None,
        };
        if let Some(wrong) = wrong {
            let message = format!("issuer {} {wrong}", quoted(name));
            section.refuse(problems, "through", message, "");
        }
    }
    Some(name.to_owned())
}

/// An https address with a path, as a client id is spelled, or `none`.
fn read_client_document(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
) -> Option<ClientDocument> {
    let name = "client-document";
    let text = section.word(problems, name)?;
    if text == "none" {
        return Some(ClientDocument::Unused);
    }
    let uri = url::check(&text);
    let is_fitting = uri.is_ok_and(|uri| uri.scheme_str() == Some("https") && uri.path() != "/");
    if !is_fitting {
        let message = format!("`{}` is no client id", section.key(name));
        let hint = "write the document's address, `https://HOST/PATH`, or \"none\"";
        section.refuse_hidden(problems, name, message, hint);
        return None;
    }
    Some(ClientDocument::At(text))
}

/// An absolute URI without fragment: RFC 8707, section 2. It is only an identifier, so it need not
/// be a URL.
fn read_resource(
    problems: &mut Problems<'_>,
    section: &mut Section<'_, '_>,
    name: &'static str,
) -> Option<String> {
    let text = section.word(problems, name)?;
    let is_web = text.starts_with("https:") || text.starts_with("http:");
    let is_uri = match is_web {
        true => url::check_url(&text).is_ok(),
        false => {
            let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
            scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() && byte != b'#')
        }
    };
    if !is_uri {
        let message = format!("`{}` is no absolute URI", section.key(name));
        let hint = "write the server's canonical URL, or another URI without `#`: RFC 8707";
        section.refuse_hidden(problems, name, message, hint);
        return None;
    }
    Some(text)
}
