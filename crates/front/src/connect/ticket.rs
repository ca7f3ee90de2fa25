//! Tickets: who may connect an account at which server, sealed into a link.

use serde::{Deserialize, Serialize};

use super::Person;
use crate::browser::Browser;
use crate::fault::Fault;
use crate::front::Front;
use crate::refused::Refused;
use crate::sealing::{Purpose, digest, random_token, same};

/// Seconds.
const LIFETIME: u64 = 600;
const ATTEMPTS: u8 = 5;
/// Most bytes of scopes in a link: with them, it is still one that every browser opens.
const MAX_SCOPES: usize = 2048;
/// Without vowels, which make words, and without what looks like something else.
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const CODE_LENGTH: usize = 8;

/// How the person in front of the browser shows who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// By signing in at their issuer; by a code if they have none at which the gateway is
    /// registered.
    SignIn,
    /// By a code that is shown where the link is shown, and nowhere else: in a terminal.
    Code,
}

/// A link for one person, one server and one use within ten minutes.
#[derive(Clone)]
pub struct Invitation {
    /// The link. It alone gives nobody anything, but it is nobody else's business.
    pub url: String,
    /// The code that has to be typed on the page, where one is wanted.
    pub code: Option<String>,
}

/// Why there is no invitation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InviteError {
    /// Nobody connects an account at this server.
    #[error("accounts are not connected at this server")]
    Server,
    /// The server asks for more scopes than a link can hold.
    #[error("there are too many scopes")]
    Scopes,
    /// It cannot be sealed.
    #[error("the invitation cannot be sealed")]
    Sealing,
}

/// What the link holds.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Ticket {
    id: String,
    pub(super) person: Person,
    pub(super) server: String,
    /// What the server asked for, besides what its offer names.
    #[serde(default)]
    pub(super) scopes: Vec<String>,
    /// Digest of the code, with the id.
    code: Option<String>,
    expires: u64,
}

/// A ticket whose holder agreed, and is on the way to show who they are.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Confirmed(pub(super) Ticket);

impl Front {
    /// Invites a person to connect an account at a server. `scopes` are those that the server asked
    /// for beyond what its offer names; they are sealed into the link, and the page shows them.
    ///
    /// # Errors
    /// [`InviteError`]
    pub fn invite(
        &self,
        person: &Person,
        server: &str,
        scopes: &[String],
        proof: Proof,
    ) -> Result<Invitation, InviteError> {
        let grants = self.context.grants.as_ref().ok_or(InviteError::Server)?;
        grants.offer(server).ok_or(InviteError::Server)?;
        if scopes.iter().map(String::len).sum::<usize>() > MAX_SCOPES {
            return Err(InviteError::Scopes);
        }
        let signs_in = person
            .issuer
            .as_ref()
            .is_some_and(|issuer| self.issuers.contains_key(issuer));
        let id = random_token().map_err(|_| InviteError::Sealing)?;
        let code = match proof {
            Proof::SignIn if signs_in => None,
            Proof::SignIn | Proof::Code => Some(random_code().map_err(|_| InviteError::Sealing)?),
        };
        let ticket = Ticket {
            code: code.as_ref().map(|code| code_digest(&id, code)),
            id,
            person: person.clone(),
            server: server.to_owned(),
            scopes: scopes.to_vec(),
            expires: self.now() + LIFETIME,
        };
        let content = serde_json::to_string(&ticket).map_err(|_| InviteError::Sealing)?;
        let sealed = self.context.key.seal_text(Purpose::Ticket, "", content);
        let sealed = sealed.map_err(|_| InviteError::Sealing)?;
        Ok(Invitation {
            url: format!("{}/connect/{sealed}", self.base),
            code,
        })
    }
}

impl Ticket {
    pub(super) fn open(front: &Front, sealed: &str) -> Option<Self> {
        let content = front.context.key.open_text(Purpose::Ticket, "", sealed)?;
        let ticket: Self = serde_json::from_slice(content.expose()).ok()?;
        (ticket.expires > front.now()).then_some(ticket)
    }

    pub(super) fn wants_code(&self) -> bool {
        self.code.is_some()
    }

    /// What the form of this ticket's page brings back from this browser.
    pub(super) fn form(&self, front: &Front, browser: &Browser) -> Result<String, Refused<Fault>> {
        let place = self.form_place(browser);
        let key = &front.context.key;
        Ok(key.seal_text(Purpose::TicketForm, &place, "form")?)
    }

    pub(super) fn is_form(&self, front: &Front, browser: &Browser, form: &str) -> bool {
        let place = self.form_place(browser);
        let key = &front.context.key;
        key.open_text(Purpose::TicketForm, &place, form).is_some()
    }

    /// Compares the code that was typed. A ticket has five tries in all.
    pub(super) async fn check_code(
        &self,
        front: &Front,
        typed: &str,
    ) -> Result<(), Refused<Fault>> {
        let ends = front.us_in(2 * LIFETIME);
        let mut has_try = false;
        for number in 0..ATTEMPTS {
            let key = format!("front-ticket-try:{}:{number}", digest(&self.id));
            if front.context.store.put_once(&key, b"", ends).await? {
                has_try = true;
                break;
            }
        }
        if !has_try {
            return Err(Fault::TICKET.into());
        }
        let typed: String = typed
            .chars()
            .filter(|character| character.is_ascii_alphanumeric())
            .take(2 * CODE_LENGTH)
            .map(|character| character.to_ascii_uppercase())
            .collect();
        let is_right = self
            .code
            .as_ref()
            .is_some_and(|code| same(code, &code_digest(&self.id, &typed)));
        match is_right {
            true => Ok(()),
            false => Err(Fault::CODE.into()),
        }
    }

    pub(super) async fn use_up(&self, front: &Front) -> Result<(), Refused<Fault>> {
        let key = format!("front-ticket:{}", digest(&self.id));
        let ends = front.us_in(2 * LIFETIME);
        match front.context.store.put_once(&key, b"", ends).await? {
            true => Ok(()),
            false => Err(Fault::TICKET.into()),
        }
    }

    fn form_place(&self, browser: &Browser) -> String {
        format!("{} {}", self.id, browser.digest())
    }
}

/// Dashes, spaces and case do not count.
fn code_digest(id: &str, code: &str) -> String {
    let bare: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    digest(&format!("{id} {bare}"))
}

/// Eight letters in two groups: 34 bits, for five tries.
fn random_code() -> Result<String, getrandom::Error> {
    let mut code = String::with_capacity(CODE_LENGTH + 1);
    while code.len() < CODE_LENGTH + 1 {
        let mut byte = [0_u8];
        getrandom::fill(&mut byte)?;
        let [byte] = byte;
        // 240 is a multiple of 20: every letter is as likely as the others.
        let letter = ALPHABET
            .get(usize::from(byte % 20))
            .filter(|_| byte < 240)
            .copied();
        code.extend(letter.map(char::from));
        if code.len() == CODE_LENGTH / 2 {
            code.push('-');
        }
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_two_groups_of_letters() {
        for _ in 0..50 {
            let code = random_code().unwrap();
            let (one, two) = code.split_once('-').unwrap();
            for group in [one, two] {
                assert_eq!(group.len(), 4, "{code}");
                assert!(group.bytes().all(|byte| ALPHABET.contains(&byte)));
            }
        }
        assert_eq!(code_digest("x", "ABCD-EFGH"), code_digest("x", "ABCDEFGH"));
        assert_ne!(code_digest("x", "ABCDEFGH"), code_digest("y", "ABCDEFGH"));
    }
}
