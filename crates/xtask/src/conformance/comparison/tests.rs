use super::*;

fn results(scenario: &str, checks: &[(&str, &str)]) -> Results {
    let checks: Vec<_> = checks
        .iter()
        .map(|(id, status)| serde_json::json!({"id": id, "name": "N", "status": status}))
        .collect();
    let mut results = Results::default();
    let text = serde_json::to_string(&checks).unwrap();
    results.add(scenario, &text).unwrap();
    results
}

fn check(direct: &[(&str, &str)], through: &[(&str, &str)], different: &[&str]) {
    let scenarios = ["s".to_owned()];
    let found = compare(&scenarios, &results("s", direct), &results("s", through));
    let ids: Vec<&str> = found.iter().map(|one| one.check.as_str()).collect();
    assert_eq!(ids, different, "{direct:?} {through:?}");
}

#[test]
fn what_passes_directly_has_to_pass() {
    check(&[("a", "SUCCESS")], &[("a", "SUCCESS")], &[]);
    check(&[("a", "SUCCESS")], &[("a", "FAILURE")], &["a"]);
    check(&[("a", "SUCCESS")], &[("a", "WARNING")], &["a"]);
    check(&[("a", "SUCCESS")], &[("a", "SKIPPED")], &["a"]);
    check(&[("a", "SUCCESS")], &[("b", "SUCCESS")], &["a"]);
    check(
        &[("a", "SUCCESS"), ("a", "SUCCESS")],
        &[("a", "SUCCESS")],
        &["a"],
    );
    check(&[("a", "SKIPPED")], &[("a", "FAILURE")], &["a"]);
    check(&[("a", "FAILURE")], &[("a", "FAILURE")], &[]);
    check(&[("a", "SKIPPED")], &[("a", "SKIPPED")], &[]);
    check(&[], &[("a", "FAILURE")], &["a"]);
    check(&[("a", "INFO")], &[], &[]);
}

#[test]
fn a_scenario_without_results_is_a_difference() {
    let direct = results("s", &[("a", "SUCCESS")]);
    let found = compare(&["s".to_owned()], &direct, &Results::default());
    assert_eq!(found.len(), 1);
    assert_eq!(found.first().unwrap().to_string(), "s: wrote no results");
    assert_eq!(
        failures("t", &["s".to_owned()], &direct),
        Vec::<String>::new()
    );
    assert_eq!(
        failures("t", &["s".to_owned()], &Results::default()).len(),
        1
    );
    assert_eq!(
        failures("t", &[], &results("s", &[("a", "FAILURE")])).len(),
        1
    );
}

#[test]
fn a_file_of_another_form_is_an_error() {
    assert!(Results::default().add("s", "{}").is_err());
    assert!(
        Results::default()
            .add("s", r#"[{"id":"a","status":"GREAT"}]"#)
            .is_err()
    );
}
