//! Percent-encoding (RFC 3986, section 2.1).

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// A value for one place of a URI: everything but unreserved characters is encoded, so that no
/// character of it can separate anything.
pub(crate) fn percent_encode(value: &str) -> String {
    encode(value, is_unreserved)
}

/// Literal text of a path: what may stand in a path stays, `%` included.
pub(crate) fn path_literal(text: &str) -> String {
    encode(text, |byte| {
        is_unreserved(byte) || b"!$&'()*+,;=:@%".contains(&byte)
    })
}

/// The text behind percent-encoding; `None` when it is not UTF-8 or an escape is cut off.
pub(crate) fn percent_decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                out.push(u8::try_from(high * 16 + low).ok()?);
            }
            byte => out.push(byte),
        }
    }
    String::from_utf8(out).ok()
}

fn encode(text: &str, keeps: impl Fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if keeps(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.extend(HEX.get(usize::from(digit)).copied().map(char::from));
            }
        }
    }
    out
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests;
