//! Hearing at once of what other processes change.

use sqlx::postgres::{PgListener, PgPool};
use tokio::sync::Mutex;

use super::failure;
use crate::StoreError;

/// As the trigger function of `0002_registry.sql` has it.
const CHANNEL: &str = "portcullis_change";

/// One connection that listens, opened when somebody first waits.
#[derive(Default)]
pub(super) struct News(Mutex<Option<PgListener>>);

impl News {
    /// Waits until definitions or revocations change. What changed before the first wait, or
    /// while the connection was down, is missed.
    pub(super) async fn wait(&self, pool: &PgPool) -> Result<(), StoreError> {
        let mut listener = self.0.lock().await;
        let heard = match &mut *listener {
            Some(listener) => listener.recv().await,
            none => {
                let mut begun = PgListener::connect_with(pool)
                    .await
                    .map_err(failure::translate)?;
                begun.listen(CHANNEL).await.map_err(failure::translate)?;
                none.insert(begun).recv().await
            }
        };
        if heard.is_err() {
            // The pool is closed, or the server cannot be reached: the next wait begins anew.
            *listener = None;
        }
        heard.map(drop).map_err(failure::translate)
    }

    /// Gives the connection back, for which a pool waits when it closes. Whoever waits right now
    /// learns of that end from the pool.
    pub(super) fn close(&self) {
        if let Ok(mut listener) = self.0.try_lock() {
            *listener = None;
        }
    }
}
