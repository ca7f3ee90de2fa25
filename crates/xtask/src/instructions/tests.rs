use super::baseline::{Baseline, Verdict};
use super::{counted, judge, work};

fn baseline() -> Baseline {
    Baseline::parse("# why\n[instructions]\nparse = 1_000\nscreen = 200\n").unwrap()
}

#[test]
fn what_is_written_is_what_is_read() {
    let text = baseline().to_string();
    assert_eq!(Baseline::parse(&text).unwrap(), baseline());
    assert!(Baseline::parse("parse 1000").is_err());
}

#[test]
fn growth_over_five_percent_fails_and_anything_else_does_not() {
    let check = |parse: u64, screen: u64, fails: bool| {
        let counts = [("parse".to_owned(), parse), ("screen".to_owned(), screen)];
        assert_eq!(judge(&baseline(), &counts).is_err(), fails, "{counts:?}");
    };
    check(1_000, 200, false);
    check(1_050, 200, false);
    check(1_051, 200, true);
    check(1_000, 300, true);
    check(500, 100, false);
}

#[test]
fn work_that_only_one_side_knows_fails() {
    let unknown = [
        ("parse".to_owned(), 1_000),
        ("screen".to_owned(), 200),
        ("new".to_owned(), 1),
    ];
    assert!(judge(&baseline(), &unknown).unwrap_err().contains("new"));
    let missing = [("parse".to_owned(), 1_000)];
    assert!(judge(&baseline(), &missing).unwrap_err().contains("screen"));
}

#[test]
fn a_verdict_says_by_how_much() {
    assert_eq!(
        baseline().verdict("parse", 1_100).to_string(),
        "+10.0 %, more than is accepted"
    );
    assert_eq!(baseline().verdict("none", 1), Verdict::Unknown);
}

#[test]
fn the_count_is_read_from_either_form_of_the_summary() {
    assert_eq!(counted("==7== I   refs:      1,234,567\n"), Some(1_234_567));
    assert_eq!(counted("==7==\n==7== I refs:        89\n"), Some(89));
    assert_eq!(counted("==7== D refs: 5\n"), None);
    assert_eq!(work("envelope-call 200"), Some(("envelope-call", 200)));
}
