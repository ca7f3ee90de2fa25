//! Whether a server's tokens are bound to a key of the gateway (DPoP, RFC 9449), and that key.
//!
//! There is one key for each server and authorization server. The key of tokens that are kept in the
//! vault is kept there as well, sealed for this server and issuer: a bound refresh token outlives the
//! process, and replicas share both. It is read again whenever tokens are asked for, so that all come
//! to use the same one. Exchanged tokens are in memory only, and so is their key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use portcullis_config::Dpop;
use portcullis_oauth::{
    AuthorizationServer, Nonces, PROOF_ALGORITHM, ProofKey, TokenClient, TokenType,
};
use portcullis_token::challenge::Challenge;
use portcullis_vault::{CredentialKey, Secret, VaultError};

use super::{Authority, Parts, lock};
use crate::needed::{Needed, Reason};
use crate::revocations::Chain;

/// What a server's key is called in the vault.
const PROOF_KEY: &str = "proof-key";

/// Whether the tokens that are asked for are bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binding {
    /// They are not.
    Unbound,
    /// They are, unless the authorization server gives others.
    Preferred,
    /// They are, or not used.
    Required,
}

/// The key of a bound token, and the nonces for its proofs.
#[derive(Clone)]
pub(crate) struct Possession {
    pub(crate) key: Arc<ProofKey>,
    pub(crate) nonces: Arc<Nonces>,
}

/// What is remembered about a server's keys from call to call.
#[derive(Default)]
pub(crate) struct Possessions {
    nonces: Arc<Nonces>,
    /// Those of the vault, by issuer.
    kept: Mutex<HashMap<String, Arc<ProofKey>>>,
    /// That of tokens in memory.
    passing: Mutex<Option<Arc<ProofKey>>>,
    /// Held while a key is put into the vault.
    making: tokio::sync::Mutex<()>,
}

/// Whether a challenge is about access tokens.
pub(crate) fn is_about_tokens(challenge: &Challenge) -> bool {
    challenge.is("Bearer") || challenge.is("DPoP")
}

/// Whether a server asks for proofs that the gateway can make (RFC 9449 section 7.1).
pub(super) fn asks_for_proofs(challenge: &Challenge) -> bool {
    let algorithms = challenge.parameter("algs");
    let has_ours = |names: &str| names.split(' ').any(|name| name == PROOF_ALGORITHM);
    challenge.is("DPoP") && algorithms.is_none_or(has_ours)
}

/// As the vault has it.
pub(crate) fn type_name(token_type: TokenType) -> &'static str {
    match token_type {
        TokenType::Dpop => "DPoP",
        TokenType::Bearer | TokenType::NotApplicable => "Bearer",
    }
}

/// Whether the vault's type of a token says that it is bound.
pub(super) fn is_bound(token_type: &str) -> bool {
    token_type.eq_ignore_ascii_case("dpop")
}

impl Parts {
    /// Whether tokens are bound that the server with this metadata gives: as the configuration
    /// says, else where both sides say that they take such tokens. Many authorization servers bind
    /// tokens for servers that know nothing of it, so their word alone is not enough.
    ///
    /// # Errors
    /// [`Reason::Possession`] where tokens have to be bound and cannot be.
    pub(crate) async fn binding(
        &self,
        authority: Option<&Authority>,
        metadata: &AuthorizationServer,
    ) -> Result<Binding, Needed> {
        let names = metadata.dpop_signing_alg_values_supported.as_deref();
        let is_offered = has_ours(names.unwrap_or_default());
        let is_demanded = authority.is_some_and(|authority| authority.demands_bound);
        match (self.setup.source.dpop, is_offered) {
            (Dpop::Never, _) => Ok(Binding::Unbound),
            (Dpop::Required, true) => Ok(Binding::Required),
            (Dpop::Required, false) => Err(self.cannot_bind()),
            (Dpop::Auto, false) if is_demanded => Err(self.cannot_bind()),
            (Dpop::Auto, false) => Ok(Binding::Unbound),
            (Dpop::Auto, true) => self.wanted().await,
        }
    }

    /// What the server says about bound tokens: in its document, else in its last challenge.
    async fn wanted(&self) -> Result<Binding, Needed> {
        let document = self.document().await.ok();
        let document = document.as_deref();
        let is_demanded =
            document.is_some_and(|document| document.dpop_bound_access_tokens_required);
        let names = document.and_then(|it| it.dpop_signing_alg_values_supported.as_deref());
        match (names.map(has_ours), is_demanded) {
            (Some(false), true) => Err(self.cannot_bind()),
            (Some(false), false) => Ok(Binding::Unbound),
            (_, true) => Ok(Binding::Required),
            (Some(true), false) => Ok(Binding::Preferred),
            (None, false) if self.is_challenged_for_proofs() => Ok(Binding::Preferred),
            (None, false) => Ok(Binding::Unbound),
        }
    }

    fn cannot_bind(&self) -> Needed {
        tracing::warn!(
            server = self.name,
            "its tokens have to be bound to a key (DPoP), and its authorization server does not say that it binds them with {PROOF_ALGORITHM}"
        );
        Needed::refused(Reason::Possession)
    }

    /// Whether a token that is kept may be used as things are now.
    pub(super) fn may_use(&self, authority: &Authority, token_type: &str) -> bool {
        match self.setup.source.dpop {
            Dpop::Auto => is_bound(token_type) || !authority.demands_bound,
            Dpop::Required => is_bound(token_type),
            Dpop::Never => !is_bound(token_type),
        }
    }

    /// The token endpoint, for tokens that are kept in the vault.
    pub(crate) async fn bound(
        &self,
        client: TokenClient,
        authority: &Authority,
        metadata: &AuthorizationServer,
    ) -> Result<TokenClient, Needed> {
        let binding = self.binding(Some(authority), metadata).await?;
        if binding == Binding::Unbound {
            return Ok(client);
        }
        let key = self.key_for(&authority.issuer).await?;
        Ok(self.proven(client, key, binding))
    }

    /// The token endpoint, for tokens that are in memory only.
    pub(super) async fn bound_in_memory(
        &self,
        client: TokenClient,
        authority: Option<&Authority>,
        metadata: &AuthorizationServer,
    ) -> Result<TokenClient, Needed> {
        let binding = self.binding(authority, metadata).await?;
        if binding == Binding::Unbound {
            return Ok(client);
        }
        let key = {
            let mut passing = lock(&self.memory.possessions.passing);
            match &*passing {
                Some(key) => Arc::clone(key),
                None => Arc::clone(passing.insert(Arc::new(self.new_key()?))),
            }
        };
        Ok(self.proven(client, key, binding))
    }

    /// The token endpoint with a proof, and with the nonces of this server.
    pub(super) fn proven(
        &self,
        client: TokenClient,
        key: Arc<ProofKey>,
        binding: Binding,
    ) -> TokenClient {
        let nonces = Arc::clone(&self.memory.possessions.nonces);
        client.proven_by(key, nonces, binding == Binding::Preferred)
    }

    /// What goes with a token that was just given and is in memory only.
    pub(super) fn in_memory(&self, token_type: TokenType) -> Option<Possession> {
        let key = lock(&self.memory.possessions.passing).clone();
        let key = key.filter(|_| token_type == TokenType::Dpop)?;
        Some(self.with_nonces(key))
    }

    /// What goes with a bound token that is in the vault; `None` if its key is gone, so that nobody
    /// can use the token any more.
    pub(super) async fn possession(&self, issuer: &str) -> Result<Option<Possession>, Needed> {
        let known = lock(&self.memory.possessions.kept).get(issuer).cloned();
        let key = match known {
            Some(key) => Some(key),
            None => self.kept_key(issuer).await?,
        };
        Ok(key.map(|key| self.with_nonces(key)))
    }

    fn with_nonces(&self, key: Arc<ProofKey>) -> Possession {
        Possession {
            key,
            nonces: Arc::clone(&self.memory.possessions.nonces),
        }
    }

    /// The key that is in the vault for this issuer, made if there is none.
    pub(crate) async fn key_for(&self, issuer: &str) -> Result<Arc<ProofKey>, Needed> {
        if let Some(key) = self.kept_key(issuer).await? {
            return Ok(key);
        }
        let _making = self.memory.possessions.making.lock().await;
        if let Some(key) = self.kept_key(issuer).await? {
            return Ok(key);
        }
        let new = self.new_key()?;
        let content = Secret::new(new.to_pkcs8().to_vec());
        let place = self.place(issuer);
        let kept = self.context.vault.put(&place, &content, None).await;
        kept.map_err(|error| self.vault_fails(&error))?;
        // Another replica may have been first, so what counts is what is there now.
        self.kept_key(issuer).await?.ok_or(Needed::Unavailable)
    }

    /// The key that is in the vault for this issuer.
    pub(super) async fn kept_key(&self, issuer: &str) -> Result<Option<Arc<ProofKey>>, Needed> {
        let opened = self.context.vault.get(&self.place(issuer)).await;
        let opened = opened.map_err(|error| self.vault_fails(&error))?;
        let Some(opened) = opened else {
            lock(&self.memory.possessions.kept).remove(issuer);
            return Ok(None);
        };
        let key = ProofKey::from_pkcs8(opened.secret.expose()).map_err(|error| {
            tracing::error!(server = self.name, error = %Chain(&error), "the key of its tokens cannot be used");
            Needed::Unavailable
        })?;
        let mut kept = lock(&self.memory.possessions.kept);
        // Whoever uses it goes on with the one that is prepared already.
        if let Some(known) = kept.get(issuer)
            && known.thumbprint() == key.thumbprint()
        {
            return Ok(Some(Arc::clone(known)));
        }
        let key = Arc::new(key);
        kept.insert(issuer.to_owned(), Arc::clone(&key));
        Ok(Some(key))
    }

    fn place(&self, issuer: &str) -> CredentialKey {
        CredentialKey {
            tenant: String::new(),
            principal: String::new(),
            server: self.name.clone(),
            issuer: issuer.to_owned(),
            kind: PROOF_KEY.to_owned(),
        }
    }

    fn new_key(&self) -> Result<ProofKey, Needed> {
        ProofKey::generate().map_err(|error| {
            tracing::error!(server = self.name, error = %Chain(&error), "no key for its tokens");
            Needed::Unavailable
        })
    }

    pub(super) fn vault_fails(&self, error: &VaultError) -> Needed {
        tracing::error!(server = self.name, error = %Chain(error), "the vault fails");
        Needed::Unavailable
    }
}

fn has_ours(names: &[String]) -> bool {
    names.iter().any(|name| name == PROOF_ALGORITHM)
}
