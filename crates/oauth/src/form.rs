//! The form of a request to a token, introspection or revocation endpoint.

use bytes::Bytes;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded;

/// Pairs in `application/x-www-form-urlencoded`. They may be secrets: there is no `Debug`, and the
/// text is wiped from memory with the last handle on it.
#[derive(Clone)]
pub struct Form {
    text: Zeroizing<String>,
    secrets: Vec<SecretString>,
}

impl Form {
    /// A form without pairs.
    pub fn new() -> Self {
        // Room for long tokens at once: a buffer that grows leaves copies behind.
        Self {
            text: Zeroizing::new(String::with_capacity(16 * 1024)),
            secrets: Vec::new(),
        }
    }

    /// A form that begins with this `grant_type`.
    pub fn grant(grant_type: &str) -> Self {
        let mut form = Self::new();
        form.add("grant_type", grant_type);
        form
    }

    /// Adds a pair.
    pub fn add(&mut self, name: &str, value: &str) {
        if !self.text.is_empty() {
            self.text.push('&');
        }
        self.text
            .extend(form_urlencoded::byte_serialize(name.as_bytes()));
        self.text.push('=');
        self.text
            .extend(form_urlencoded::byte_serialize(value.as_bytes()));
    }

    /// Adds a pair if there is a value.
    pub fn add_some(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }

    /// Adds a pair whose value is a secret. No answer that holds it is quoted.
    pub fn add_secret(&mut self, name: &str, value: &SecretString) {
        self.add(name, value.expose_secret());
        self.secrets.push(value.clone());
    }

    pub(crate) fn remember(&mut self, secret: &SecretString) {
        self.secrets.push(secret.clone());
    }

    /// The body, and the secrets that stand in it.
    pub(crate) fn finish(self) -> (Bytes, Vec<SecretString>) {
        let body = Bytes::from_owner(Wiped(self.text));
        (body, self.secrets)
    }
}

impl Default for Form {
    fn default() -> Self {
        Self::new()
    }
}

struct Wiped(Zeroizing<String>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_names_and_values() {
        let mut form = Form::grant("a b");
        form.add("x&y", "1=2+3");
        form.add_some("none", None);
        form.add_secret("token", &SecretString::from("é"));
        let (body, secrets) = form.finish();
        assert_eq!(body, "grant_type=a+b&x%26y=1%3D2%2B3&token=%C3%A9");
        assert_eq!(secrets.len(), 1);
    }
}
