//! A credential in memory.

use std::fmt;
use std::str::Utf8Error;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretBox};
use zeroize::{Zeroize, Zeroizing};

/// Bytes that nobody may see by accident.
///
/// There is no `Display` and no `Serialize`, and `Debug` shows no content. Clones share one
/// buffer, which is overwritten when the last of them is dropped.
#[derive(Clone)]
pub struct Secret(Arc<SecretBox<[u8]>>);

impl Secret {
    /// Takes the bytes over. What `Vec` could not hand over without copying is overwritten.
    #[must_use]
    pub fn new(mut bytes: Vec<u8>) -> Self {
        // Shrinking to a boxed slice may move the bytes and leave the old place as it was.
        let boxed: Box<[u8]> = Box::from(bytes.as_slice());
        bytes.zeroize();
        Self(Arc::new(SecretBox::new(boxed)))
    }

    /// The bytes, for the one who sends or seals them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// The bytes as text, for a header or a form.
    ///
    /// # Errors
    /// When they are not UTF-8. The error holds a position and no bytes.
    pub fn expose_str(&self) -> Result<&str, Utf8Error> {
        std::str::from_utf8(self.expose())
    }

    /// Whether both hold the same bytes, in a time that depends on the length alone.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        let (left, right) = (self.expose(), other.expose());
        left.len() == right.len()
            && left
                .iter()
                .zip(right)
                .fold(0, |seen, (a, b)| seen | (a ^ b))
                == 0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes().to_vec())
    }
}

impl From<Zeroizing<Vec<u8>>> for Secret {
    fn from(mut bytes: Zeroizing<Vec<u8>>) -> Self {
        Self::new(std::mem::take(&mut *bytes))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests;
