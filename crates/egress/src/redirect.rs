//! What a redirect makes of a request.

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_LANGUAGE, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE,
    LOCATION, USER_AGENT,
};
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use url::Url;

use crate::error::EgressError;
use crate::guard::Rule;

/// The headers that another origin may see: they say nothing of who asks.
const HARMLESS: [HeaderName; 3] = [ACCEPT, ACCEPT_LANGUAGE, USER_AGENT];

/// One request on its way.
#[derive(Clone, Debug)]
pub(crate) struct Hop {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Where a response redirects to, if it does. `None` also where it names nothing: then it is an
/// answer like any other.
pub(crate) fn location<B>(response: &Response<B>) -> Option<&str> {
    let redirects = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    let location = response.headers().get(LOCATION).filter(|_| redirects)?;
    // What is not visible ASCII is no address, and is refused as one.
    Some(location.to_str().unwrap_or_default())
}

impl Hop {
    pub(crate) fn request(&self) -> Result<Request<Full<Bytes>>, EgressError> {
        let uri: Uri = self.url.as_str().parse().map_err(|_| Rule::Malformed)?;
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }

    /// Turns to the place that a redirect names (RFC 9110, section 15.4; methods as in the Fetch
    /// standard, section 4.4). Whether that has another origin.
    pub(crate) fn redirect(
        &mut self,
        status: StatusCode,
        location: &str,
    ) -> Result<bool, EgressError> {
        if location.is_empty() {
            return Err(EgressError::BadRedirect);
        }
        let url = self
            .url
            .join(location)
            .map_err(|_| EgressError::BadRedirect)?;
        if self.url.scheme() == "https" && url.scheme() == "http" {
            return Err(Rule::Downgrade.into());
        }
        let becomes_get = match status {
            StatusCode::SEE_OTHER => !matches!(self.method, Method::GET | Method::HEAD),
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => self.method == Method::POST,
            _ => false,
        };
        if becomes_get {
            self.method = Method::GET;
            self.body = Bytes::new();
            for name in [
                CONTENT_TYPE,
                CONTENT_LENGTH,
                CONTENT_ENCODING,
                CONTENT_LANGUAGE,
            ] {
                self.headers.remove(name);
            }
        }
        let is_foreign = url.origin() != self.url.origin();
        if is_foreign {
            if !matches!(self.method, Method::GET | Method::HEAD) || !self.body.is_empty() {
                return Err(Rule::ForeignBody.into());
            }
            self.headers = HARMLESS
                .into_iter()
                .filter_map(|name| Some((name.clone(), self.headers.get(name)?.clone())))
                .collect();
        }
        self.url = url;
        Ok(is_foreign)
    }
}

#[cfg(test)]
mod tests;
