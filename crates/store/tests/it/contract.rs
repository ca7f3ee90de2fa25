//! What each trait promises, for any implementation. Every function takes fresh, empty
//! stores.

pub(crate) mod audit;
pub(crate) mod registry;
pub(crate) mod sessions;
