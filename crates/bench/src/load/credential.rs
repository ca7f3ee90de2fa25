//! What a request shows of its caller.

use super::Load;
use crate::Outcome;
use crate::subject::KEY;
use crate::tokens::Prover;

/// How many calls a gateway on one machine with its load answers in a millisecond, at most: so many
/// proofs are made before the clock runs. Past it, they are made within the measured time.
const CALLS_PER_MILLISECOND: u64 = 6;

/// The headers that say who calls.
#[derive(Debug)]
pub(super) enum Credential {
    /// The same for all requests.
    Bearer(String),
    /// With a new proof for each.
    Proven(Box<Proofs>),
}

/// Proofs of possession, made ahead.
#[derive(Debug)]
pub(super) struct Proofs {
    token: String,
    prover: Prover,
    nonce: Option<String>,
    ready: Vec<String>,
}

impl Credential {
    /// That of one connection of a load.
    pub(super) fn new(load: &Load, connection: usize) -> Outcome<Self> {
        let token = load.token.clone().unwrap_or_else(|| KEY.to_owned());
        let Some((file, url)) = load.proof_key.as_ref().zip(load.proof_url.as_ref()) else {
            return Ok(Self::Bearer(token));
        };
        let pem = std::fs::read_to_string(file)
            .map_err(|error| format!("{}: {error}", file.display()))?;
        let prover = Prover::new(&pem, &token, url, connection)?;
        Ok(Self::Proven(Box::new(Proofs {
            token,
            prover,
            nonce: None,
            ready: Vec::new(),
        })))
    }

    /// The value of `Authorization`.
    pub(super) fn authorization(&self) -> String {
        match self {
            Self::Bearer(token) => format!("Bearer {token}"),
            Self::Proven(proofs) => format!("DPoP {}", proofs.token),
        }
    }

    /// Takes the nonce that proofs need from now on, and makes as many of them as a load can use.
    pub(super) fn prepare(&mut self, nonce: String, load: &Load) -> Outcome {
        let Self::Proven(proofs) = self else {
            return Ok(());
        };
        proofs.nonce = Some(nonce);
        let all = (load.warm_up + load.measure) * CALLS_PER_MILLISECOND;
        let own = all.div_ceil(load.connections.max(1) as u64) + 2;
        proofs.ready.clear();
        for _ in 0..own {
            let proof = proofs.prover.prove(proofs.nonce.as_deref())?;
            proofs.ready.push(proof);
        }
        Ok(())
    }

    /// The value of `DPoP` for the next request.
    pub(super) fn proof(&mut self) -> Outcome<Option<String>> {
        let Self::Proven(proofs) = self else {
            return Ok(None);
        };
        match proofs.ready.pop() {
            Some(proof) => Ok(Some(proof)),
            None => proofs.prover.prove(proofs.nonce.as_deref()).map(Some),
        }
    }
}
