//! Looking for many tokens in much text, in the encodings in which text is written somewhere.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// The length of the piece of each spelling that is looked for.
const PIECE: usize = 20;
const BASE: u64 = 1_099_511_628_211;

/// Spellings of tokens.
pub(super) struct Needles {
    /// By the hash of their first piece.
    spellings: HashMap<u64, Vec<Vec<u8>>>,
    /// `BASE` to the power of the piece's length.
    power: u64,
}

impl Needles {
    pub(super) fn new(tokens: &[String]) -> Self {
        let mut power = 1_u64;
        for _ in 0..PIECE {
            power = power.wrapping_mul(BASE);
        }
        let mut spellings: HashMap<u64, Vec<Vec<u8>>> = HashMap::new();
        let all = tokens.iter().flat_map(|token| spell(token));
        for mut piece in all.filter(|spelling| spelling.len() >= PIECE) {
            piece.truncate(PIECE);
            let known = spellings.entry(hash(&piece)).or_default();
            if !known.contains(&piece) {
                known.push(piece);
            }
        }
        Self { spellings, power }
    }

    /// The first piece of a token in there, with where it is.
    pub(super) fn found_in(&self, text: &[u8]) -> Option<String> {
        let mut rolling = hash(text.get(..PIECE)?);
        for (at, window) in text.windows(PIECE).enumerate() {
            if at > 0 {
                let gone = u64::from(text[at - 1]).wrapping_add(1);
                let came = u64::from(window[PIECE - 1]).wrapping_add(1);
                rolling = rolling
                    .wrapping_mul(BASE)
                    .wrapping_add(came)
                    .wrapping_sub(gone.wrapping_mul(self.power));
            }
            let known = self.spellings.get(&rolling);
            if known.is_some_and(|known| known.iter().any(|piece| piece == window)) {
                let around = &text[at.saturating_sub(80)..(at + 60).min(text.len())];
                return Some(format!("at {at}: {}", String::from_utf8_lossy(around)));
            }
        }
        None
    }
}

fn hash(piece: &[u8]) -> u64 {
    piece.iter().fold(0, |hash, byte| {
        hash.wrapping_mul(BASE)
            .wrapping_add(u64::from(*byte).wrapping_add(1))
    })
}

/// A token as it is, percent-encoded, and in base64 at every place that it can have in a longer
/// text. Of a JWT, the payload and the signature by themselves: the header is that of all.
fn spell(token: &str) -> Vec<Vec<u8>> {
    let ends = match token.split('.').collect::<Vec<_>>().as_slice() {
        // Payloads begin alike.
        [header, payload, signature] if header.starts_with("eyJ") => {
            [&ends(payload)[1..], &ends(signature)[..]].concat()
        }
        _ => ends(token).to_vec(),
    };
    ends.into_iter().flat_map(spell_end).collect()
}

/// Both ends, so that what was cut off somewhere is found too.
fn ends(text: &str) -> [&[u8]; 2] {
    let bytes = text.as_bytes();
    let length = bytes.len().min(3 * PIECE);
    [&bytes[..length], &bytes[bytes.len() - length..]]
}

fn spell_end(end: &[u8]) -> Vec<Vec<u8>> {
    let mut spelled = vec![end.to_vec(), percent(end)];
    for (before, inexact) in [(0, 0), (1, 2), (2, 3)] {
        let mut padded = vec![b'.'; before];
        padded.extend(end);
        for alphabet in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let text = alphabet.encode(&padded);
            // The ends also depend on what is beside them.
            let exact = text.as_bytes().get(inexact..text.len() - 2);
            spelled.push(exact.unwrap_or_default().to_vec());
        }
    }
    spelled
}

fn percent(text: &[u8]) -> Vec<u8> {
    let mut written = String::new();
    for byte in text {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                written.push(char::from(*byte));
            }
            other => written.push_str(&format!("%{other:02X}")),
        }
    }
    written.into_bytes()
}

#[test]
fn every_spelling_is_found() {
    let token = "canary+0123456789/abcdefghijklmnop=~ABCDEFGHIJ";
    let jwt =
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIiwianRpIjoiMTIzNDU2Nzg5MCJ9.c2lnbmF0dXJlLW9mLWEtdG9rZW4";
    let needles = Needles::new(&[token.to_owned(), jwt.to_owned()]);
    let payload = jwt.split('.').nth(1).unwrap();
    for hidden in [
        token.to_owned(),
        jwt.to_owned(),
        payload.to_owned(),
        String::from_utf8(percent(token.as_bytes())).unwrap(),
        STANDARD_NO_PAD.encode(token),
        STANDARD_NO_PAD.encode(format!("u:{token} and more")),
        URL_SAFE_NO_PAD.encode(format!("x{token}")),
        STANDARD_NO_PAD.encode(jwt),
    ] {
        let text = format!("before {hidden} after");
        assert!(needles.found_in(text.as_bytes()).is_some(), "{hidden}");
    }
    let header = jwt.split('.').next().unwrap();
    for harmless in [
        "",
        "short",
        "canary+01234567 and nothing else at all",
        header,
    ] {
        assert_eq!(needles.found_in(harmless.as_bytes()), None);
    }
}
