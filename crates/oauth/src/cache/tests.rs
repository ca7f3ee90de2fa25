use std::sync::atomic::AtomicUsize;

use super::*;
use crate::clock::FixedClock;

const MINUTE: Duration = Duration::from_secs(60);

fn cache(capacity: usize) -> (Arc<FixedClock>, Cache<u32, u32>) {
    let clock = Arc::new(FixedClock::default());
    (Arc::clone(&clock), Cache::new(capacity, clock))
}

#[tokio::test]
async fn keeps_an_answer_as_long_as_it_was_told() {
    let (clock, cache) = cache(10);
    assert_eq!(cache.get(1, || async { (10, MINUTE) }).await, 10);
    clock.advance(MINUTE - Duration::from_millis(1));
    assert_eq!(cache.get(1, || async { (11, MINUTE) }).await, 10);
    clock.advance(Duration::from_millis(1));
    assert_eq!(cache.get(1, || async { (12, MINUTE) }).await, 12);
    assert_eq!(cache.get(2, || async { (20, MINUTE) }).await, 20);
    cache.clear();
    assert_eq!(cache.get(1, || async { (13, MINUTE) }).await, 13);
}

#[tokio::test]
async fn many_who_ask_at_once_cause_one_fetch_even_if_it_is_not_kept() {
    let (_clock, cache) = cache(10);
    let cache = Arc::new(cache);
    let fetches = Arc::new(AtomicUsize::new(0));
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let mut waiting = Vec::new();
    for _ in 0..500 {
        let (cache, fetches, gate) = (cache.clone(), fetches.clone(), gate.clone());
        waiting.push(tokio::spawn(async move {
            cache
                .get(1, || async {
                    fetches.fetch_add(1, Ordering::SeqCst);
                    gate.acquire().await.unwrap().forget();
                    (7, Duration::ZERO)
                })
                .await
        }));
    }
    // One thread: by the time this runs again, every task has come as far as it can.
    tokio::task::yield_now().await;
    gate.add_permits(1);
    for task in waiting {
        assert_eq!(task.await.unwrap(), 7);
    }
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
    assert_eq!(cache.get(1, || async { (8, MINUTE) }).await, 8);
}

#[tokio::test]
async fn the_next_in_line_fetches_when_the_first_goes_away() {
    let (_clock, cache) = cache(10);
    let cache = Arc::new(cache);
    let first = {
        let cache = cache.clone();
        tokio::spawn(async move { cache.get(1, std::future::pending::<(u32, Duration)>).await })
    };
    tokio::task::yield_now().await;
    let second = {
        let cache = cache.clone();
        tokio::spawn(async move { cache.get(1, || async { (2, MINUTE) }).await })
    };
    tokio::task::yield_now().await;
    assert!(!second.is_finished());
    first.abort();
    assert_eq!(second.await.unwrap(), 2);
}

#[tokio::test]
async fn never_holds_more_than_its_capacity_and_drops_what_ends_first() {
    let (clock, cache) = cache(64);
    let lasting = || async { (0, MINUTE * 60) };
    for key in 0..8 {
        cache.get(key, lasting).await;
    }
    for key in 100..10_000 {
        cache.get(key, || async { (1, MINUTE) }).await;
        assert!(cache.len() <= 64);
    }
    for key in 0..8 {
        assert_eq!(cache.get(key, || async { (9, MINUTE) }).await, 0);
    }
    // What is over goes first, all of it, and then there is room without anything else going.
    clock.advance(MINUTE * 2);
    for key in 20_000..20_040 {
        cache.get(key, lasting).await;
    }
    assert!(cache.len() <= 64);
    for key in 0..8 {
        assert_eq!(cache.get(key, || async { (9, MINUTE) }).await, 0);
    }
}
