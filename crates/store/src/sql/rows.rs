//! Reading typed columns out of a row. Compiled for each database, see `sqlite.rs` and
//! `postgres.rs`.

use serde::de::DeserializeOwned;
use sqlx::{Decode, Row as _, Type};

use super::{Db, Row, plain};
use crate::{State, StoreError};

/// A row whose columns are read by name; a value of the wrong form is [`StoreError::Corrupt`].
pub(super) struct Columns<'r>(pub(super) &'r Row);

impl Columns<'_> {
    pub(super) fn read<T>(&self, column: &'static str) -> Result<T, StoreError>
    where
        T: Field,
    {
        self.0
            .try_get(column)
            .map(T::plain)
            .map_err(|_| StoreError::Corrupt { column })
    }

    /// A count, stored as a non-negative integer.
    pub(super) fn count(&self, column: &'static str) -> Result<u64, StoreError> {
        u64::try_from(self.read::<i64>(column)?).map_err(|_| StoreError::Corrupt { column })
    }

    pub(super) fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        let text: String = self.read(column)?;
        serde_json::from_str(&text).map_err(|_| StoreError::Corrupt { column })
    }

    pub(super) fn state(&self, column: &'static str) -> Result<State, StoreError> {
        self.optional_state(column)?
            .ok_or(StoreError::Corrupt { column })
    }

    pub(super) fn optional_state(&self, column: &'static str) -> Result<Option<State>, StoreError> {
        let name: Option<String> = self.read(column)?;
        name.map(|name| State::parse(&name).ok_or(StoreError::Corrupt { column }))
            .transpose()
    }
}

/// What is read from a column; text is [`plain`].
pub(super) trait Field: for<'r> Decode<'r, Db> + Type<Db> {
    fn plain(self) -> Self {
        self
    }
}

impl Field for bool {}
impl Field for i64 {}
impl Field for Option<i64> {}
impl Field for Vec<u8> {}

impl Field for String {
    fn plain(self) -> Self {
        plain(self)
    }
}

impl Field for Option<String> {
    fn plain(self) -> Self {
        self.map(plain)
    }
}
