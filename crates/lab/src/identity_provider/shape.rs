//! What known providers look like: their metadata, and their access tokens.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A provider whose shape is known. The documents are in `fixtures/identity`, with their sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// What the standards ask for.
    #[default]
    Standard,
    /// Keycloak: issuer with a path, `typ: JWT`, nested roles.
    Keycloak,
    /// Okta: issuer with a path, `scp` as a list, `cid`.
    Okta,
    /// Auth0: issuer that ends with a slash, `aud` as a list.
    Auth0,
    /// Google: opaque access tokens, no RFC 8414 document.
    Google,
}

/// What a token says, before it is filled into a shape.
#[derive(Clone, Debug)]
pub(super) struct Filling<'a> {
    pub(super) kid: &'a str,
    pub(super) issuer: &'a str,
    pub(super) base: &'a str,
    pub(super) subject: &'a str,
    pub(super) audience: &'a str,
    pub(super) client: &'a str,
    pub(super) scope: &'a str,
    pub(super) issued: u64,
    pub(super) expires: u64,
    pub(super) id: &'a str,
}

impl Shape {
    /// Every shape.
    pub const ALL: [Shape; 5] = [
        Self::Standard,
        Self::Keycloak,
        Self::Okta,
        Self::Auth0,
        Self::Google,
    ];

    /// The provider's metadata under its own host names, as text.
    #[must_use]
    pub fn metadata(self) -> &'static str {
        match self {
            Self::Standard => include_str!("../../fixtures/identity/standard/metadata.json"),
            Self::Keycloak => include_str!("../../fixtures/identity/keycloak/metadata.json"),
            Self::Okta => include_str!("../../fixtures/identity/okta/metadata.json"),
            Self::Auth0 => include_str!("../../fixtures/identity/auth0/metadata.json"),
            Self::Google => include_str!("../../fixtures/identity/google/metadata.json"),
        }
    }

    /// Header and claims of a JWT of the provider, with places to fill in. It is an access token, and for Google, whose
    /// access tokens are opaque, an id token.
    #[must_use]
    pub fn token(self) -> &'static str {
        match self {
            Self::Standard => include_str!("../../fixtures/identity/standard/access-token.json"),
            Self::Keycloak => include_str!("../../fixtures/identity/keycloak/access-token.json"),
            Self::Okta => include_str!("../../fixtures/identity/okta/access-token.json"),
            Self::Auth0 => include_str!("../../fixtures/identity/auth0/access-token.json"),
            Self::Google => include_str!("../../fixtures/identity/google/id-token.json"),
        }
    }

    /// Whether access tokens are opaque.
    #[must_use]
    pub fn is_opaque(self) -> bool {
        self == Self::Google
    }

    /// The provider's own origins, which the lab's takes the place of.
    fn origins(self) -> &'static [&'static str] {
        match self {
            Self::Standard => &["https://as.example.com"],
            Self::Keycloak => &["https://keycloak.example.com"],
            Self::Okta => &["https://example.okta.com"],
            Self::Auth0 => &["https://example.eu.auth0.com"],
            Self::Google => &[
                "https://accounts.google.com",
                "https://oauth2.googleapis.com",
                "https://openidconnect.googleapis.com",
                "https://www.googleapis.com",
            ],
        }
    }

    /// The metadata with the lab's origin in the place of the provider's.
    pub(super) fn metadata_at(self, base: &str) -> Map<String, Value> {
        let text = self
            .origins()
            .iter()
            .fold(self.metadata().to_owned(), |text, origin| {
                text.replace(origin, base)
            });
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Where the metadata is, for an issuer with that path.
    pub(super) fn well_known(self, path: &str) -> Vec<String> {
        let path = path.trim_end_matches('/');
        let inserted = |name: &str| format!("/.well-known/{name}{path}");
        let appended = |name: &str| format!("{path}/.well-known/{name}");
        match self {
            Self::Standard => vec![inserted("oauth-authorization-server")],
            Self::Google => vec![appended("openid-configuration")],
            Self::Keycloak | Self::Okta | Self::Auth0 => vec![
                inserted("oauth-authorization-server"),
                appended("openid-configuration"),
            ],
        }
    }

    /// Header and claims with everything filled in.
    pub(super) fn fill(self, filling: &Filling<'_>) -> (Value, Value) {
        let mut template: Value = serde_json::from_str(self.token()).unwrap_or_default();
        fill(&mut template, filling);
        let mut take = |name: &str| {
            let member = template.get_mut(name);
            member.map(Value::take).unwrap_or_default()
        };
        (take("header"), take("claims"))
    }
}

fn fill(value: &mut Value, filling: &Filling<'_>) {
    match value {
        Value::Object(members) => members.values_mut().for_each(|value| fill(value, filling)),
        Value::Array(items) if matches!(items.as_slice(), [Value::String(text)] if text == "{scope...}") =>
        {
            *items = filling.scope.split_whitespace().map(Value::from).collect();
        }
        Value::Array(items) => items.iter_mut().for_each(|value| fill(value, filling)),
        Value::String(text) => match text.as_str() {
            "{iat}" => *value = filling.issued.into(),
            "{exp}" => *value = filling.expires.into(),
            _ => {
                let places = [
                    ("{kid}", filling.kid),
                    ("{iss}", filling.issuer),
                    ("{base}", filling.base),
                    ("{sub}", filling.subject),
                    ("{aud}", filling.audience),
                    ("{client_id}", filling.client),
                    ("{scope}", filling.scope),
                    ("{jti}", filling.id),
                ];
                let filled = places.iter().fold(text.clone(), |text, (place, with)| {
                    text.replace(place, with)
                });
                *text = filled;
            }
        },
        _ => {}
    }
}
