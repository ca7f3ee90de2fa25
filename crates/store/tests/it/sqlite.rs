//! SQLite keeps every promise of the contract, in memory and in a file.

use std::sync::Arc;

use portcullis_store::Sqlite;

use crate::contract::{audit, registry, sessions};

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

promises! {
    audit:
        an_entry_reads_as_it_was_written,
        what_is_known_later_completes_the_beginning,
        the_first_closing_that_says_what_happened_counts,
        a_batch_is_stored_whole_or_not_at_all,
        an_entry_opens_once_and_closes_only_if_opened,
        an_append_may_be_repeated,
        unfinished_entries_are_found,
        each_filter_selects_its_entries,
        filter_text_is_never_syntax,
        pages_follow_each_other,
        huge_counts_are_limited;
    registry:
        a_version_reads_as_it_was_observed,
        a_known_version_keeps_its_state,
        the_last_sight_moves_at_most_once_a_minute,
        approval_withdraws_the_version_approved_before,
        sight_never_displaces_an_approval,
        an_unknown_version_cannot_be_decided,
        the_generation_grows_with_every_change,
        history_tells_every_step;
    sessions:
        an_ended_session_stays_ended_until_purged,
        ending_again_keeps_the_later_expiry,
        a_secret_is_made_once,
        secrets_of_a_race_agree;
}
