use super::*;

#[test]
fn twenty_lines_a_second_then_a_count() {
    let start = Instant::now();
    let mut throttle = Throttle::default();
    let admitted = (0..100).filter(|_| throttle.line(start).admit).count();
    assert_eq!(admitted, 20);
    assert_eq!(throttle.due(), Some(start + WINDOW));
    assert_eq!(throttle.roll(start + Duration::from_millis(999)), None);
    assert_eq!(
        throttle.line(start + WINDOW),
        Verdict {
            report: Some(80),
            admit: true
        }
    );
    assert_eq!(throttle.due(), None, "the count is reported once");
}

#[test]
fn a_quiet_stream_reports_nothing() {
    let start = Instant::now();
    let mut throttle = Throttle::default();
    for second in 0..5 {
        let verdict = throttle.line(start + Duration::from_secs(second));
        assert_eq!(
            verdict,
            Verdict {
                report: None,
                admit: true
            }
        );
    }
    assert_eq!(throttle.close(), None);
}
