//! A browser of a few lines: one request, no redirect followed.

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// A parameter of the redirect's query.
    pub(crate) fn redirected(&self, name: &str) -> String {
        assert_eq!(self.status, 302, "{}", self.body);
        let location = url::Url::parse(self.header("location")).unwrap();
        location
            .query_pairs()
            .find(|(key, _)| key == name)
            .unwrap_or_else(|| panic!("no {name} in {location}"))
            .1
            .into_owned()
    }
}

pub(crate) async fn get(base: &str, path: &str) -> Response {
    let request = Request::get(format!("{base}{path}"));
    send(request.body(Full::default()).unwrap()).await
}

pub(crate) async fn post_form(
    base: &str,
    path: &str,
    headers: &[(&str, &str)],
    form: &[(&str, &str)],
) -> Response {
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(form);
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let headers: Vec<_> = headers.iter().copied().chain([kind]).collect();
    post(base, path, &headers, body.finish()).await
}

pub(crate) async fn post(
    base: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: String,
) -> Response {
    let mut request = Request::post(format!("{base}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request.body(Full::from(body)).unwrap()).await
}

async fn send(request: Request<Full<Bytes>>) -> Response {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Response {
        status: head.status.as_u16(),
        headers: head.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}
