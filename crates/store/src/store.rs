//! Everything that is stored, whichever database it is in.

use async_trait::async_trait;

use crate::{
    AuditStore, GrantStore, Postgres, RegistryStore, RevocationStore, SessionStore, Sqlite,
    StoreError, VaultStore,
};

/// All stores over one database. An `Arc<dyn Store>` turns into an `Arc<dyn AuditStore>` and the
/// others where one is wanted.
#[async_trait]
pub trait Store:
    AuditStore + RegistryStore + SessionStore + VaultStore + RevocationStore + GrantStore
{
    /// Waits for the statements under way and closes the connections of every clone. What was
    /// committed is durable without it.
    async fn close(&self);

    /// Waits until a process changes definitions or revocations, this one included. Whoever waits
    /// also asks for the generations from time to time: changes before the first wait, and while
    /// a connection is down, are missed, and SQLite never tells.
    ///
    /// # Errors
    /// When the database cannot be listened to now.
    async fn changed(&self) -> Result<(), StoreError>;
}

#[async_trait]
impl Store for Sqlite {
    async fn close(&self) {
        Sqlite::close(self).await;
    }

    async fn changed(&self) -> Result<(), StoreError> {
        std::future::pending().await
    }
}

#[async_trait]
impl Store for Postgres {
    async fn close(&self) {
        Postgres::close(self).await;
    }

    async fn changed(&self) -> Result<(), StoreError> {
        Postgres::changed(self).await
    }
}
