//! SHA-256 digests in the one written form the product uses.

use sha2::{Digest, Sha256};

/// `sha256:` and 64 lower-case hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    written(&Sha256::digest(bytes).into())
}

/// A digest in that form.
pub(crate) fn written(digest: &[u8; 32]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(71);
    text.push_str("sha256:");
    for byte in digest {
        // Writing to a String cannot fail.
        let _infallible = write!(text, "{byte:02x}");
    }
    text
}
