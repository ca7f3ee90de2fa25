//! How each server and each caller proves who it is, as the configuration says.

use portcullis_config::{
    AuthMethod, ClientAuthentication, Config, Issuer, IssuerKind, OauthClient, Server, TokenForm,
    Transport,
};
use serde::Serialize;
use time::OffsetDateTime;

use crate::terminal;

/// Who proves what to whom.
#[derive(Default, Serialize)]
pub(super) struct Inventory {
    servers: Vec<ServerEntry>,
    issuers: Vec<IssuerEntry>,
    api_keys: usize,
    client_certificates: bool,
    loopback: Option<String>,
}

#[derive(Serialize)]
struct ServerEntry {
    name: String,
    /// `none`, `static`, or the grant that gives the token.
    authentication: &'static str,
    /// The issuer of `[authn]` whose tokens callers bring.
    #[serde(skip_serializing_if = "Option::is_none")]
    through: Option<String>,
    /// How the gateway proves at the token endpoint which client it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    /// By what the server is recognised besides its address.
    identity: Vec<&'static str>,
    /// Until when it is accepted that it has no authentication, or a key that never changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    exception_until: Option<String>,
    exception_has_ended: bool,
    /// A child process without secrets of its own has nobody to prove anything to.
    #[serde(skip)]
    is_local: bool,
}

#[derive(Serialize)]
struct IssuerEntry {
    name: String,
    kind: &'static str,
    /// Whose tokens: the issuer, the tenants, or the trust domain.
    of: Vec<String>,
    /// `signed` or `opaque`.
    tokens: &'static str,
    /// The applications whose tokens are taken; empty: any.
    clients: Vec<String>,
    /// How the gateway proves there which client it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'static str>,
    front_door: bool,
}

/// Reads the inventory from the configuration; nobody is asked, no secret is read.
pub(super) fn of(config: &Config) -> Inventory {
    let today = OffsetDateTime::now_utc().date();
    let ended = config.ended_exceptions(today);
    let has_ended = |name: &str| ended.iter().any(|(ended, _)| *ended == name);
    Inventory {
        servers: config
            .servers
            .iter()
            .map(|(name, server)| server_entry(name, server, has_ended(name)))
            .collect(),
        issuers: config
            .authn
            .issuers
            .iter()
            .map(|(name, issuer)| issuer_entry(name, issuer))
            .collect(),
        api_keys: config.authn.keys.len(),
        client_certificates: config.authn.certificates.is_some(),
        loopback: config.authn.loopback.clone(),
    }
}

fn server_entry(name: &str, server: &Server, exception_has_ended: bool) -> ServerEntry {
    let (authentication, through, client, scopes) = match &server.auth.method {
        AuthMethod::None => ("none", None, None, Vec::new()),
        AuthMethod::Static => ("static", None, None, Vec::new()),
        AuthMethod::Token(source) => (
            source.grant.name(),
            source.grant.through().map(str::to_owned),
            source.client.as_ref().map(method),
            source.scopes.clone(),
        ),
    };
    let identity = &server.identity;
    let recognised = [
        ("pin", !identity.pins.is_empty()),
        ("ca", identity.ca.is_some()),
        ("issuer", identity.issuer.is_some()),
        ("sha256", identity.sha256.is_some()),
    ];
    ServerEntry {
        name: name.to_owned(),
        authentication,
        through,
        client,
        scopes,
        identity: recognised
            .into_iter()
            .filter_map(|(name, is)| is.then_some(name))
            .collect(),
        exception_until: server.auth.exception_until.map(|day| day.to_string()),
        exception_has_ended,
        is_local: authentication == "none" && matches!(server.transport, Transport::Stdio { .. }),
    }
}

fn issuer_entry(name: &str, issuer: &Issuer) -> IssuerEntry {
    let (kind, of) = match &issuer.kind {
        IssuerKind::Oidc { issuer } => ("oidc", vec![issuer.clone()]),
        IssuerKind::Entra(entra) => ("entra", entra.tenants.clone()),
        IssuerKind::Spiffe(spiffe) => ("spiffe", vec![spiffe.trust_domain.clone()]),
    };
    IssuerEntry {
        name: name.to_owned(),
        kind,
        of,
        tokens: match issuer.tokens {
            TokenForm::Jwt => "signed",
            TokenForm::Opaque => "opaque",
        },
        clients: issuer.clients.clone(),
        client: issuer.client.as_ref().map(method),
        front_door: issuer.front_door.is_some(),
    }
}

/// The methods' names in the registry of RFC 7591, where they have one.
fn method(client: &OauthClient) -> &'static str {
    match client.authentication {
        ClientAuthentication::None => "none",
        ClientAuthentication::SecretBasic(_) => "client_secret_basic",
        ClientAuthentication::SecretPost(_) => "client_secret_post",
        ClientAuthentication::PrivateKey { .. } => "private_key_jwt",
        ClientAuthentication::Certificate(_) => "certificate",
        ClientAuthentication::AssertionFile(_) => "federated assertion",
    }
}

impl Inventory {
    pub(super) fn has_ended_exceptions(&self) -> bool {
        self.servers.iter().any(|server| server.exception_has_ended)
    }

    pub(super) fn show(&self) {
        let mut callers = Vec::new();
        if let Some(name) = &self.loopback {
            callers.push(format!("this machine as {name}"));
        }
        if self.api_keys > 0 {
            callers.push(terminal::count(self.api_keys, "API key", "API keys"));
        }
        if self.client_certificates {
            callers.push("client certificates".to_owned());
        }
        if !callers.is_empty() {
            terminal::line(format!("   callers  {}", callers.join(", ")));
        }
        for issuer in &self.issuers {
            issuer.show();
        }
        for server in self.servers.iter().filter(|server| !server.is_local) {
            server.show();
        }
    }
}

impl IssuerEntry {
    fn show(&self) {
        let clients = match self.clients.len() {
            0 => "any application".to_owned(),
            many => terminal::count(many, "application", "applications"),
        };
        let mut parts = vec![
            format!("{} tokens of {}", self.tokens, self.of.join(", ")),
            clients,
        ];
        if let Some(client) = self.client {
            parts.push(format!("registered by {client}"));
        }
        if self.front_door {
            parts.push("front door".to_owned());
        }
        terminal::line(format!(
            "   issuer {}  {}  {}",
            terminal::cyan(&self.name),
            self.kind,
            parts.join(", ")
        ));
    }
}

impl ServerEntry {
    fn show(&self) {
        let mut parts = vec![self.authentication.to_owned()];
        if let Some(through) = &self.through {
            parts.push(format!("through {through}"));
        }
        if let Some(client) = self.client {
            parts.push(format!("registered by {client}"));
        }
        if !self.scopes.is_empty() {
            parts.push(format!("scopes {}", self.scopes.join(" ")));
        }
        if !self.identity.is_empty() {
            parts.push(format!("recognised by {}", self.identity.join(", ")));
        }
        let name = terminal::cyan(&self.name);
        let line = format!("server {name}  {}", parts.join(", "));
        match (&self.exception_until, self.exception_has_ended) {
            (Some(day), true) => terminal::line(format!(
                "{} {line}: its exception ended on {day}",
                terminal::red("no")
            )),
            (Some(day), false) => terminal::line(format!("   {line}, accepted until {day}")),
            (None, _) => terminal::line(format!("   {line}")),
        }
    }
}
