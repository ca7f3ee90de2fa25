//! A provider whose service can go away.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use portcullis_vault::keys::{Key, KeyError, KeyId, KeyProvider};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mood {
    Up,
    Down,
    Refusing,
    Forgetful,
}

pub(crate) struct Moody {
    inner: Arc<dyn KeyProvider>,
    pub(crate) mood: Mutex<Mood>,
    pub(crate) asked: AtomicUsize,
}

impl Moody {
    pub(crate) fn new(inner: Arc<dyn KeyProvider>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            mood: Mutex::new(Mood::Up),
            asked: AtomicUsize::new(0),
        })
    }

    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn mood(&self) -> Result<(), KeyError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match *self.mood.lock().unwrap() {
            Mood::Up => Ok(()),
            Mood::Down => Err(KeyError::Unavailable(None)),
            Mood::Refusing => Err(KeyError::Refused { status: 403 }),
            Mood::Forgetful => Err(KeyError::Unknown),
        }
    }
}

#[async_trait]
impl KeyProvider for Moody {
    fn id(&self) -> &KeyId {
        self.inner.id()
    }

    async fn wrap(&self, key: &Key, aad: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.mood()?;
        self.inner.wrap(key, aad).await
    }

    async fn unwrap(&self, wrapped: &[u8], aad: &[u8]) -> Result<Key, KeyError> {
        self.mood()?;
        self.inner.unwrap(wrapped, aad).await
    }
}
