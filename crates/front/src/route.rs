//! Which path is which page or endpoint.

use crate::metadata::Form;

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// The document about the resource with this path; empty for the root.
    Resource(&'a str),
    /// The document about an issuer's front door.
    Metadata(&'a str, Form),
    /// An endpoint of an issuer's front door.
    Door(&'a str, Endpoint),
    /// The page of a ticket.
    Connect(&'a str),
    /// Where a server's sign-in comes back to.
    Connected,
    /// What the gateway says about itself as a client.
    Client,
}

/// An endpoint of a front door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Authorize,
    Consent,
    Callback,
    Token,
    Register,
    Keys,
}

impl Route<'_> {
    /// The verbs of an endpoint that programs ask, also such as run in pages of other sites: it takes
    /// no cookie, and shows to all what it shows to one. `None` for what people look at.
    pub(crate) fn public_verbs(self) -> Option<&'static str> {
        match self {
            Self::Resource(_)
            | Self::Metadata(..)
            | Self::Door(_, Endpoint::Keys)
            | Self::Client => Some("GET, HEAD"),
            Self::Door(_, Endpoint::Token | Endpoint::Register) => Some("POST"),
            Self::Door(_, Endpoint::Authorize | Endpoint::Consent | Endpoint::Callback)
            | Self::Connect(_)
            | Self::Connected => None,
        }
    }
}

/// Reads a path. `prefix` is that of the gateway's public address; some proxies leave it on.
pub(crate) fn of<'a>(path: &'a str, prefix: &str) -> Option<Route<'a>> {
    if let Some(place) = path.strip_prefix("/.well-known/oauth-protected-resource") {
        return (place.is_empty() || place.starts_with('/')).then_some(Route::Resource(place));
    }
    let forms = [
        ("/.well-known/oauth-authorization-server", Form::Oauth),
        ("/.well-known/openid-configuration", Form::OpenId),
    ];
    for (place, form) in forms {
        if let Some(issuer) = path.strip_prefix(place) {
            let name = below(issuer, prefix).strip_prefix("/oauth/")?;
            return is_name(name).then_some(Route::Metadata(name, form));
        }
    }
    let path = below(path, prefix);
    if let Some(ticket) = path.strip_prefix("/connect/") {
        return match ticket {
            "callback" => Some(Route::Connected),
            "client.json" => Some(Route::Client),
            ticket => is_ticket(ticket).then_some(Route::Connect(ticket)),
        };
    }
    let (name, endpoint) = path.strip_prefix("/oauth/")?.split_once('/')?;
    let endpoint = match endpoint {
        ".well-known/openid-configuration" => {
            return is_name(name).then_some(Route::Metadata(name, Form::OpenId));
        }
        "authorize" => Endpoint::Authorize,
        "consent" => Endpoint::Consent,
        "callback" => Endpoint::Callback,
        "token" => Endpoint::Token,
        "register" => Endpoint::Register,
        "jwks" => Endpoint::Keys,
        _ => return None,
    };
    is_name(name).then_some(Route::Door(name, endpoint))
}

fn below<'a>(path: &'a str, prefix: &str) -> &'a str {
    path.strip_prefix(prefix)
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(path)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains('/')
}

fn is_ticket(ticket: &str) -> bool {
    !ticket.is_empty()
        && ticket
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Option<Route<'_>>) {
        assert_eq!(of(path, "/gw"), expected, "{path}");
    }

    #[test]
    fn paths_lead_where_the_documents_say() {
        const PRM: &str = "/.well-known/oauth-protected-resource";
        check(PRM, Some(Route::Resource("")));
        let place = format!("{PRM}/mcp/x");
        check(&place, Some(Route::Resource("/mcp/x")));
        check("/.well-known/oauth-protected-resources", None);
        for (path, form) in [
            (
                "/.well-known/oauth-authorization-server/oauth/entra",
                Form::Oauth,
            ),
            (
                "/.well-known/oauth-authorization-server/gw/oauth/entra",
                Form::Oauth,
            ),
            (
                "/.well-known/openid-configuration/oauth/entra",
                Form::OpenId,
            ),
            (
                "/oauth/entra/.well-known/openid-configuration",
                Form::OpenId,
            ),
            (
                "/gw/oauth/entra/.well-known/openid-configuration",
                Form::OpenId,
            ),
        ] {
            check(path, Some(Route::Metadata("entra", form)));
        }
        check("/.well-known/oauth-authorization-server", None);
        check(
            "/oauth/entra/token",
            Some(Route::Door("entra", Endpoint::Token)),
        );
        check("/gw/oauth/e/jwks", Some(Route::Door("e", Endpoint::Keys)));
        check("/connect/abc-_1", Some(Route::Connect("abc-_1")));
        check("/connect/callback", Some(Route::Connected));
        check("/gw/connect/client.json", Some(Route::Client));
        for none in [
            "/",
            "/oauth",
            "/oauth/entra",
            "/oauth//token",
            "/oauth/entra/token/",
            "/oauth/entra/Token",
            "/gwoauth/entra/token",
            "/connect/",
            "/connect/a/b",
            "/connect/..%2f",
            "/mcp/x",
        ] {
            check(none, None);
        }
    }
}
