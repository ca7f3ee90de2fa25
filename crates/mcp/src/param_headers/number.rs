//! Comparing decimal numbers by value, exactly: a double would take 2^53 and 2^53 + 1 for the same.

/// A decimal number without leading and trailing zeros: `digits` times ten to the `exponent`.
#[derive(PartialEq, Eq)]
struct Decimal {
    negative: bool,
    /// ASCII digits; none for zero.
    digits: Vec<u8>,
    exponent: i64,
}

/// Whether a JSON number and a header say the same number.
///
/// The header may be written in any way that JSON allows; what is not a JSON number is equal to
/// nothing. An exponent that is out of all proportion is equal to nothing either.
pub(super) fn equal(body: &str, header: &str) -> bool {
    match (Decimal::read(body), Decimal::read(header)) {
        (Some(body), Some(header)) => body == header,
        _ => false,
    }
}

/// The number as an integer, when it is whole and has at most 38 digits.
pub(super) fn whole(raw: &str) -> Option<i128> {
    let number = Decimal::read(raw)?;
    let scale = u32::try_from(number.exponent)
        .ok()
        .filter(|exponent| *exponent <= 38)?;
    let magnitude = number.digits.iter().try_fold(0_i128, |value, digit| {
        value.checked_mul(10)?.checked_add(i128::from(digit - b'0'))
    })?;
    let magnitude = magnitude.checked_mul(10_i128.checked_pow(scale)?)?;
    Some(if number.negative {
        -magnitude
    } else {
        magnitude
    })
}

impl Decimal {
    /// Reads a number by the grammar of RFC 8259 section 6.
    fn read(raw: &str) -> Option<Self> {
        let (negative, rest) = match raw.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, raw),
        };
        let (mantissa, power) = match rest.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, exponent(power)?),
            None => (rest, 0),
        };
        let (integer, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        let leading_zero = integer.len() > 1 && integer.starts_with('0');
        let numeric = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
        if integer.is_empty() || leading_zero || !numeric(integer) || !numeric(fraction) {
            return None;
        }
        let written: Vec<u8> = integer.bytes().chain(fraction.bytes()).collect();
        let significant = written
            .iter()
            .rposition(|c| *c != b'0')
            .map_or(0, |at| at + 1);
        let zeros = i64::try_from(written.len() - significant).ok()?;
        let digits: Vec<u8> = written
            .into_iter()
            .take(significant)
            .skip_while(|c| *c == b'0')
            .collect();
        if digits.is_empty() {
            return Some(Decimal {
                negative: false,
                digits,
                exponent: 0,
            });
        }
        let exponent = power
            .checked_sub(i64::try_from(fraction.len()).ok()?)?
            .checked_add(zeros)?;
        Some(Decimal {
            negative,
            digits,
            exponent,
        })
    }
}

fn exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let numeric = !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit());
    if numeric { text.parse().ok() } else { None }
}
