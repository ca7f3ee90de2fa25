use std::thread;

use super::*;

fn digest(number: u32) -> [u8; 32] {
    crate::sha256(&number.to_be_bytes())
}

#[test]
fn what_was_verified_is_known_and_nothing_else() {
    let verified = Verified::default();
    assert!(!verified.contains(&digest(1)));
    verified.remember(digest(1));
    assert!(verified.contains(&digest(1)));
    assert!(!verified.contains(&digest(2)));
    // Neither is what differs in the last bit, nor what an empty place might look like.
    let mut near = digest(1);
    near[31] ^= 1;
    assert!(!verified.contains(&near));
    assert!(!verified.contains(&[0; 32]));
}

#[test]
fn the_latest_has_the_place() {
    let verified = Verified::default();
    let (one, mut other) = ([7; 32], [7; 32]);
    other[31] = 8;
    verified.remember(one);
    verified.remember(other);
    assert!(verified.contains(&other));
    assert!(!verified.contains(&one));
}

#[test]
fn memory_is_bounded() {
    let verified = Verified::default();
    for number in 0..20_000 {
        verified.remember(digest(number));
    }
    let known = (0..20_000).filter(|number| verified.contains(&digest(*number)));
    let known = known.count();
    assert!(known <= SLOTS && known > SLOTS / 2, "{known}");
    assert!(verified.contains(&digest(19_999)));
}

#[test]
fn threads_never_wait_and_never_see_another_token() {
    let verified = Verified::default();
    let of = |thread: u32| {
        let mut digest = [0; 32];
        digest[31] = 1 + u8::try_from(thread).unwrap();
        digest
    };
    thread::scope(|scope| {
        for thread in 0..4 {
            let verified = &verified;
            scope.spawn(move || {
                for _ in 0..10_000 {
                    verified.remember(of(thread));
                    assert!(!verified.contains(&of(7)));
                }
            });
        }
    });
    let known = (0..4).filter(|thread| verified.contains(&of(*thread)));
    assert_eq!(known.count(), 1);
}
