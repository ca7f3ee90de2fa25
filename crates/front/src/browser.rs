//! The browser that a sign-in goes through, recognised by a cookie.
//!
//! The cookie says nothing about who uses the browser. It is what consents, forms and sign-ins that
//! have begun are bound to, so that nobody can end in one browser what was begun in another.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use crate::sealing::{digest, random_token};

/// `__Host-` makes browsers take it from this very host over a secure connection only.
const COOKIE_NAME: &str = "__Host-portcullis";
const LENGTH: usize = 43;
/// Seconds.
const MAX_AGE: u64 = 90 * 24 * 3600;

/// A browser, known or new.
pub(crate) struct Browser {
    id: String,
    is_new: bool,
}

impl Browser {
    /// The browser that shows its cookie, or a new one.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, getrandom::Error> {
        match shown(headers) {
            Some(id) => Ok(Self {
                id: id.to_owned(),
                is_new: false,
            }),
            None => Ok(Self {
                id: random_token()?,
                is_new: true,
            }),
        }
    }

    /// By what the browser is known here. The cookie does not follow from it.
    pub(crate) fn digest(&self) -> String {
        digest(&self.id)
    }

    /// The cookie to set, for a browser that has none.
    pub(crate) fn cookie(&self) -> Option<HeaderValue> {
        let cookie = format!(
            "{COOKIE_NAME}={}; Path=/; Max-Age={MAX_AGE}; Secure; HttpOnly; SameSite=Lax",
            self.id
        );
        self.is_new
            .then(|| HeaderValue::try_from(cookie).ok())
            .flatten()
    }
}

/// The cookie's value, if there is exactly one and it is one of ours in form.
fn shown(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .filter(|(name, _)| *name == COOKIE_NAME)
        .map(|(_, value)| value);
    let value = values.next()?;
    let fits = value.len() == LENGTH
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    (fits && values.next().is_none()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(cookies: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(COOKIE, HeaderValue::from_str(cookie).unwrap());
        }
        Browser::of(&headers).unwrap().cookie().is_none()
    }

    #[test]
    fn knows_a_browser_by_one_whole_cookie() {
        let id = "a".repeat(LENGTH);
        let own = format!("{COOKIE_NAME}={id}");
        assert!(known(&[&own]));
        assert!(known(&["x=y", &format!("z=1; {own}; q=2")]));
        assert!(!known(&[]));
        assert!(!known(&[&own, &own]));
        assert!(!known(&[&format!("{own}; {own}")]));
        assert!(!known(&[&format!("{own}a")]));
        assert!(!known(&[&format!("portcullis={id}")]));
        assert!(!known(&[&format!("{COOKIE_NAME}={}%", "a".repeat(42))]));
    }

    #[test]
    fn sets_a_cookie_that_no_other_host_can_set() {
        let browser = Browser::of(&HeaderMap::new()).unwrap();
        let cookie = browser.cookie().unwrap();
        let cookie = cookie.to_str().unwrap();
        for part in [
            "__Host-portcullis=",
            "; Path=/;",
            "; Secure",
            "; HttpOnly",
            "; SameSite=Lax",
        ] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert!(!cookie.to_ascii_lowercase().contains("domain"));
        assert!(!cookie.contains(&browser.digest()));
    }
}
