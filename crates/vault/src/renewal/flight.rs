//! One renewal of one grant in this process, and all who wait for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use portcullis_store::CredentialKey;
use tokio::sync::watch;

use super::outcome::RenewalError;
use super::{Access, Inner, Need};

type Outcome = Result<Access, RenewalError>;

/// By record id.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<String, watch::Receiver<Option<Outcome>>>>);

/// A seat in a flight. Leaving it does not end the flight.
pub(super) struct Seat(watch::Receiver<Option<Outcome>>);

impl Seat {
    pub(super) async fn landed(mut self) -> Outcome {
        match self.0.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone(),
            Err(_) => None,
        }
        // The task is gone without an outcome: it panicked, or the process ends.
        .unwrap_or(Err(RenewalError::Unavailable { retry_us: None }))
    }
}

impl Inner {
    /// Joins the flight of the record, or begins one.
    ///
    /// A flight is a task of its own: between the authorization server's answer and the store
    /// there is a refresh token that exists nowhere else, so no caller who goes away may end it.
    pub(super) fn join(self: &Arc<Self>, id: &str, key: &CredentialKey, need: &Need) -> Seat {
        let mut flights = self
            .flights
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(id) {
            return Seat(flight.clone());
        }
        let (landing, seat) = watch::channel(None);
        flights.insert(id.to_owned(), seat.clone());
        let on_board = OnBoard {
            inner: Arc::clone(self),
            id: id.to_owned(),
        };
        let (key, need) = (key.clone(), need.clone());
        tokio::spawn(async move {
            let outcome = on_board.inner.attempt(&key, &need).await;
            // First gone, then landed: who comes after the outcome begins a new flight.
            drop(on_board);
            landing.send_replace(Some(outcome));
        });
        Seat(seat)
    }
}

/// Removes the flight whatever happens to its task.
struct OnBoard {
    inner: Arc<Inner>,
    id: String,
}

impl Drop for OnBoard {
    fn drop(&mut self) {
        let flights = &self.inner.flights.0;
        let mut flights = flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.remove(&self.id);
    }
}
