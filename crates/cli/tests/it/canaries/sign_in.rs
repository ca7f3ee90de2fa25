//! A whole sign-in through the front door, for the secrets that it makes.

use portcullis_lab::entra::EntraLab;
use serde_json::Value;
use url::Url;

use crate::http::{self, Answer};
use crate::sign_in::world::World;

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT: &str = "http://127.0.0.1:7777/callback";

/// Signs in, renews, and tries codes and tokens again that are used up. Every secret on the way.
pub(super) fn secrets(world: &World, lab: &EntraLab) -> Vec<String> {
    let door = format!("{}/oauth/company", world.base());
    let query = form(&[
        ("client_id", "workbench"),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("state", "its-state"),
        ("resource", &world.url()),
        ("scope", "tools.read offline_access"),
    ]);
    let asks = get(&format!("{door}/authorize?{query}"), "");
    let cookie = header(&asks, "set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let jar = format!("Cookie: {cookie}\r\n");
    let request = between(&asks.body, "name=\"request\" value=\"", "\"");
    let consent = form(&[("request", &request), ("decision", "allow")]);
    let own = format!("{jar}Origin: {}\r\n", world.base());
    let onward = post(&format!("{door}/consent"), &own, &consent);
    let to = between(
        &onward.body,
        "class=\"button\" rel=\"noreferrer\" href=\"",
        "\"",
    );
    assert!(to.starts_with(lab.base_url()), "{to}");
    let back = header(&get(&to, ""), "location");
    let came = get(&back, &jar);
    let to_client = match header(&came, "location") {
        address if address.is_empty() => between(
            &came.body,
            "class=\"button\" rel=\"noreferrer\" href=\"",
            "\"",
        ),
        address => address,
    };
    let code = parameter(&to_client, "code");
    let redeem = |more: &[(&str, &str)]| {
        let mut all = vec![("client_id", "workbench"), ("redirect_uri", REDIRECT)];
        all.extend(more);
        post(&format!("{door}/token"), "", &form(&all))
    };
    let with_code = [
        ("grant_type", "authorization_code"),
        ("code", &*code),
        ("code_verifier", VERIFIER),
    ];
    let first: Value = redeem(&with_code).json();
    let refresh = first["refresh_token"].as_str().unwrap();
    let with_token = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let second: Value = redeem(&with_token).json();
    assert_eq!(redeem(&with_token).status, 400);
    let secrets = vec![
        cookie.split_once('=').unwrap().1.to_owned(),
        parameter(&back, "code"),
        code.clone(),
        first["access_token"].as_str().unwrap().to_owned(),
        refresh.to_owned(),
        second["access_token"].as_str().unwrap().to_owned(),
        second["refresh_token"].as_str().unwrap().to_owned(),
    ];
    assert_eq!(redeem(&with_code).status, 400);
    secrets
}

fn form(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

fn get(url: &str, headers: &str) -> Answer {
    ask("GET", url, headers, "")
}

fn post(url: &str, headers: &str, body: &str) -> Answer {
    let headers = format!("{headers}Content-Type: application/x-www-form-urlencoded\r\n");
    ask("POST", url, &headers, body)
}

fn ask(verb: &str, url: &str, headers: &str, body: &str) -> Answer {
    let url = Url::parse(url).unwrap();
    let address = format!("127.0.0.1:{}", url.port().unwrap());
    let path = url.as_str().splitn(4, '/').nth(3).unwrap_or_default();
    let request = format!(
        "{verb} /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    http::send(&address, &request)
}

fn header(answer: &Answer, name: &str) -> String {
    let found = answer.headers.iter().find_map(|line| {
        let (key, value) = line.split_once(": ")?;
        key.eq_ignore_ascii_case(name).then(|| value.to_owned())
    });
    found.unwrap_or_default()
}

fn parameter(url: &str, name: &str) -> String {
    let url = Url::parse(url).unwrap();
    let found = url.query_pairs().find(|(key, _)| key == name);
    found
        .map(|(_, value)| value.into_owned())
        .unwrap_or_else(|| panic!("no {name}: {url}"))
}

fn between(text: &str, start: &str, end: &str) -> String {
    let found = text
        .split_once(start)
        .and_then(|(_, rest)| rest.split_once(end));
    let (found, _) = found.unwrap_or_else(|| panic!("no {start}: {text}"));
    found.replace("&amp;", "&").replace("&#39;", "'")
}
