//! From what was shown to who calls.

use std::sync::PoisonError;

use portcullis_config::{self as config};
use portcullis_oauth::{GraphError, Introspection, IntrospectionError, KeyCache};
use portcullis_token::dpop::{ALGORITHMS, DEFAULT_MAX_AGE, DEFAULT_SKEW, Proof, ProofExpected};
use portcullis_token::identity::{AgentPart, Groups, PrincipalKind};
use portcullis_token::{
    Algorithm, Expected, Identity, Issuer, IssuerKind, Peeked, Presented, Rejection, dpop,
    from_introspection, peek, validate,
};
use secrecy::{ExposeSecret as _, SecretString};

use super::{Entry, Issuers};
use crate::rejected::{Kind, Reason, Rejected};
use crate::shown::{Endpoint, Identified, Scheme, Shown};
use crate::source::Word;

impl Issuers {
    /// Who shows this credential at this endpoint.
    ///
    /// A token that looks signed goes to the issuer that it names, any other to the one issuer of
    /// opaque tokens that the endpoint takes; never both. A token with a proof is good for one
    /// request. With a token whose issuer is known and whose keys are here, nothing waits and no
    /// lock is taken, but for the one of the proofs that were used.
    ///
    /// # Errors
    /// [`Rejected`]. Of an issuer that cannot be asked, and of groups that cannot be looked up, it
    /// is of the kind [`Kind::Unavailable`].
    pub async fn identify(&self, shown: &Shown<'_>, at: &Endpoint) -> Result<Identified, Rejected> {
        let token = shown.token.expose_secret();
        if token.is_empty() {
            return Err(Rejected::missing());
        }
        if looks_signed(token) {
            let peeked = peek(token)?;
            let entry = self.issuer_of(&peeked)?;
            self.judge(entry, Some(&peeked), shown, at).await
        } else {
            let entry = self.introspecting(at)?;
            self.judge(entry, None, shown, at).await
        }
    }

    /// The issuer of signed tokens that a token names.
    fn issuer_of(&self, token: &Peeked<'_>) -> Result<&Entry, Rejected> {
        let signing = self
            .entries
            .values()
            .filter(|entry| matches!(entry.source.word, Word::Keys(_)));
        let profile = Issuer::choose(signing.map(|entry| &entry.profile), token)?;
        let entry = self.entries.get(&profile.name);
        entry
            .map(AsRef::as_ref)
            .ok_or_else(|| Rejection::IssuerUnknown.into())
    }

    /// The issuer of opaque tokens that an endpoint takes. Where there are several, nobody can
    /// tell whose a token is, and to ask one about the tokens of another would be to give them
    /// away.
    fn introspecting(&self, at: &Endpoint) -> Result<&Entry, Rejected> {
        let mut asked = at
            .issuers()
            .filter_map(|name| self.entries.get(name))
            .filter(|entry| matches!(entry.source.word, Word::Introspection(_)));
        match (asked.next(), asked.next()) {
            (None, _) => Err(Rejection::TokenMalformed.into()),
            (Some(entry), None) => Ok(entry),
            (Some(_), Some(_)) => Err(Rejected::invalid(Reason::IssuerAmbiguous)),
        }
    }

    async fn judge(
        &self,
        entry: &Entry,
        peeked: Option<&Peeked<'_>>,
        shown: &Shown<'_>,
        at: &Endpoint,
    ) -> Result<Identified, Rejected> {
        let name = &entry.profile.name;
        let judged = match at.audiences(name) {
            Some(audiences) => self.identity(entry, peeked, shown, audiences).await,
            None => Err(Rejected::invalid(Reason::IssuerNotTaken)),
        };
        let identity = judged.map_err(|rejected| rejected.by(name))?;
        let moved = self.has_moved(&identity, shown);
        Ok(Identified { identity, moved })
    }

    async fn identity(
        &self,
        entry: &Entry,
        peeked: Option<&Peeked<'_>>,
        shown: &Shown<'_>,
        audiences: &[String],
    ) -> Result<Identity, Rejected> {
        let now = self.clock.unix_seconds();
        let proof = self.proof(shown, now)?;
        let expected = Expected {
            audiences,
            now,
            presented: match &proof {
                None => Presented::Bearer,
                Some(proof) => Presented::Dpop(proof),
            },
            certificate: shown.certificate.map(|certificate| certificate.sha256()),
        };
        let mut identity = match (&entry.source.word, peeked) {
            (Word::Keys(keys), Some(token)) => {
                by_keys(token, &entry.profile, keys, &expected).await?
            }
            (Word::Introspection(introspection), None) => {
                by_introspection(shown.token, &entry.profile, introspection, &expected).await?
            }
            // The form of a token has chosen the issuer.
            _ => return Err(Rejection::IssuerUnknown.into()),
        };
        // Only a proof that comes with a good token is worth remembering, or strangers could fill
        // the window.
        if let Some(proof) = &proof {
            let window = &self.memory.proofs;
            let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
            window.admit(proof, now)?;
        }
        entry.settle_kind(&mut identity);
        entry.look_up_groups(&mut identity).await?;
        Ok(identity)
    }

    /// The verified proof of a request by the scheme `DPoP`.
    fn proof(&self, shown: &Shown<'_>, now: u64) -> Result<Option<Proof>, Rejected> {
        let proof = match (shown.scheme, shown.proof) {
            // A proof beside a bearer token proves nothing; that the token is bound is seen later.
            (Scheme::Bearer, _) => return Ok(None),
            (Scheme::Dpop, None) => return Err(Rejected::invalid(Reason::ProofMissing)),
            (Scheme::Dpop, Some(proof)) => proof,
        };
        let expected = ProofExpected {
            method: shown.method,
            url: shown.url,
            algorithms: &ALGORITHMS,
            now,
            max_age: DEFAULT_MAX_AGE,
            skew: DEFAULT_SKEW,
            nonces: self.nonces.as_deref(),
        };
        match dpop::verify(proof, shown.token.expose_secret(), &expected) {
            Ok(proof) => Ok(Some(proof)),
            Err(rejection @ (Rejection::ProofNonceMissing | Rejection::ProofNonceWrong)) => {
                let rejected = Rejected::from(rejection);
                Err(match &self.nonces {
                    None => rejected,
                    Some(nonces) => rejected.with_kind(Kind::UseDpopNonce {
                        nonce: nonces.current(now),
                    }),
                })
            }
            Err(rejection) => Err(rejection.into()),
        }
    }

    fn has_moved(&self, identity: &Identity, shown: &Shown<'_>) -> bool {
        let Some(address) = shown.address else {
            return false;
        };
        let name = identity.token_id.as_deref();
        let name = name.unwrap_or_else(|| shown.token.expose_secret());
        let moved = self.memory.sightings.moved(&identity.issuer, name, address);
        if moved {
            tracing::warn!(
                code = "token-from-two-networks",
                issuer = identity.issuer,
                "one token is used from two networks"
            );
        }
        moved
    }
}

impl Entry {
    /// What the configuration says of a caller of whom the token does not say what it is. Entra's
    /// tokens always say.
    fn settle_kind(&self, identity: &mut Identity) {
        let unsaid = match &self.profile.kind {
            IssuerKind::Standard => PrincipalKind::User,
            IssuerKind::Spiffe { .. } => PrincipalKind::Workload,
            IssuerKind::Entra(_) => return,
        };
        if identity.agent.is_some() || identity.kind != unsaid {
            return;
        }
        match self.config.principal {
            config::PrincipalKind::User => identity.kind = PrincipalKind::User,
            config::PrincipalKind::Workload => identity.kind = PrincipalKind::Workload,
            config::PrincipalKind::Agent => {
                identity.kind = PrincipalKind::Agent;
                identity.agent = Some(AgentPart::Autonomous);
            }
        }
    }

    /// Replaces groups that had no room in the token by those of the directory, if it is to be
    /// asked.
    async fn look_up_groups(&self, identity: &mut Identity) -> Result<(), Rejected> {
        let (Groups::Overage, Some(graph)) = (&identity.groups, &self.source.graph) else {
            return Ok(());
        };
        let reason = Reason::GroupsUnavailable;
        // The subject of an Entra token is tenant and object id.
        let Some((tenant, object)) = identity.subject.split_once('/') else {
            return Err(Rejected::invalid(reason));
        };
        match graph.groups(tenant, object).await {
            Ok(groups) => {
                identity.groups = Groups::Listed(groups.iter().cloned().collect());
                Ok(())
            }
            // To ask again would bring the same answer.
            Err(error @ (GraphError::UserUnknown | GraphError::TooMany)) => {
                Err(Rejected::invalid(reason).with_cause(error.code()))
            }
            Err(error) => Err(Rejected::unavailable(reason, error.code())),
        }
    }
}

async fn by_keys(
    token: &Peeked<'_>,
    profile: &Issuer,
    keys: &KeyCache,
    expected: &Expected<'_>,
) -> Result<Identity, Rejected> {
    let algorithm = Algorithm::parse(token.algorithm())
        .filter(|algorithm| profile.algorithms.contains(algorithm))
        .ok_or(Rejection::AlgorithmNotAllowed)?;
    let keys = match keys.for_token(token.key_id(), algorithm).await {
        Ok(keys) => keys,
        Err(error) if error.is_outage() => {
            return Err(Rejected::unavailable(
                Reason::IssuerUnavailable,
                error.code(),
            ));
        }
        Err(_) => return Err(Rejection::KeyUnknown.into()),
    };
    Ok(validate(token, profile, &keys, expected)?)
}

async fn by_introspection(
    token: &SecretString,
    profile: &Issuer,
    introspection: &Introspection,
    expected: &Expected<'_>,
) -> Result<Identity, Rejected> {
    match introspection.ask(token).await {
        Ok(answer) => {
            let answer = answer.json().as_bytes();
            Ok(from_introspection(answer, profile, expected)?)
        }
        Err(IntrospectionError::Inactive) => Err(Rejection::TokenInactive.into()),
        Err(IntrospectionError::TokenLength) => Err(Rejection::TokenTooLarge.into()),
        Err(error @ IntrospectionError::Unauthorized) => Err(Rejected::unavailable(
            Reason::IntrospectionRefused,
            error.code(),
        )),
        Err(error) => Err(Rejected::unavailable(
            Reason::IssuerUnavailable,
            error.code(),
        )),
    }
}

/// Whether a token is, or pretends to be, a JWS or a JWE in compact form: it begins like the
/// base64url of a JSON object, or has three or five parts of base64url. An opaque token that looks
/// so is refused.
fn looks_signed(token: &str) -> bool {
    let is_letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let points = token.bytes().filter(|b| *b == b'.').count();
    token.starts_with("eyJ") || (matches!(points, 2 | 4) && token.bytes().all(is_letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_tokens_are_told_from_opaque_ones() {
        for signed in [
            "eyJhbGciOiJub25lIn0.e30.",
            "eyJ",
            "a.b.c",
            "..",
            "a.b.c.d.e",
            "ewogImFsZyI6.e30.AA",
            "eyJhbGciOiJub25lIn0.e30.AA==",
        ] {
            assert!(looks_signed(signed), "{signed}");
        }
        for opaque in [
            "ya29.a0AfH6SMBx",
            "00D50000000IehZ!AQcAQH0d.MHZfz.972Szmpkb58",
            "2YotnFZFEjr1zCsicMWpAA",
            "a.b.c.d",
            "ory_at_AbC.dEf",
        ] {
            assert!(!looks_signed(opaque), "{opaque}");
        }
    }
}
