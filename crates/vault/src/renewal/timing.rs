//! When a token is renewed.

use std::time::Duration;

use portcullis_store::CredentialRecord;
use sha2::{Digest, Sha256};

use super::{Need, RenewalSettings};
use crate::grant::Grant;
use crate::key_cache::micros;

/// How good an access token is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing to do.
    Good,
    /// Usable, and to be renewed meanwhile.
    Due,
    /// Ends so soon that it is used only if there is no new one.
    Ending,
    /// Ended, too old, or refused.
    Useless,
}

pub(super) fn standing(
    grant: &Grant,
    record: &CredentialRecord,
    need: &Need,
    settings: &RenewalSettings,
    seed: u64,
    now_us: i64,
) -> Standing {
    if need.not.as_ref().is_some_and(|not| not.is(&grant.access)) {
        return Standing::Useless;
    }
    let Some(ends_us) = ends_us(grant, need) else {
        return Standing::Good;
    };
    if now_us >= ends_us {
        return Standing::Useless;
    }
    // Without refresh token it is used to its very end.
    if grant.refresh.is_none() {
        return Standing::Good;
    }
    let life = ends_us.saturating_sub(grant.issued_us).max(0);
    let margin = micros(settings.margin).min(life / 10);
    let lead = micros(settings.renew_before).min(life / 3);
    let jitter = part(lead / 2, fraction(seed, record));
    if now_us >= ends_us.saturating_sub(margin) {
        Standing::Ending
    } else if now_us >= ends_us.saturating_sub(lead).saturating_sub(jitter) {
        Standing::Due
    } else {
        Standing::Good
    }
}

/// When the access token must not be used any more.
pub(super) fn ends_us(grant: &Grant, need: &Need) -> Option<i64> {
    let oldest = need
        .max_age
        .map(|age: Duration| grant.issued_us.saturating_add(micros(age)));
    match (grant.expires_us, oldest) {
        (Some(expires), Some(oldest)) => Some(expires.min(oldest)),
        (one, other) => one.or(other),
    }
}

/// The same for one version of one record in one process, so that asking often does not make a
/// token due early.
fn fraction(seed: u64, record: &CredentialRecord) -> u16 {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    hash.update(record.version.to_be_bytes());
    hash.update(record.id.as_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    digest
        .first_chunk()
        .map_or(0, |bytes| u16::from_be_bytes(*bytes))
}

/// `fraction`/65536 of `whole`.
fn part(whole: i64, fraction: u16) -> i64 {
    (whole >> 16) * i64::from(fraction) + (((whole & 0xffff) * i64::from(fraction)) >> 16)
}

#[cfg(test)]
mod tests;
