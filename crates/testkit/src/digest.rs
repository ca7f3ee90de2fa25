//! SHA-256 in the form that the audit trail uses.

use sha2::{Digest, Sha256};

/// `sha256:` and 64 hexadecimal digits.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    let digits: Vec<String> = Sha256::digest(bytes.as_ref())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{}", digits.concat())
}
