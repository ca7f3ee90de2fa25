//! The parameters of a query or of a form.

use std::collections::BTreeMap;

use url::form_urlencoded;

/// Most bytes of a query or a form.
const MAX_BYTES: usize = 64 * 1024;

/// Parameters, each at most once. One without a value counts as absent (RFC 6749 section 3.1).
pub(crate) struct Parameters(BTreeMap<String, String>);

/// A parameter stands there twice, or it is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl Parameters {
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Malformed> {
        if text.len() > MAX_BYTES {
            return Err(Malformed);
        }
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(text) {
            if parameters
                .insert(name.into_owned(), value.into_owned())
                .is_some()
            {
                return Err(Malformed);
            }
        }
        parameters.retain(|_, value| !value.is_empty());
        Ok(Self(parameters))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_stands_there_once() {
        let read = Parameters::parse(b"a=1&b=&c=%20x").unwrap_or_else(|_| panic!("refused"));
        assert_eq!(read.get("a"), Some("1"));
        assert_eq!(read.get("b"), None);
        assert_eq!(read.get("c"), Some(" x"));
        for twice in [&b"a=1&a=1"[..], b"a=&a=1", b"a=1&%61=2"] {
            assert!(Parameters::parse(twice).is_err());
        }
        assert!(Parameters::parse(&vec![b'a'; MAX_BYTES + 1]).is_err());
    }
}
