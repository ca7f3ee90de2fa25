//! An authorization server that rotates refresh tokens.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use portcullis_vault::{CredentialKey, Refresh, RefreshError, RefreshRequest, Renewed, Secret};
use tokio::sync::Semaphore;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mood {
    Well,
    Down,
    TooBusy,
    UnknownClient,
    Mute,
}

pub(crate) struct Server {
    pub(crate) mood: Mutex<Mood>,
    pub(crate) rotates: bool,
    pub(crate) life: Duration,
    /// Requests pass one permit each; closed gates hold them.
    pub(crate) gate: Semaphore,
    /// Has this many requests in its hands.
    pub(crate) waiting: AtomicUsize,
    pub(crate) calls: AtomicUsize,
    pub(crate) discarded: AtomicUsize,
    family: Mutex<Option<usize>>,
}

pub(crate) fn access(number: usize) -> Secret {
    Secret::from(format!("canary-access-{number}"))
}

pub(crate) fn refresh(number: usize) -> Secret {
    Secret::from(format!("canary-refresh-{number}"))
}

impl Server {
    pub(crate) fn new(rotates: bool) -> Self {
        Self {
            mood: Mutex::new(Mood::Well),
            rotates,
            life: Duration::from_secs(3600),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            waiting: AtomicUsize::new(0),
            calls: AtomicUsize::new(0),
            discarded: AtomicUsize::new(0),
            family: Mutex::new(Some(0)),
        }
    }

    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// No request gets through until `open`.
    pub(crate) fn close(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn open(&self) {
        self.gate.add_permits(1_000);
    }

    /// Ends the family, as a user can who looks at the connected applications.
    pub(crate) fn forget(&self) {
        *self.family.lock().unwrap() = None;
    }

    /// A thief redeems the youngest refresh token before we do.
    pub(crate) fn redeem_elsewhere(&self) {
        let mut family = self.family.lock().unwrap();
        *family = family.map(|number| number + 1);
    }
}

#[async_trait]
impl Refresh for Server {
    async fn refresh(&self, request: &RefreshRequest<'_>) -> Result<Renewed, RefreshError> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        self.calls.fetch_add(1, Ordering::SeqCst);
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Well => {}
            Mood::Down => return Err(RefreshError::Temporary { retry_after: None }),
            Mood::TooBusy => {
                let retry_after = Some(Duration::from_secs(30));
                return Err(RefreshError::Temporary { retry_after });
            }
            Mood::UnknownClient => {
                let code = "invalid_client".to_owned();
                return Err(RefreshError::Client { code });
            }
            Mood::Mute => std::future::pending().await,
        }
        let mut family = self.family.lock().unwrap();
        let current = family.ok_or(RefreshError::Grant)?;
        let expected = if self.rotates { current } else { 0 };
        if !request.refresh_token.is(&refresh(expected)) {
            // RFC 9700 section 4.14.2: whoever came second, the family is dead.
            *family = None;
            return Err(RefreshError::Grant);
        }
        *family = Some(current + 1);
        Ok(Renewed {
            access: access(current + 1),
            refresh: self.rotates.then(|| refresh(current + 1)),
            expires_in: Some(self.life),
            scopes: None,
        })
    }

    async fn discard(&self, _: &CredentialKey, _: &Renewed) {
        self.discarded.fetch_add(1, Ordering::SeqCst);
    }
}
