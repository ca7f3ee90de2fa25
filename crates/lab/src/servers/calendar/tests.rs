use super::*;

#[test]
fn gaps_are_found_between_events() {
    let check = |day: &str, wanted: u32, expected: Option<&str>| {
        let found = first_gap(&sample_events(), day, wanted).map(clock);
        assert_eq!(found.as_deref(), expected, "{day} {wanted}");
    };
    check("2026-11-23", 30, Some("09:30"));
    check("2026-11-23", 60, Some("12:00"));
    check("2026-11-24", 60, Some("10:30"));
    check("2026-11-25", 30, Some("09:00"));
    check("2026-11-25", 60, Some("12:00"));
    check("2026-11-25", 90, None);
    check("2026-11-26", 120, Some("09:00"));
    check("2026-11-27", 480, None);
    check("2026-11-28", 480, Some("09:00"));
}

#[test]
fn exactly_one_event_is_confidential() {
    let events = sample_events();
    assert_eq!(
        events
            .iter()
            .filter(|event| event.title.contains("confidential"))
            .count(),
        1
    );
    assert!(week_as_text(&events).contains(CONFIDENTIAL));
    assert!(events.is_sorted_by_key(|event| (event.day.clone(), event.start.clone())));
}
