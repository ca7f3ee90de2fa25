//! One renewal, by whichever replica gets the lease.

use std::time::Duration;

use portcullis_store::{CredentialKey, CredentialRecord};
use tokio::time::{sleep, timeout};

use super::outcome::{Event, RenewalError, Reuse};
use super::timing::{Standing, ends_us, standing};
use super::{Access, Inner, Need, RefreshError, RefreshRequest, Renewed, has_same_refresh};
use crate::error::VaultError;
use crate::grant::Grant;
use crate::key_cache::micros;

/// How long the store may take to write new tokens down.
const WRITING: Duration = Duration::from_secs(20);
/// How often a replica without the lease looks whether the other one is done.
const LOOK: Duration = Duration::from_millis(100);

impl Inner {
    /// Renews the grant of `key` unless it is good for `need`.
    pub(super) async fn attempt(
        &self,
        key: &CredentialKey,
        need: &Need,
    ) -> Result<Access, RenewalError> {
        let lease_us = micros(self.settings.patience.saturating_add(WRITING));
        let give_up_us = self.now().saturating_add(lease_us);
        loop {
            let (record, grant) = match self.read(key).await {
                // It was there when the flight began.
                Err(RenewalError::NotConnected) => return Err(RenewalError::Ended),
                other => other?,
            };
            let now_us = self.now();
            let how = standing(&grant, &record, need, &self.settings, self.seed, now_us);
            if how == Standing::Good {
                return Ok(Access::of(&record.id, &grant));
            }
            if grant.refresh.is_none() {
                self.end(&record, None).await?;
                return Err(RenewalError::Ended);
            }
            if let Some(until_us) = self
                .backoff
                .until(&record.id)
                .filter(|&until| now_us < until)
            {
                let retry_us = Some(until_us);
                return Err(RenewalError::Unavailable { retry_us });
            }
            let lease = format!("renew:{}", record.id);
            let until_us = now_us.saturating_add(lease_us);
            let store = self.vault.store();
            let is_ours = store
                .lease(&lease, &self.holder, now_us, until_us)
                .await
                .map_err(VaultError::from)?;
            if !is_ours {
                let is_usable = ends_us(&grant, need).is_none_or(|ends_us| now_us < ends_us)
                    && how != Standing::Useless;
                if is_usable {
                    return Ok(Access::of(&record.id, &grant));
                }
                if now_us >= give_up_us {
                    return Err(RenewalError::Unavailable { retry_us: None });
                }
                sleep(LOOK).await;
                continue;
            }
            let result = self.under_lease(key, &record, need).await;
            if let Err(error) = store.release_lease(&lease, &self.holder).await {
                tracing::warn!(%error, "a lease could not be given back; it ends by itself");
            }
            match result {
                Ok(Some(access)) => return Ok(access),
                // Others changed the record: look again.
                Ok(None) if self.now() < give_up_us => {}
                Ok(None) => return Err(RenewalError::Unavailable { retry_us: None }),
                Err(error) => return Err(error),
            }
        }
    }

    /// Asks the authorization server, now that nobody else does. `None` if the record changed.
    async fn under_lease(
        &self,
        key: &CredentialKey,
        seen: &CredentialRecord,
        need: &Need,
    ) -> Result<Option<Access>, RenewalError> {
        // Who had the lease before may have renewed it after we looked.
        let (record, grant) = match self.read(key).await {
            Err(RenewalError::NotConnected) => return Err(RenewalError::Ended),
            other => other?,
        };
        if record.id != seen.id || record.version != seen.version {
            return Ok(None);
        }
        let Some(refresh_token) = &grant.refresh else {
            return Ok(None);
        };
        let request = RefreshRequest {
            key,
            refresh_token,
            scopes: &grant.scopes,
        };
        let answer = timeout(self.settings.patience, self.refresh.refresh(&request)).await;
        match answer.unwrap_or(Err(RefreshError::Temporary { retry_after: None })) {
            Ok(renewed) => self.keep(record, grant, renewed, need).await,
            Err(RefreshError::Grant) => self.refused_grant(key, &record, &grant).await,
            Err(RefreshError::Client { code }) => {
                let longest = Some(self.settings.longest_pause);
                let id = record.id.clone();
                self.backoff.fail(&id, longest, &self.settings, self.now());
                (self.on_event)(Event::Refused {
                    id,
                    key: key.clone(),
                    code: code.clone(),
                });
                Err(RenewalError::Refused { code })
            }
            Err(RefreshError::Temporary { retry_after }) => {
                let id = record.id.clone();
                let now_us = self.now();
                let retry_us = self.backoff.fail(&id, retry_after, &self.settings, now_us);
                (self.on_event)(Event::Delayed {
                    id,
                    key: key.clone(),
                    retry_us,
                });
                Err(RenewalError::Unavailable {
                    retry_us: Some(retry_us),
                })
            }
        }
    }

    /// Writes new tokens down. The old refresh token is worth nothing any more, so this does not
    /// give up easily.
    async fn keep(
        &self,
        mut record: CredentialRecord,
        old: Grant,
        renewed: Renewed,
        need: &Need,
    ) -> Result<Option<Access>, RenewalError> {
        let now_us = self.now();
        let expires_us = renewed
            .expires_in
            .map(|life| now_us.saturating_add(micros(life)));
        let new = old.renewed(
            renewed.access.clone(),
            renewed.refresh.clone(),
            renewed.scopes.clone(),
            now_us,
            expires_us,
        );
        let content = new.encode();
        let give_up_us = now_us.saturating_add(micros(WRITING) / 2);
        loop {
            let written = match self.vault.replace(&record, &content, new.ends_us()).await {
                Ok(Some(_)) => {
                    self.backoff.forget(&record.id);
                    (self.on_event)(Event::Renewed {
                        id: record.id.clone(),
                        key: record.key.clone(),
                        rotated: !has_same_refresh(&old, &new),
                    });
                    return self.judge(&record, &new, need).map(Some);
                }
                Ok(None) => self.read(&record.key).await,
                Err(error) => Err(error.into()),
            };
            let failure: RenewalError = match written {
                // Only its sealing changed: the keys of the vault are being rotated.
                Ok((current, grant))
                    if current.id == record.id && has_same_refresh(&grant, &old) =>
                {
                    record = current;
                    if self.now() < give_up_us {
                        continue;
                    }
                    VaultError::Contended.into()
                }
                // A new sign-in, or another replica, was first.
                Ok(_) => {
                    self.give_back(&record, &renewed).await;
                    return Ok(None);
                }
                Err(RenewalError::NotConnected) => {
                    self.give_back(&record, &renewed).await;
                    return Err(RenewalError::Ended);
                }
                Err(error) => error,
            };
            if self.now() >= give_up_us {
                (self.on_event)(Event::Lost {
                    id: record.id,
                    key: record.key,
                });
                return Err(failure);
            }
            sleep(LOOK).await;
        }
    }

    async fn give_back(&self, record: &CredentialRecord, renewed: &Renewed) {
        self.refresh.discard(&record.key, renewed).await;
        (self.on_event)(Event::Discarded {
            id: record.id.clone(),
            key: record.key.clone(),
        });
    }

    /// A new token that is useless at once (a server that gives out ended ones, or one that is
    /// older than allowed) must not make us ask again and again.
    fn judge(
        &self,
        record: &CredentialRecord,
        grant: &Grant,
        need: &Need,
    ) -> Result<Access, RenewalError> {
        let now_us = self.now();
        let how = standing(grant, record, need, &self.settings, self.seed, now_us);
        if how != Standing::Useless {
            return Ok(Access::of(&record.id, grant));
        }
        let retry_us = self.backoff.fail(&record.id, None, &self.settings, now_us);
        Err(RenewalError::Unavailable {
            retry_us: Some(retry_us),
        })
    }

    /// `invalid_grant`. If the record is still what we asked with, the grant is over.
    async fn refused_grant(
        &self,
        key: &CredentialKey,
        record: &CredentialRecord,
        grant: &Grant,
    ) -> Result<Option<Access>, RenewalError> {
        match self.read(key).await {
            Err(RenewalError::NotConnected) => return Err(RenewalError::Ended),
            // A replica whose lease we took over came to its end after all.
            Ok((current, held)) if current.id != record.id || !has_same_refresh(&held, grant) => {
                return Ok(None);
            }
            Ok(_) => {}
            Err(error) => return Err(error),
        }
        let reuse = grant.was_rotated().then_some(Reuse::RefusedAfterRotation);
        self.end(record, reuse).await?;
        Err(RenewalError::Ended)
    }
}
