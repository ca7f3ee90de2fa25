//! A browser that goes where it is sent.

use std::collections::BTreeMap;

use http::Request;
use http::header::{COOKIE, LOCATION, SET_COOKIE};
use portcullis_egress::{Limits, Naming};
use url::Url;

use crate::world::{CALLBACK, client};

/// Follows redirects with a cookie jar until it comes back to the callback. Its query.
pub(crate) async fn browse(start: &Url) -> String {
    let http = client(true);
    let mut cookies: BTreeMap<String, String> = BTreeMap::new();
    let mut url = start.clone();
    for _ in 0..12 {
        let jar: Vec<String> = cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let request = Request::get(url.as_str())
            .header(COOKIE, jar.join("; "))
            .body(bytes::Bytes::new())
            .unwrap();
        let limits = Limits::default();
        let answer = http.send(request, Naming::Configured, &limits).await;
        let answer = answer.unwrap();
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            match value.is_empty() {
                true => cookies.remove(name),
                false => cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        let location = answer.headers().get(LOCATION).unwrap_or_else(|| {
            panic!("{} at {url}: {:?}", answer.status(), answer.body());
        });
        url = url.join(location.to_str().unwrap()).unwrap();
        if url.as_str().starts_with(CALLBACK) {
            return url.query().unwrap_or_default().to_owned();
        }
    }
    panic!("no way back from {start}");
}

/// The parameter of that name in the address.
pub(crate) fn parameter(url: &Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
}
