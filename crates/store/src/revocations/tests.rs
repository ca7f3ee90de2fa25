use super::*;

#[test]
fn every_kind_has_one_name_and_the_order_of_names() {
    for kind in RevocationKind::ALL {
        assert_eq!(RevocationKind::parse(kind.as_str()), Some(kind));
    }
    assert_eq!(RevocationKind::parse("User"), None);
    assert!(RevocationKind::ALL.is_sorted_by_key(|kind| kind.as_str()));
    assert!(RevocationKind::ALL.is_sorted());
}

const AT: i64 = 1_800_000_000;

fn revocation(kind: RevocationKind, expires_us: Option<i64>) -> Revocation {
    Revocation {
        kind,
        key: "ada".to_owned(),
        at_us: AT * 1_000_000 + 500_000,
        reason: String::new(),
        by: "operator".to_owned(),
        expires_us,
    }
}

#[test]
fn what_was_issued_later_is_believed_where_a_person_can_sign_in_anew() {
    for kind in RevocationKind::ALL {
        let signs_in = matches!(
            kind,
            RevocationKind::Agent
                | RevocationKind::Client
                | RevocationKind::User
                | RevocationKind::Workload
        );
        for (issued, stops) in [
            (None, true),
            (Some(0), true),
            (Some(AT - 1), true),
            (Some(AT), true),
            (Some(AT + 1), !signs_in),
            (Some(i64::MAX), !signs_in),
        ] {
            let stopped = revocation(kind, None).stops(issued, i64::MAX);
            assert_eq!(stopped, stops, "{kind:?} {issued:?}");
        }
    }
}

#[test]
fn a_revocation_ends_with_its_time() {
    for (now_us, stops) in [(99, true), (100, false), (101, false)] {
        let stopped = revocation(RevocationKind::Server, Some(100)).stops(None, now_us);
        assert_eq!(stopped, stops, "{now_us}");
    }
}
