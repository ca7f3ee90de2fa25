//! The browser comes back from the issuer.

use bytes::Bytes;
use http::Response;
use portcullis_oauth::{AuthorizationResponse, ErrorCode, ResponseError, TokenError, Tokens};

use crate::answer;
use crate::authorize::{Asked, Mistake};
use crate::browser::Browser;
use crate::connect;
use crate::fault::Fault;
use crate::front::{Front, Visit};
use crate::issuer::Issuer;
use crate::refused::{Refused, chain};
use crate::sign_in::{self, Flow};
use crate::token;

pub(crate) async fn callback(
    front: &Front,
    issuer: &Issuer,
    visit: &Visit<'_>,
) -> Result<Response<Bytes>, Refused<Fault>> {
    let response = AuthorizationResponse::parse(visit.query())
        .map_err(|error| Fault::sign_in(error.code()))?;
    let browser = Browser::of(&visit.head.headers)?;
    let state = response.state().ok_or(Fault::STATE)?.to_owned();
    let (pending, flow) = sign_in::take(front, issuer, &browser, &state).await?;
    let accepted = match pending.accept(response) {
        Ok(code) => {
            let unavailable = |cause| Refused::because(Fault::UNAVAILABLE, cause);
            let server = issuer.server().await.map_err(unavailable)?;
            let client = issuer.token_client(&server).map_err(unavailable)?;
            let given = client.redeem(&pending, &code, front.now()).await;
            given.map_err(|error| no_tokens(issuer, &error))
        }
        Err(ResponseError::Refused(code)) => Err(refused_by_issuer(code)),
        Err(error) => return Err(Fault::sign_in(error.code()).into()),
    };
    match (flow, accepted) {
        (Flow::Client(asked), Ok(tokens)) => {
            let code = token::issue(front, issuer, &asked, &tokens).await?;
            answer::redirect(&asked.back.with_code(&code)).ok_or(Fault::REDIRECT.into())
        }
        (Flow::Client(asked), Err(mistake)) => tell(&asked, &mistake),
        (Flow::Connect(confirmed), Ok(tokens)) => {
            let identity = Identity {
                issuer: pending.issuer(),
                tokens: &tokens,
            };
            connect::signed_in(front, issuer, &browser, confirmed, &identity).await
        }
        (Flow::Connect(_), Err(_)) => Err(Fault::sign_in("sign-in-refused").into()),
    }
}

/// Who signed in, in the issuer's words.
pub(crate) struct Identity<'a> {
    /// The issuer where the sign-in was begun.
    pub(crate) issuer: &'a str,
    pub(crate) tokens: &'a Tokens,
}

fn tell(asked: &Asked, mistake: &Mistake) -> Result<Response<Bytes>, Refused<Fault>> {
    // The person agreed to be sent there.
    answer::redirect(&asked.back.with_error(mistake)).ok_or(Fault::REDIRECT.into())
}

/// What the client is told when the issuer, or the person there, said no. The issuer's own words
/// are not passed on.
fn refused_by_issuer(code: ErrorCode) -> Mistake {
    let error = match code {
        ErrorCode::AccessDenied => "access_denied",
        ErrorCode::ConsentRequired => "consent_required",
        ErrorCode::InteractionRequired => "interaction_required",
        ErrorCode::LoginRequired => "login_required",
        ErrorCode::TemporarilyUnavailable => "temporarily_unavailable",
        _ => "server_error",
    };
    Mistake {
        error,
        description: "the sign-in service said no",
    }
}

fn no_tokens(issuer: &Issuer, error: &TokenError) -> Mistake {
    tracing::warn!(
        rule = error.code(),
        issuer = issuer.name,
        cause = chain(error),
        "no tokens for a sign-in"
    );
    Mistake {
        error: match error {
            TokenError::InteractionRequired(_) => "interaction_required",
            error if error.is_temporary() => "temporarily_unavailable",
            _ => "server_error",
        },
        description: "the sign-in service gave no tokens",
    }
}
