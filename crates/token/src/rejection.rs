//! Why a token or a proof is refused.

use std::fmt;

/// Declares [`Rejection`] with one row for each cause, so that no cause lacks a code or a text.
macro_rules! rejections {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal, $text:literal;)+) => {
        /// Why a token or a proof is refused. Nothing in it comes from the token.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rejection {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Rejection {
            /// Every cause, in the order in which the checks are made.
            pub const ALL: &'static [Rejection] = &[$(Rejection::$variant,)+];

            /// Its stable id, in kebab-case.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Rejection::$variant => $code,)+ }
            }

            /// What a caller may be told.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Rejection::$variant => $text,)+ }
            }
        }
    };
}

rejections! {
    /// Longer than [`crate::jwt::MAX_TOKEN_BYTES`].
    TokenTooLarge = "token-too-large", "the token is longer than allowed";
    /// Five parts: a JWE.
    TokenEncrypted = "token-encrypted", "the token is encrypted";
    /// Not three parts of strict base64url.
    TokenMalformed = "token-malformed", "the token is not a signed JSON Web Token";
    /// The header is not a strict JSON object, or a member of it is of the wrong kind.
    HeaderMalformed = "header-malformed", "the token's header cannot be read";
    /// The payload is not a strict JSON object.
    ClaimsMalformed = "claims-malformed", "the token's claims cannot be read";
    /// A member stands twice in one object.
    DuplicateMember = "duplicate-member", "the token names a member twice";
    /// The header has `crit`.
    CriticalHeader = "critical-header", "the token's header demands an extension that is not supported";
    /// `b64` (RFC 7797).
    UnencodedPayload = "unencoded-payload", "the token's payload is not encoded";
    /// `cty: JWT`, or a payload that is a token.
    NestedToken = "nested-token", "the token holds another token";
    /// `jwk`, `jku`, `x5u` or `x5c` in the header.
    KeyInHeader = "key-in-header", "the token names its own key";
    /// Not an algorithm of the issuer's profile.
    AlgorithmNotAllowed = "algorithm-not-allowed", "the token's signature algorithm is not allowed";
    /// The header's `typ` is not one of the issuer's profile.
    TypeWrong = "type-wrong", "the token is of the wrong type";
    /// No key of the issuer has this `kid` and fits the algorithm.
    KeyUnknown = "key-unknown", "the token's key is not known";
    /// More than one key of the issuer fits.
    KeyAmbiguous = "key-ambiguous", "the token does not say which key signed it";
    /// The signature does not verify.
    SignatureWrong = "signature-wrong", "the token's signature is wrong";
    /// The introspection endpoint says that the token is not active.
    TokenInactive = "token-inactive", "the token is not active";
    /// The introspection endpoint's answer is not what RFC 7662 describes.
    IntrospectionMalformed = "introspection-malformed", "the answer about the token cannot be read";
    /// The issuer's profile takes signed tokens only.
    IntrospectionNotAccepted = "introspection-not-accepted", "tokens of this issuer must be signed";
    /// A claim that is read is of another kind than its definition says.
    ClaimWrongKind = "claim-wrong-kind", "a claim of the token is malformed";
    /// The claims are those of an id, refresh or logout token.
    NotAnAccessToken = "not-an-access-token", "the token is not an access token";
    /// No `iss`.
    IssuerMissing = "issuer-missing", "the token does not name its issuer";
    /// No profile is for this `iss`.
    IssuerUnknown = "issuer-unknown", "the token's issuer is not known";
    /// Not the `iss` of the profile.
    IssuerWrong = "issuer-wrong", "the token is not from the expected issuer";
    /// Entra's `ver` is missing or not accepted.
    VersionNotAccepted = "version-not-accepted", "the token's version is not accepted";
    /// Entra's `tid` is missing or no GUID.
    TenantMalformed = "tenant-malformed", "the token's tenant is malformed";
    /// `iss` is of another tenant than `tid`.
    TenantIssuerMismatch = "tenant-issuer-mismatch", "the token's issuer and tenant do not agree";
    /// The tenant is not in the list.
    TenantNotAllowed = "tenant-not-allowed", "the token's tenant is not allowed";
    /// The signing key is for another issuer, or for none although there are several tenants.
    KeyIssuerMismatch = "key-issuer-mismatch", "the token's key is for another issuer";
    /// No `aud`.
    AudienceMissing = "audience-missing", "the token does not say for whom it is";
    /// No `aud` is exactly one of the expected.
    AudienceWrong = "audience-wrong", "the token is for somebody else";
    /// No `exp`.
    ExpiryMissing = "expiry-missing", "the token does not say when it ends";
    /// Past `exp`.
    Expired = "expired", "the token has expired";
    /// Before `nbf`.
    NotYetValid = "not-yet-valid", "the token is not valid yet";
    /// `iat` is to come.
    IssuedInFuture = "issued-in-future", "the token is issued in the future";
    /// `iat` is longer ago than the profile allows.
    TooOld = "too-old", "the token is too old";
    /// A claim that the profile requires is missing.
    ClaimMissing = "claim-missing", "the token lacks a required claim";
    /// No `sub`, or for Entra no `oid`.
    SubjectMissing = "subject-missing", "the token does not say whose it is";
    /// The subject is too long, holds control characters, or is no GUID where Entra has one.
    SubjectMalformed = "subject-malformed", "the token's subject is malformed";
    /// The subject is no SPIFFE ID.
    SpiffeIdMalformed = "spiffe-id-malformed", "the token's subject is not a SPIFFE ID";
    /// The SPIFFE ID is of another trust domain.
    TrustDomainWrong = "trust-domain-wrong", "the token's subject is of another trust domain";
    /// Entra's claims do not agree on whether a user or an application calls.
    CallerContradictory = "caller-contradictory", "the token's claims about its caller do not agree";
    /// Entra's agent claims are none of the three documented shapes.
    AgentContradictory = "agent-contradictory", "the token's claims about an agent do not agree";
    /// An agent's token where the profile takes none.
    AgentNotAllowed = "agent-not-allowed", "agents are not allowed";
    /// A guest's token where the profile takes none.
    GuestNotAllowed = "guest-not-allowed", "guests are not allowed";
    /// Neither `scp` nor `roles`.
    NoPermission = "no-permission", "the token carries no permission";
    /// The token does not name its client.
    ClientMissing = "client-missing", "the token does not name its client";
    /// The client is not in the list.
    ClientNotAllowed = "client-not-allowed", "the token's client is not allowed";
    /// The client proved itself to the issuer by less than the profile demands.
    ClientTooWeak = "client-too-weak", "the token's client was not authenticated strongly enough";
    /// `act` is not a chain of objects with a `sub`.
    ActorMalformed = "actor-malformed", "the token's chain of actors is malformed";
    /// More actors than [`crate::identity::MAX_ACTORS`].
    ActorChainTooDeep = "actor-chain-too-deep", "the token's chain of actors is too long";
    /// `cnf` binds in a way that cannot be checked.
    BindingUnsupported = "binding-unsupported", "the token is bound in a way that is not supported";
    /// The profile takes bound tokens only.
    BindingRequired = "binding-required", "the token must be bound to a key";
    /// A token bound by `cnf.jkt`, without a proof.
    BoundTokenAsBearer = "bound-token-as-bearer", "the token is bound to a key and needs a proof";
    /// A proof with a token that is not bound by `cnf.jkt`.
    TokenNotBound = "token-not-bound", "the token is not bound to the proof's key";
    /// A token bound by `cnf.x5t#S256`, on a connection without a client certificate.
    CertificateMissing = "certificate-missing", "the token is bound to a client certificate";
    /// The client certificate is another.
    CertificateWrong = "certificate-wrong", "the token is bound to another client certificate";
    /// The proof is not a strict compact JWS, or longer than allowed.
    ProofMalformed = "proof-malformed", "the proof cannot be read";
    /// The proof's `typ` is not `dpop+jwt`.
    ProofTypeWrong = "proof-type-wrong", "the proof is of the wrong type";
    /// The proof's algorithm is symmetric, `none` or not allowed.
    ProofAlgorithmNotAllowed = "proof-algorithm-not-allowed", "the proof's signature algorithm is not allowed";
    /// No `jwk`, or one that no allowed algorithm can use.
    ProofKeyMalformed = "proof-key-malformed", "the proof's key cannot be used";
    /// `jwk` holds a symmetric key.
    ProofKeySymmetric = "proof-key-symmetric", "the proof's key is symmetric";
    /// `jwk` holds a private key.
    ProofKeyPrivate = "proof-key-private", "the proof discloses its private key";
    /// The proof's signature does not verify.
    ProofSignatureWrong = "proof-signature-wrong", "the proof's signature is wrong";
    /// A claim of the proof is missing or of the wrong kind.
    ProofClaimMalformed = "proof-claim-malformed", "a claim of the proof is missing or malformed";
    /// `htm` is another method.
    ProofMethodWrong = "proof-method-wrong", "the proof is for another method";
    /// `htu` is another URL, or has a query or a fragment.
    ProofUrlWrong = "proof-url-wrong", "the proof is for another URL";
    /// `iat` is too long ago.
    ProofTooOld = "proof-too-old", "the proof is too old";
    /// `iat` is to come.
    ProofInFuture = "proof-in-future", "the proof is made in the future";
    /// No `ath`.
    ProofTokenHashMissing = "proof-token-hash-missing", "the proof does not name its token";
    /// `ath` is of another token.
    ProofTokenHashWrong = "proof-token-hash-wrong", "the proof is for another token";
    /// A nonce is demanded, and there is none.
    ProofNonceMissing = "proof-nonce-missing", "the proof needs a nonce";
    /// The nonce is not one of ours, or too old.
    ProofNonceWrong = "proof-nonce-wrong", "the proof's nonce is not accepted";
    /// The token is bound to another key than the proof's.
    ProofKeyWrong = "proof-key-wrong", "the proof is signed by another key";
    /// The proof was used before.
    ProofReplayed = "proof-replayed", "the proof was used before";
    /// Too many proofs in the time for which each must be remembered.
    ProofWindowFull = "proof-window-full", "too many proofs at once";
}

impl Rejection {
    /// The `error` of a challenge: RFC 6750 section 3.1, RFC 9449 sections 7.1 and 9.
    #[must_use]
    pub const fn oauth_error(self) -> &'static str {
        match self {
            Rejection::NoPermission => "insufficient_scope",
            Rejection::ProofNonceMissing | Rejection::ProofNonceWrong => "use_dpop_nonce",
            Rejection::ProofMalformed
            | Rejection::ProofTypeWrong
            | Rejection::ProofAlgorithmNotAllowed
            | Rejection::ProofKeyMalformed
            | Rejection::ProofKeySymmetric
            | Rejection::ProofKeyPrivate
            | Rejection::ProofSignatureWrong
            | Rejection::ProofClaimMalformed
            | Rejection::ProofMethodWrong
            | Rejection::ProofUrlWrong
            | Rejection::ProofTooOld
            | Rejection::ProofInFuture
            | Rejection::ProofTokenHashMissing
            | Rejection::ProofTokenHashWrong
            | Rejection::ProofReplayed
            | Rejection::ProofWindowFull => "invalid_dpop_proof",
            _ => "invalid_token",
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Rejection {}

#[cfg(test)]
mod tests;
