//! The authorization endpoint. The person is signed in already and agrees to everything.

use http::StatusCode;

use super::misbehaviour::Misbehaviour;
use super::settings::ProviderClient;
use super::state::{Grant, Refusal, State};
use crate::jose;
use crate::web::{Answer, Asked, Parameters, lock};

impl State {
    pub(super) fn authorize(&self, asked: &Asked) -> Answer {
        let query = &asked.query;
        let Some(client) = query.get("client_id").and_then(|id| self.client_named(id)) else {
            return Answer::html(StatusCode::BAD_REQUEST, "unknown client");
        };
        let Some(uri) = query
            .get("redirect_uri")
            .filter(|uri| self.may_return(&client, uri))
        else {
            return Answer::html(StatusCode::BAD_REQUEST, "unknown redirect URI");
        };
        let mut answer = url::form_urlencoded::Serializer::new(String::new());
        match self.code(&client, uri, query) {
            Ok(code) => answer.append_pair("code", &code),
            Err(Refusal(error, description)) => answer
                .append_pair("error", error)
                .append_pair("error_description", description),
        };
        let state = self
            .misbehaves(|one| match one {
                Misbehaviour::State(state) => Some(state.clone()),
                _ => None,
            })
            .unwrap_or_else(|| query.get("state").map(str::to_owned));
        if let Some(state) = state {
            answer.append_pair("state", &state);
        }
        if let Some(issuer) = self.response_issuer() {
            answer.append_pair("iss", &issuer);
        }
        let separator = if uri.contains('?') { '&' } else { '?' };
        Answer::redirect(format!("{uri}{separator}{}", answer.finish()))
    }

    /// `iss` of the authorization response (RFC 9207), if the server announces it.
    fn response_issuer(&self) -> Option<String> {
        let misbehaviour = self.misbehaves(|one| match one {
            Misbehaviour::Iss(issuer) => Some(issuer.clone()),
            _ => None,
        });
        let announced = self
            .metadata
            .get("authorization_response_iss_parameter_supported")
            .is_some_and(|announced| announced == true);
        misbehaviour.unwrap_or_else(|| announced.then(|| self.issuer().to_owned()))
    }

    fn code(
        &self,
        client: &ProviderClient,
        redirect_uri: &str,
        query: &Parameters,
    ) -> Result<String, Refusal> {
        let error = self.misbehaves(|one| match one {
            Misbehaviour::AuthorizationError(error) => Some(error.clone()),
            _ => None,
        });
        match error.as_deref() {
            None => {}
            Some("access_denied") => return Err(Refusal("access_denied", "the person refused")),
            Some(_) => return Err(Refusal("server_error", "as the laboratory was told")),
        }
        if query.get("response_type") != Some("code") {
            return Err(Refusal("unsupported_response_type", "only code"));
        }
        if query.get("code_challenge_method") != Some("S256") {
            return Err(Refusal("invalid_request", "PKCE with S256 is required"));
        }
        let challenge = query
            .get("code_challenge")
            .filter(|challenge| challenge.len() == 43)
            .ok_or(Refusal(
                "invalid_request",
                "code_challenge is missing or wrong",
            ))?;
        let code = jose::random();
        let grant = Grant {
            client: client.id.clone(),
            redirect_uri: redirect_uri.to_owned(),
            challenge: challenge.to_owned(),
            scope: query.get("scope").unwrap_or_default().to_owned(),
            audience: self.audience(query)?,
            subject: self.settings.subject.clone(),
            family: jose::random(),
            bound_to: query.get("dpop_jkt").map(str::to_owned),
            ..Grant::default()
        };
        lock(&self.codes).insert(code.clone(), grant);
        let injected = self.misbehaves(|one| match one {
            Misbehaviour::Code(code) => Some(code.clone()),
            _ => None,
        });
        Ok(injected.unwrap_or(code))
    }

    /// The audience that `resource` asks for: one absolute URI without a fragment (RFC 8707, section 2).
    pub(super) fn audience(&self, parameters: &Parameters) -> Result<String, Refusal> {
        let mut resources = parameters.all("resource");
        let Some(resource) = resources.next() else {
            return Ok(self.settings.audience.clone());
        };
        let good = url::Url::parse(resource).is_ok_and(|url| url.fragment().is_none());
        if !good || resources.any(|other| other != resource) {
            return Err(Refusal(
                "invalid_target",
                "resource is not one absolute URI",
            ));
        }
        Ok(resource.to_owned())
    }

    /// A registered client, or one whose id is the address of its document.
    pub(super) fn client_named(&self, id: &str) -> Option<ProviderClient> {
        let known = lock(&self.clients)
            .iter()
            .find(|client| client.id == id)
            .cloned();
        let document = || ProviderClient {
            id: id.to_owned(),
            ..ProviderClient::default()
        };
        known.or_else(|| self.is_document(id).then(document))
    }

    fn is_document(&self, id: &str) -> bool {
        let url = url::Url::parse(id);
        self.settings.documents && url.is_ok_and(|url| url.scheme() == "https" && url.path() != "/")
    }

    fn may_return(&self, client: &ProviderClient, uri: &str) -> bool {
        let prefix = self
            .misbehaves(|one| (*one == Misbehaviour::RedirectByPrefix).then_some(()))
            .is_some();
        self.is_document(&client.id)
            || client.redirect_uris.iter().any(|registered| {
                registered == uri
                    || without_port(registered) == without_port(uri)
                    || (prefix && uri.starts_with(registered.as_str()))
            })
    }
}

/// A loopback address without its port; any other one as it is.
fn without_port(uri: &str) -> String {
    let Ok(mut url) = url::Url::parse(uri) else {
        return uri.to_owned();
    };
    let loopback = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    if url.scheme() == "http" && loopback && url.set_port(None).is_ok() {
        return url.into();
    }
    uri.to_owned()
}
