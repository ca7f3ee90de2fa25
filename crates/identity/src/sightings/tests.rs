use super::*;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_token_that_moves_is_seen_each_time_it_does() {
    let sightings = Sightings::new();
    let seen = |name: &str, from: &str| sightings.moved("corp", name, address(from));
    assert!(!seen("a", "192.0.2.1"));
    assert!(!seen("a", "192.0.2.1"));
    assert!(seen("a", "192.0.2.2"));
    assert!(!seen("a", "::ffff:192.0.2.2"), "the same address");
    assert!(seen("a", "2001:db8::1"));
    assert!(!seen("a", "2001:db8::2"), "the same network");
    assert!(seen("a", "2001:db8:0:1::1"));
    assert!(!sightings.moved("other", "a", address("192.0.2.9")));
}

#[test]
fn more_tokens_than_slots_forget_but_do_not_accuse() {
    let sightings = Sightings::new();
    let wrong = (0..4 * SLOTS)
        .filter(|number| {
            let from = if number % 2 == 0 {
                "192.0.2.1"
            } else {
                "192.0.2.2"
            };
            sightings.moved("corp", &number.to_string(), address(from))
        })
        .count();
    // Two tokens have the same mark by chance once in 2^32 / 2^15 pairs that share a slot.
    assert!(wrong <= 3, "{wrong}");
}
