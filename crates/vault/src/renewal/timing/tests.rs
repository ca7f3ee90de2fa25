use portcullis_store::{CredentialKey, CredentialState};

use super::*;
use crate::secret::Secret;

const SECOND: i64 = 1_000_000;

fn record(version: i64) -> CredentialRecord {
    CredentialRecord {
        id: "r1".to_owned(),
        key: CredentialKey {
            tenant: String::new(),
            principal: "ana".to_owned(),
            server: "crm".to_owned(),
            issuer: "as".to_owned(),
            kind: "user-grant".to_owned(),
        },
        key_id: "k".to_owned(),
        version,
        state: CredentialState::Active,
        created_us: 0,
        updated_us: 0,
        expires_us: None,
    }
}

fn grant(life_s: Option<i64>, refresh: bool) -> Grant {
    Grant::new(
        Secret::from("access"),
        refresh.then(|| Secret::from("refresh")),
        "Bearer",
        Vec::new(),
        0,
        life_s.map(|life| life * SECOND),
    )
}

fn at(grant: &Grant, need: &Need, seed: u64, second: i64) -> Standing {
    let settings = RenewalSettings::default();
    standing(grant, &record(1), need, &settings, seed, second * SECOND)
}

#[test]
fn an_hour_is_renewed_in_its_last_minutes() {
    let (grant, need) = (grant(Some(3600), true), Need::default());
    for seed in 0..50 {
        for (second, expected) in [
            (0, Standing::Good),
            (3600 - 300 - 150 - 1, Standing::Good),
            (3600 - 300, Standing::Due),
            (3600 - 11, Standing::Due),
            (3600 - 10, Standing::Ending),
            (3599, Standing::Ending),
            (3600, Standing::Useless),
        ] {
            assert_eq!(at(&grant, &need, seed, second), expected, "{seed} {second}");
        }
    }
}

#[test]
fn replicas_begin_at_different_times_and_each_always_at_the_same() {
    let (grant, need) = (grant(Some(3600), true), Need::default());
    let first = |seed| (0..3600).find(|&second| at(&grant, &need, seed, second) == Standing::Due);
    let firsts: Vec<_> = (0..20).map(|seed| first(seed).unwrap()).collect();
    let mut different = firsts.clone();
    different.sort_unstable();
    different.dedup();
    assert!(different.len() > 10, "{firsts:?}");
    assert!(firsts.iter().all(|second| (3150..=3300).contains(second)));
    assert_eq!(first(7), first(7));
}

#[test]
fn a_short_life_is_used_for_half_of_it() {
    // 60 s is shorter than the five minutes before the end: still not renewed at once.
    let (grant, need) = (grant(Some(60), true), Need::default());
    for seed in 0..50 {
        assert_eq!(at(&grant, &need, seed, 0), Standing::Good);
        assert_eq!(at(&grant, &need, seed, 29), Standing::Good);
        assert_eq!(at(&grant, &need, seed, 41), Standing::Due);
        assert_eq!(at(&grant, &need, seed, 55), Standing::Ending);
    }
}

#[test]
fn what_nothing_can_renew_is_used_to_the_end() {
    let (grant, need) = (grant(Some(3600), false), Need::default());
    assert_eq!(at(&grant, &need, 0, 3599), Standing::Good);
    assert_eq!(at(&grant, &need, 0, 3600), Standing::Useless);
}

#[test]
fn a_token_without_end_is_good_until_it_is_too_old_or_refused() {
    let grant = grant(None, true);
    assert_eq!(at(&grant, &Need::default(), 0, 1_000_000), Standing::Good);
    let young = Need {
        max_age: Some(Duration::from_secs(60)),
        not: None,
    };
    assert_eq!(at(&grant, &young, 0, 1), Standing::Good);
    assert_eq!(at(&grant, &young, 0, 60), Standing::Useless);
    for (token, expected) in [("access", Standing::Useless), ("other", Standing::Good)] {
        let need = Need {
            max_age: None,
            not: Some(Secret::from(token)),
        };
        assert_eq!(at(&grant, &need, 0, 1), expected, "{token}");
    }
}

#[test]
fn the_earlier_end_counts() {
    let need = Need {
        max_age: Some(Duration::from_secs(600)),
        not: None,
    };
    assert_eq!(
        at(&grant(Some(3600), true), &need, 0, 600),
        Standing::Useless
    );
    assert_eq!(at(&grant(Some(60), true), &need, 0, 60), Standing::Useless);
}

#[test]
fn a_part_is_never_more_than_the_whole() {
    for whole in [0, 1, 7, 150 * SECOND, i64::MAX / 2] {
        assert_eq!(part(whole, 0), 0);
        assert!(part(whole, u16::MAX) <= whole);
        let half = part(whole, 1 << 15);
        assert!((whole / 2 - half).abs() <= 1, "{whole} {half}");
    }
}
