//! Proofs of possession (RFC 9449) at the token endpoint.

use serde_json::Value;

use super::settings::Proofs;
use super::state::{Grant, Refusal, State};
use crate::jose;
use crate::web::{Answer, Asked, lock};

/// How far the time of a proof may be off, in seconds.
const LENIENCY: u64 = 60;

impl State {
    /// The thumbprint of the key that the request proves; `None` for a request without a proof.
    pub(super) fn proven(&self, asked: &Asked) -> Result<Option<String>, Refusal> {
        let Some(proofs) = &self.settings.proofs else {
            return Ok(None);
        };
        let mut sent = asked.headers.get_all("dpop").iter();
        let (proof, another) = (sent.next(), sent.next());
        let Some(proof) = proof.and_then(|proof| proof.to_str().ok()) else {
            return match proofs.required {
                true => Err(Refusal("invalid_request", "a DPoP proof is required")),
                false => Ok(None),
            };
        };
        if another.is_some() {
            return Err(Refusal("invalid_dpop_proof", "more than one"));
        }
        self.verify(proof, proofs, asked).map(Some)
    }

    /// RFC 9449, section 4.3.
    fn verify(&self, proof: &str, proofs: &Proofs, asked: &Asked) -> Result<String, Refusal> {
        let wrong = |why| Refusal("invalid_dpop_proof", why);
        let parts = jose::Parts::read(proof).ok_or(wrong("not a JWT"))?;
        let jwk = parts.header.get("jwk").ok_or(wrong("no jwk"))?;
        if parts.header("typ") != "dpop+jwt" || parts.header("alg") != "ES256" {
            return Err(wrong("typ or alg"));
        }
        if jwk.get("d").is_some() || !jose::is_signed_by(proof, jwk) {
            return Err(wrong("jwk or signature"));
        }
        let endpoint = format!("{}{}", self.base, asked.path);
        if parts.claim("htm") != asked.method || parts.claim("htu") != endpoint {
            return Err(wrong("htm or htu"));
        }
        let issued = parts.claims.get("iat").and_then(Value::as_u64);
        if issued.is_none_or(|issued| issued.abs_diff(self.now()) > LENIENCY) {
            return Err(wrong("iat"));
        }
        if let Some(nonce) = &proofs.nonce
            && parts.claim("nonce") != nonce
        {
            return Err(Refusal("use_dpop_nonce", "with the nonce of this answer"));
        }
        let id = parts.claim("jti").to_owned();
        if id.is_empty() || !lock(&self.proofs).insert(id) {
            return Err(wrong("jti"));
        }
        thumbprint(jwk).ok_or(wrong("jwk"))
    }

    /// Binds what the grant gives to the proven key, if the grant is not bound to another one.
    pub(super) fn bind(&self, grant: &mut Grant, proven: Option<&str>) -> Result<(), Refusal> {
        if grant.bound_to.is_some() && grant.bound_to.as_deref() != proven {
            return Err(Refusal("invalid_grant", "bound to another key"));
        }
        grant.bound_to = proven.map(str::to_owned);
        Ok(())
    }

    /// Adds the nonce that the next proof has to have.
    pub(super) fn with_nonce(&self, answer: Answer) -> Answer {
        let nonce = self.settings.proofs.as_ref();
        match nonce.and_then(|proofs| proofs.nonce.clone()) {
            Some(nonce) => answer.with(http::HeaderName::from_static("dpop-nonce"), nonce),
            None => answer,
        }
    }
}

/// RFC 7638, for keys on P-256.
fn thumbprint(jwk: &Value) -> Option<String> {
    let text = |name: &str| jwk.get(name)?.as_str();
    let (x, y) = (text("x")?, text("y")?);
    let known = text("kty")? == "EC" && text("crv")? == "P-256";
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    known.then(|| jose::digest_of(&canonical))
}
