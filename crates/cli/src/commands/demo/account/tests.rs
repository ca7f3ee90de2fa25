use portcullis_lab::story::Scenario;

use super::super::trail::Evidence;
use super::{Account, Act, Ending};

fn ending(attack_succeeded: bool, task_done: bool, report: Option<&str>) -> Ending {
    Ending {
        attack_succeeded,
        task_done,
        led_astray: false,
        evidence: "seen".to_owned(),
        report: report.map(str::to_owned),
    }
}

fn evidence() -> Vec<Evidence> {
    vec![Evidence::refusal_for_tests("definition-held")]
}

fn check(id: &str, without: Ending, with: Ending, evidence: Vec<Evidence>, objections: usize) {
    let act = Act::judge(Scenario::find(id).unwrap(), without, with, evidence);
    assert_eq!(act.objections.len(), objections, "{:?}", act.objections);
    assert_eq!(act.passed, objections == 0);
    assert_eq!(Account::new(vec![act], &[], 0.0).passed, objections == 0);
}

#[test]
fn an_attack_counts_as_stopped_only_on_evidence() {
    let id = "rug-pull";
    check(
        id,
        ending(true, true, None),
        ending(false, true, None),
        evidence(),
        0,
    );
    // It got through.
    check(
        id,
        ending(true, true, None),
        ending(true, true, None),
        evidence(),
        1,
    );
    // Nothing was there to be stopped.
    check(
        id,
        ending(false, true, None),
        ending(false, true, None),
        evidence(),
        1,
    );
    // Everything was broken, the attack as well.
    check(
        id,
        ending(true, true, None),
        ending(false, false, None),
        evidence(),
        1,
    );
    // Nobody knows why it failed.
    check(
        id,
        ending(true, true, None),
        ending(false, true, None),
        Vec::new(),
        1,
    );
    // The guarded side could not be played.
    check(
        id,
        ending(true, true, None),
        Ending::unplayed("gone".to_owned()),
        Vec::new(),
        2,
    );
}

#[test]
fn the_undisturbed_task_ends_alike_on_both_sides() {
    let done = |report| ending(false, true, Some(report));
    check("clean", done("a"), done("a"), Vec::new(), 0);
    check("clean", done("a"), done("b"), Vec::new(), 1);
    check(
        "clean",
        ending(false, true, None),
        ending(false, true, None),
        Vec::new(),
        1,
    );
    check(
        "clean",
        ending(false, false, Some("a")),
        done("a"),
        Vec::new(),
        1,
    );
    check(
        "clean",
        done("a"),
        ending(false, false, Some("a")),
        Vec::new(),
        1,
    );
}

#[test]
fn an_account_of_nothing_proves_nothing() {
    assert!(!Account::new(Vec::new(), &[], 0.0).passed);
}
