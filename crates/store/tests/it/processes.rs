//! Several handles on one database stand for several processes: they share nothing else.

use std::sync::Arc;

use portcullis_store::{Postgres, Sqlite, Store, StoreError};

use crate::contract::replicas;
use crate::server::database;

macro_rules! pairs {
    ($($promise:ident),+ $(,)?) => {
        mod sqlite {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $promise() {
                    let folder = tempfile::tempdir().unwrap();
                    let path = folder.path().join("store.db");
                    let one = Sqlite::open(&path).await.unwrap();
                    let two = Sqlite::open(&path).await.unwrap();
                    replicas::$promise(Arc::new(one), Arc::new(two)).await;
                }
            )+
        }
        mod postgres {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $promise() {
                    let Some(database) = database().await else { return };
                    let (one, two) = (database.open().await, database.open().await);
                    replicas::$promise(Arc::new(one), Arc::new(two)).await;
                }
            )+
        }
    };
}

pairs!(
    a_decision_is_visible_to_the_other,
    writers_wait_for_each_other,
    a_follower_misses_nothing,
    of_two_first_sights_one_is_pinned,
    of_two_renewals_one_counts,
    a_revocation_wins_against_a_renewal,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_file_may_be_opened_by_many_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    replicas::secrets_of_many_openers_agree(|| {
        let path = path.clone();
        async move { Arc::new(Sqlite::open(&path).await.unwrap()) as Arc<dyn Store> }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_database_may_be_opened_by_many_at_once() {
    let Some(database) = database().await else {
        return;
    };
    replicas::secrets_of_many_openers_agree(|| {
        let (address, folder) = (database.address.clone(), database.folder.path().to_owned());
        async move { Arc::new(Postgres::open(&address, &folder).await.unwrap()) as Arc<dyn Store> }
    })
    .await;
}

#[tokio::test]
async fn a_reader_of_a_file_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let writer = Sqlite::open(&path).await.unwrap();
    let reader = Sqlite::open_read_only(&path).await.unwrap();
    replicas::a_reader_writes_nothing(Arc::new(writer), Arc::new(reader)).await;
}

#[tokio::test]
async fn a_reader_of_postgres_writes_nothing() {
    let Some(database) = database().await else {
        return;
    };
    let writer = database.open().await;
    let reader = Postgres::open_read_only(&database.address, database.folder.path())
        .await
        .unwrap();
    replicas::a_reader_writes_nothing(Arc::new(writer), Arc::new(reader)).await;
}

#[tokio::test]
async fn reading_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let refused = Sqlite::open_read_only(&path).await;
    assert!(
        matches!(refused, Err(StoreError::Open { .. })),
        "{refused:?}"
    );
    assert!(!path.exists());
}
