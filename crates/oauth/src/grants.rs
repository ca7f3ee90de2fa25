//! The grants that need nobody: refreshing, and this gateway's own credentials.

use secrecy::SecretString;

use crate::form::Form;
use crate::token_request::{Asked, NotAsked, TokenClient, TokenError, Tokens};

impl TokenClient {
    /// Refreshes (RFC 6749 section 6). The resource is repeated; the scopes asked for must be those
    /// granted before, or fewer. If the answer has a refresh token, it replaces `refresh`, which
    /// must not be used again: servers take that for theft.
    ///
    /// # Errors
    /// [`TokenError`]; with [`TokenError::is_invalid_grant`] the refresh token is of no more use.
    pub async fn refresh(
        &self,
        refresh: &SecretString,
        asked: Asked<'_>,
        now: u64,
    ) -> Result<Tokens, TokenError> {
        let mut form = Form::grant("refresh_token");
        form.add_secret("refresh_token", refresh);
        asked.add_to(&mut form);
        self.request(form, &asked.access(), now).await
    }

    /// A token for this gateway itself (RFC 6749 section 4.4). Entra ID wants
    /// `RESOURCE/.default` as the only scope.
    ///
    /// # Errors
    /// [`TokenError`]; [`NotAsked::PublicClient`] when this client proves nothing.
    pub async fn client_credentials(
        &self,
        asked: Asked<'_>,
        now: u64,
    ) -> Result<Tokens, TokenError> {
        if self.channel().identity().is_public() {
            return Err(TokenError::NotAsked(NotAsked::PublicClient));
        }
        let mut form = Form::grant("client_credentials");
        asked.add_to(&mut form);
        self.request(form, &asked.access(), now).await
    }
}
