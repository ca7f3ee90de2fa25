//! SQLite keeps every promise of the contract, in memory and in a file.

use std::sync::Arc;

use portcullis_store::Sqlite;

use crate::contract::{audit, every_promise, grants, registry, revocations, sessions, vault};

/// One test per promise and backend.
macro_rules! promises {
    ($($area:ident: $($promise:ident),+;)+) => {
        mod in_memory {
            use super::*;
            $($(
                #[tokio::test]
                async fn $promise() {
                    $area::$promise(Arc::new(Sqlite::open_in_memory().await.unwrap())).await;
                }
            )+)+
        }
        mod in_a_file {
            use super::*;
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    let folder = tempfile::tempdir().unwrap();
                    let store = Sqlite::open(&folder.path().join("store.db")).await.unwrap();
                    $area::$promise(Arc::new(store)).await;
                }
            )+)+
        }
    };
}

every_promise!(promises);
