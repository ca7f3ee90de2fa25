//! The strict reading of a token endpoint's answer (RFC 6749 section 5.1).

use http::StatusCode;
use secrecy::SecretString;

use super::{Expected, Kind, TokenError, TokenType, Tokens, refused};
use crate::back_channel::{Answer, is_json};
use crate::document::Document;
use crate::scope::{Growth, Scopes};

/// Most bytes of one token. More does not fit into the header fields that servers accept.
const MAX_TOKEN: usize = 64 * 1024;
/// Longest life that a token is given, in seconds: ten years.
const MAX_LIFE: u64 = 10 * 366 * 24 * 3600;

/// What holds for every answer of one endpoint.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    pub(super) growth: Growth,
    /// Access tokens may be bound to this client's key.
    pub(super) bound: bool,
    /// Access tokens may be bound to nothing.
    pub(super) bearer: bool,
}

pub(super) fn read(
    answer: &Answer,
    expected: &Expected<'_>,
    rules: Rules,
    now: u64,
) -> Result<Tokens, TokenError> {
    let (head, body) = (&answer.response, answer.response.body());
    let status = head.status();
    let document = is_json(head.headers()).then(|| Document::parse(body));
    if status != StatusCode::OK {
        return Err(match document {
            Some(Ok(document)) => refused::read(&document, answer),
            _ => TokenError::Status(status.as_u16()),
        });
    }
    let document = document
        .ok_or(TokenError::Malformed("not declared to be json"))?
        .map_err(|_| TokenError::Malformed("not a strict json object"))?;
    if document.has("error") {
        // Some servers refuse with status 200.
        return Err(refused::read(&document, answer));
    }
    tokens(&document, expected, rules, now)
}

fn tokens(
    document: &Document,
    expected: &Expected<'_>,
    rules: Rules,
    now: u64,
) -> Result<Tokens, TokenError> {
    let access =
        token(document, "access_token")?.ok_or(TokenError::Malformed("access_token is missing"))?;
    let issued = text(document, "issued_token_type")?;
    let token_type = match (&expected.kind, text(document, "token_type")?) {
        (_, None) => return Err(TokenError::Malformed("token_type is missing")),
        (Kind::Issued(wanted), Some(name)) => exchanged(wanted, issued, name, rules)?,
        (Kind::Access, Some(name)) => access_type(name, rules)?,
    };
    let scopes = match text(document, "scope")? {
        Some(scope) => Scopes::parse(scope).map_err(|_| TokenError::Malformed("scope"))?,
        None => expected.scopes.clone(),
    };
    if !expected.scopes.permit(&scopes, rules.growth) {
        return Err(TokenError::ScopeWidened);
    }
    Ok(Tokens {
        access,
        token_type,
        expires_at: expires_at(document, now)?,
        refresh: token(document, "refresh_token")?,
        scopes,
        id_token: token(document, "id_token")?,
        issued_token_type: issued.map(str::to_owned),
    })
}

/// The type of an exchanged token: `Bearer` for access tokens, `N_A` for all others. The name of a
/// type is compared without case, as token types are (RFC 6749 section 5.1).
fn exchanged(
    wanted: &str,
    issued: Option<&str>,
    name: &str,
    rules: Rules,
) -> Result<TokenType, TokenError> {
    use crate::exchange::{ACCESS_TOKEN, JWT};

    let issued = issued.ok_or(TokenError::Malformed("issued_token_type is missing"))?;
    let both_access =
        [ACCESS_TOKEN, JWT].contains(&wanted) && [ACCESS_TOKEN, JWT].contains(&issued);
    if issued != wanted && !both_access {
        return Err(TokenError::TokenType);
    }
    match name {
        name if both_access => access_type(name, rules),
        name if name.eq_ignore_ascii_case("n_a") => Ok(TokenType::NotApplicable),
        _ => Err(TokenError::TokenType),
    }
}

/// The type of an access token: bound if that was asked for, and only then. Whether one that is not
/// bound is taken instead, the rules say.
fn access_type(name: &str, rules: Rules) -> Result<TokenType, TokenError> {
    match name {
        name if rules.bearer && name.eq_ignore_ascii_case("bearer") => Ok(TokenType::Bearer),
        name if rules.bound && name.eq_ignore_ascii_case("dpop") => Ok(TokenType::Dpop),
        _ => Err(TokenError::TokenType),
    }
}

/// Some servers write the number as a string.
fn expires_at(document: &Document, now: u64) -> Result<Option<u64>, TokenError> {
    let life: Option<u64> = match document.seconds("expires_in") {
        Ok(None) => return Ok(None),
        Ok(Some(seconds)) => u64::try_from(seconds).ok(),
        Err(_) => text(document, "expires_in")?.and_then(|text| text.parse().ok()),
    };
    let life = life.ok_or(TokenError::Malformed("expires_in"))?;
    Ok(Some(now.saturating_add(life.min(MAX_LIFE))))
}

/// A token: visible ASCII without spaces, since it goes into a header field.
fn token(document: &Document, name: &'static str) -> Result<Option<SecretString>, TokenError> {
    let Some(token) = text(document, name)? else {
        return Ok(None);
    };
    if token.is_empty()
        || token.len() > MAX_TOKEN
        || !token.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return Err(TokenError::Malformed(name));
    }
    Ok(Some(SecretString::from(token)))
}

fn text<'a>(document: &'a Document, name: &'static str) -> Result<Option<&'a str>, TokenError> {
    document.text(name).map_err(|_| TokenError::Malformed(name))
}

#[cfg(test)]
mod tests;
