//! A sign-in that has begun: what has to be remembered until the browser comes back.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::SignIn;
use super::response::{AuthorizationResponse, Code, ResponseError};
use crate::document::Document;
use crate::random;
use crate::resource::Resource;
use crate::scope::Scopes;

/// The form of [`Pending::to_bytes`].
const VERSION: i64 = 1;

/// A sign-in that has begun. `Debug` shows neither verifier nor state nor nonce.
pub struct Pending {
    issuer: String,
    names_issuer: bool,
    client_id: String,
    redirect_uri: String,
    scopes: Scopes,
    resource: Option<Resource>,
    verifier: SecretString,
    state: String,
    nonce: Option<String>,
}

/// The bytes are not those of a pending sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a pending sign-in")]
pub struct PendingError;

impl Pending {
    /// A nonce is made where an ID token will be given: with the scope `openid`.
    pub(super) fn new(sign_in: &SignIn<'_>) -> Result<Self, getrandom::Error> {
        let openid = sign_in.scopes.contains("openid");
        Ok(Self {
            issuer: sign_in.issuer.to_owned(),
            names_issuer: sign_in.names_issuer,
            client_id: sign_in.client_id.to_owned(),
            redirect_uri: sign_in.redirect_uri.as_str().to_owned(),
            scopes: sign_in.scopes.clone(),
            resource: sign_in.resource.cloned(),
            verifier: SecretString::from(random::token()?),
            state: random::token()?,
            nonce: openid.then(random::token).transpose()?,
        })
    }

    /// Judges what the browser brought: it must be the answer to this sign-in, from the server
    /// where it was begun. Errors are judged as strictly as codes, so that nobody can end a sign-in
    /// in another server's name (RFC 9207, and the table of the MCP specification).
    ///
    /// # Errors
    /// [`ResponseError`]; the sign-in is over then.
    pub fn accept(&self, response: AuthorizationResponse) -> Result<Code, ResponseError> {
        let state = response.state.as_deref().unwrap_or_default();
        if !same(state.as_bytes(), self.state.as_bytes()) {
            return Err(ResponseError::State);
        }
        match response.issuer {
            Some(issuer) if issuer != self.issuer => return Err(ResponseError::IssuerWrong),
            None if self.names_issuer => return Err(ResponseError::IssuerMissing),
            Some(_) | None => {}
        }
        if let Some(error) = response.error {
            return Err(ResponseError::Refused(error));
        }
        response.code.map(Code::new).ok_or(ResponseError::NoCode)
    }

    /// The issuer of the server where it was begun.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The client's id there.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Where the browser comes back to.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// The scopes asked for.
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// The resource asked for.
    pub fn resource(&self) -> Option<&Resource> {
        self.resource.as_ref()
    }

    /// By what the answer is recognised. Keep the pending sign-in under its digest, not under itself.
    pub fn state(&self) -> &str {
        &self.state
    }

    /// Everything, verifier included, to be sealed. JSON; the memory is wiped.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let text = json!({
            "version": VERSION,
            "issuer": self.issuer,
            "names_issuer": self.names_issuer,
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scopes": self.scopes.to_string(),
            "resource": self.resource.as_ref().map(Resource::as_str),
            "verifier": self.verifier.expose_secret(),
            "state": self.state,
            "nonce": self.nonce,
        });
        Zeroizing::new(text.to_string().into_bytes())
    }

    /// What [`Pending::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`PendingError`] for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PendingError> {
        let document = Document::parse(bytes).map_err(|_| PendingError)?;
        let required = |name| document.required_text(name).map_err(|_| PendingError);
        let optional = |name| document.text(name).map_err(|_| PendingError);
        if document.seconds("version").ok().flatten() != Some(VERSION) {
            return Err(PendingError);
        }
        Ok(Self {
            issuer: required("issuer")?.to_owned(),
            names_issuer: document.flag("names_issuer").map_err(|_| PendingError)?,
            client_id: required("client_id")?.to_owned(),
            redirect_uri: required("redirect_uri")?.to_owned(),
            scopes: Scopes::parse(required("scopes")?).map_err(|_| PendingError)?,
            resource: optional("resource")?
                .map(Resource::parse)
                .transpose()
                .map_err(|_| PendingError)?,
            verifier: SecretString::from(required("verifier")?),
            state: required("state")?.to_owned(),
            nonce: optional("nonce")?.map(str::to_owned),
        })
    }

    pub(super) fn verifier(&self) -> &str {
        self.verifier.expose_secret()
    }

    pub(super) fn verifier_secret(&self) -> &SecretString {
        &self.verifier
    }

    pub(super) fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }

    /// Whether an ID token was made for this sign-in, by its nonce (OpenID Connect Core section
    /// 3.1.3.7). Its signature is not looked at: it came straight from the token endpoint.
    pub(super) fn owns(&self, id_token: &SecretString) -> bool {
        let Some(nonce) = &self.nonce else {
            return true;
        };
        let payload = id_token
            .expose_secret()
            .split('.')
            .nth(1)
            .unwrap_or_default();
        URL_SAFE_NO_PAD
            .decode(payload)
            .ok()
            .and_then(|payload| Document::parse(&payload).ok())
            .is_some_and(|claims| {
                claims.text("nonce").is_ok_and(|claim| {
                    claim.is_some_and(|claim| same(claim.as_bytes(), nonce.as_bytes()))
                })
            })
    }
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("scopes", &self.scopes)
            .field("resource", &self.resource)
            .finish_non_exhaustive()
    }
}

/// Compares without saying by its time where two values differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    use sha2::{Digest as _, Sha256};

    // Digests of equal length that an attacker cannot steer: comparing them early-out gives nothing
    // away about the values.
    Sha256::digest(a) == Sha256::digest(b)
}
