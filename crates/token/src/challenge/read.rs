//! Reading a `WWW-Authenticate` value, which may hold several challenges (RFC 9110 section 11.6.1).

use super::Challenge;

/// Longest header value that is read, in bytes.
pub const MAX_HEADER_BYTES: usize = 16 * 1024;

/// Most challenges in one value, and most parameters in one challenge.
const MAX_ITEMS: usize = 64;

/// Why a header value is not a list of challenges. Offsets are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChallengeError {
    /// Longer than [`MAX_HEADER_BYTES`].
    #[error("the challenge is longer than {MAX_HEADER_BYTES} bytes")]
    TooLarge,
    /// More than 64 challenges, or parameters in one challenge.
    #[error("the challenge has too many parts")]
    TooMany,
    /// Not by the grammar.
    #[error("the challenge cannot be read at byte {offset}")]
    Syntax {
        /// Where reading stopped.
        offset: usize,
    },
    /// A challenge has a parameter twice.
    #[error("the challenge names a parameter twice")]
    Duplicate,
}

/// Reads one header value. Several header lines are read one by one: no challenge spans two.
///
/// # Errors
/// The first problem. What comes before it is not returned, since a client must not act on half of
/// what it was told.
pub fn parse(value: &str) -> Result<Vec<Challenge>, ChallengeError> {
    if value.len() > MAX_HEADER_BYTES {
        return Err(ChallengeError::TooLarge);
    }
    let mut reader = Reader {
        all: value,
        rest: value,
    };
    let mut challenges: Vec<Challenge> = Vec::new();
    loop {
        reader.skip(|c| c == ',' || is_space(c));
        if reader.rest.is_empty() {
            return Ok(challenges);
        }
        let word = reader.take(is_token_char);
        if word.is_empty() {
            return Err(reader.syntax());
        }
        if let Some(value) = reader.parameter_value()? {
            let challenge = challenges.last_mut().ok_or(reader.syntax())?;
            add(challenge, word, value)?;
        } else {
            if challenges.len() == MAX_ITEMS {
                return Err(ChallengeError::TooMany);
            }
            let mut challenge = Challenge::new(word);
            if reader.rest.starts_with(' ') {
                reader.skip(|c| c == ' ');
                if let Some(value) = reader.token68() {
                    challenge.token68 = Some(value.to_owned());
                } else if !reader.rest.is_empty() && !reader.rest.starts_with(',') {
                    let name = reader.take(is_token_char);
                    match reader.parameter_value()? {
                        Some(value) if !name.is_empty() => add(&mut challenge, name, value)?,
                        _ => return Err(reader.syntax()),
                    }
                }
            }
            challenges.push(challenge);
        }
        reader.skip(is_space);
        if !reader.rest.is_empty() && !reader.rest.starts_with(',') {
            return Err(reader.syntax());
        }
    }
}

fn add(challenge: &mut Challenge, name: &str, value: String) -> Result<(), ChallengeError> {
    let name = name.to_ascii_lowercase();
    if challenge.parameter(&name).is_some() {
        return Err(ChallengeError::Duplicate);
    }
    // A single value and parameters exclude each other.
    if challenge.token68.is_some() || challenge.parameters.len() == MAX_ITEMS {
        return Err(ChallengeError::TooMany);
    }
    challenge.parameters.push((name, value));
    Ok(())
}

struct Reader<'a> {
    all: &'a str,
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn syntax(&self) -> ChallengeError {
        ChallengeError::Syntax {
            offset: self.all.len() - self.rest.len(),
        }
    }

    fn skip(&mut self, matches: impl Fn(char) -> bool) {
        self.rest = self.rest.trim_start_matches(matches);
    }

    fn take(&mut self, matches: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !matches(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    /// The value after `=`; `None` when no `=` comes next.
    fn parameter_value(&mut self) -> Result<Option<String>, ChallengeError> {
        let Some(rest) = self.rest.trim_start_matches(is_space).strip_prefix('=') else {
            return Ok(None);
        };
        self.rest = rest.trim_start_matches(is_space);
        if let Some(rest) = self.rest.strip_prefix('"') {
            self.rest = rest;
            return self.quoted().map(Some);
        }
        let value = self.take(is_token_char);
        if value.is_empty() {
            return Err(self.syntax());
        }
        Ok(Some(value.to_owned()))
    }

    /// A quoted string after its first quote.
    fn quoted(&mut self) -> Result<String, ChallengeError> {
        let mut value = String::new();
        let mut chars = self.rest.chars();
        while let Some(c) = chars.next() {
            let c = match c {
                '"' => {
                    self.rest = chars.as_str();
                    return Ok(value);
                }
                '\\' => chars.next().ok_or(self.syntax())?,
                c => c,
            };
            if c.is_control() && c != '\t' {
                return Err(self.syntax());
            }
            value.push(c);
        }
        Err(self.syntax())
    }

    /// A single value instead of parameters; `None`, and nothing is taken, when there is none.
    fn token68(&mut self) -> Option<&'a str> {
        let is_letter = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
        let letters = self.rest.trim_start_matches(is_letter);
        let after = letters.trim_start_matches('=');
        let value = self.rest.strip_suffix(after)?;
        let ends = after.trim_start_matches(is_space);
        if letters.len() == self.rest.len() || !(ends.is_empty() || ends.starts_with(',')) {
            return None;
        }
        self.rest = after;
        Some(value)
    }
}

fn is_space(c: char) -> bool {
    c == ' ' || c == '\t'
}

/// `tchar` of RFC 9110 section 5.6.2.
pub(super) fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}
