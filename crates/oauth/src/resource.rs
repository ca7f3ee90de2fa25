//! Resource indicators (RFC 8707).

use std::fmt;

use url::Url;

/// A resource that a token is for: an absolute URI without a fragment, kept byte for byte as it was
/// given, because servers compare it so.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resource(String);

/// Why a text names no resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a resource is an absolute URI without a fragment")]
pub struct ResourceError;

impl Resource {
    /// Reads one (RFC 8707 section 2).
    ///
    /// # Errors
    /// When it is not an absolute URI, has a fragment or userinfo, or is over 2,048 bytes.
    pub fn parse(text: &str) -> Result<Self, ResourceError> {
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        let url = Url::parse(text).map_err(|_| ResourceError)?;
        let userinfo = !url.username().is_empty() || url.password().is_some();
        if text.len() > 2048 || !printable || url.fragment().is_some() || userinfo {
            return Err(ResourceError);
        }
        Ok(Self(text.to_owned()))
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_was_given_and_refuses_what_is_no_resource() {
        for right in [
            "https://Mcp.example.com",
            "https://a/b/",
            "api://guid",
            "urn:x:y",
        ] {
            assert_eq!(Resource::parse(right).unwrap().as_str(), right);
        }
        let long = format!("https://a/{}", "b".repeat(2048));
        for wrong in [
            "",
            "/a",
            "https://a/#f",
            "https://u:p@a/",
            "https://a/ b",
            "https://ä/",
            &long,
        ] {
            assert_eq!(Resource::parse(wrong), Err(ResourceError), "{wrong}");
        }
    }
}
