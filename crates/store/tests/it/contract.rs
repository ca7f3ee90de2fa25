//! What each trait promises, for any implementation. Every function takes fresh, empty
//! stores.

pub(crate) mod audit;
pub(crate) mod grants;
pub(crate) mod registry;
pub(crate) mod replicas;
pub(crate) mod revocations;
pub(crate) mod sessions;
pub(crate) mod vault;

/// Calls the macro `$each` with every promise of every area.
macro_rules! every_promise {
    ($each:ident) => {
        $each! {
            audit:
                an_entry_reads_as_it_was_written,
                what_is_known_later_completes_the_beginning,
                the_first_closing_that_says_what_happened_counts,
                a_batch_is_stored_whole_or_not_at_all,
                an_entry_opens_once_and_closes_only_if_opened,
                an_append_may_be_repeated,
                unfinished_entries_are_found,
                each_filter_selects_its_entries,
                user_agent_and_application_are_told_apart,
                an_actor_is_found_wherever_it_stands,
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
            vault:
                a_credential_reads_as_it_was_added,
                a_key_has_one_active_credential,
                a_replacement_needs_the_version,
                of_many_replacements_one_counts,
                what_is_revoked_is_gone_for_good,
                each_credential_filter_selects,
                a_change_of_keys_finds_its_pages,
                a_vault_key_goes_when_nothing_needs_it,
                a_lease_has_one_holder,
                of_many_lessees_one_wins;
            revocations:
                a_revocation_reads_as_it_was_made,
                the_later_revocation_counts,
                the_revocation_generation_grows,
                an_expired_revocation_is_not_in_force;
            grants:
                a_value_is_taken_once,
                an_expired_value_is_not_given,
                of_many_takers_one_gets_it,
                of_many_putters_one_is_first,
                a_consent_is_for_exactly_what_was_asked,
                the_last_decision_counts,
                consents_are_listed_and_forgotten;
        }
    };
}
pub(crate) use every_promise;
