use super::*;

#[test]
fn a_step_is_shown_as_it_would_be_typed() {
    let step = Step::new("cargo  clippy --workspace")
        .arg("two words")
        .env("RUN_SLOW_TESTS", "1");
    assert_eq!(
        step.to_string(),
        "RUN_SLOW_TESTS=1 cargo clippy --workspace 'two words'"
    );
}

#[test]
fn a_failure_says_how_to_run_it_again() {
    let problem = Step::new("sh -c")
        .arg("exit 3")
        .run(Path::new("/"))
        .unwrap_err();
    assert_eq!(
        problem,
        "exit status: 3\nto run it again, in /:\n    sh -c 'exit 3'"
    );
    let problem = Step::new("sh -c")
        .arg("echo why >&2; exit 1")
        .output(Path::new("/"))
        .unwrap_err();
    assert!(problem.ends_with("exit status: 1\nwhy"), "{problem}");
}

#[test]
fn output_is_what_was_printed() {
    let step = Step::new("sh -c")
        .arg("echo $GIVEN $CARGO_PKG_NAME")
        .env("GIVEN", "yes");
    assert_eq!(step.output(Path::new("/")).unwrap(), "yes\n");
}

#[test]
fn progress_stops_at_the_failure() {
    let mut progress = Progress::new(2);
    assert_eq!(progress.step("fine", || Ok(())), Ok(()));
    let problem = progress
        .step("broken", || Err("because".to_owned()))
        .unwrap_err();
    assert!(
        problem.starts_with("\n── broken failed after 0.0 s: because"),
        "{problem}"
    );
}
