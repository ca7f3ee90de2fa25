//! Where a character that shows nothing is in its right place.

use unicode_normalization::char::canonical_combining_class;
use unicode_properties::{
    GeneralCategory, GeneralCategoryGroup, UnicodeEmoji as _, UnicodeGeneralCategory as _,
};
use unicode_script::{Script, UnicodeScript as _};

const ZWJ: char = '\u{200D}';
const EMOJI_PRESENTATION: char = '\u{FE0F}';
/// The canonical combining class of viramas.
const VIRAMA: u8 = 9;

/// Whether writing needs this joiner (ZWNJ or ZWJ) between these texts.
///
/// The rules are those of RFC 5892 appendix A.1 and A.2, which UTS 46 uses as
/// `CONTEXTJ`, with three allowances for text that is not a domain name: any
/// two letters of one joining script may have a joiner of either kind between
/// them, whatever forms they take; ZWJ may stand between a letter and a
/// virama, as Bengali and Kannada write it; and ZWJ joins emoji (UTS 51).
pub(crate) fn joiner_fits(joiner: char, before: &str, after: &str) -> bool {
    let (Some(previous), Some(next)) = (before.chars().next_back(), after.chars().next()) else {
        return before.chars().next_back().is_some_and(is_virama);
    };
    is_virama(previous)
        || between_joining_letters(before, after)
        || (joiner == ZWJ && before_virama(previous, next))
        || (joiner == ZWJ && between_emoji(before, next))
}

/// Whether the character at the end of `before` has variants that this
/// selector could pick. An approximation of the standardized, emoji and
/// ideographic variation sequences by script, so that it does not age.
pub(crate) fn selector_fits(selector: char, before: &str) -> bool {
    let Some(base) = before.chars().next_back() else {
        return false;
    };
    match selector {
        '\u{180B}'..='\u{180F}' => base.script() == Script::Mongolian,
        '\u{FE00}'..='\u{FE0F}' if base.is_ascii() => {
            matches!(base, '0'..='9' | '#' | '*')
        }
        '\u{FE00}'..='\u{FE0F}' if base.is_alphabetic() => matches!(
            base.script(),
            Script::Common
                | Script::Egyptian_Hieroglyphs
                | Script::Han
                | Script::Manichaean
                | Script::Myanmar
                | Script::Phags_Pa
        ),
        '\u{FE00}'..='\u{FE0F}' => !matches!(
            base.general_category_group(),
            GeneralCategoryGroup::Separator | GeneralCategoryGroup::Other
        ),
        _ => base.script() == Script::Han,
    }
}

fn is_virama(c: char) -> bool {
    canonical_combining_class(c) == VIRAMA
}

fn before_virama(previous: char, next: char) -> bool {
    is_virama(next)
        && previous.script() == next.script()
        && previous.general_category_group() == GeneralCategoryGroup::Letter
}

/// Vowel marks and other non-spacing marks belong to the letter before them.
fn between_joining_letters(before: &str, after: &str) -> bool {
    let letter = |c: &char| c.general_category() != GeneralCategory::NonspacingMark;
    let joining = |c: char| {
        let script = c.script();
        let joins = matches!(
            script,
            Script::Adlam
                | Script::Arabic
                | Script::Hanifi_Rohingya
                | Script::Mandaic
                | Script::Manichaean
                | Script::Mongolian
                | Script::Nko
                | Script::Phags_Pa
                | Script::Psalter_Pahlavi
                | Script::Sogdian
                | Script::Syriac
        );
        (joins && c.general_category_group() == GeneralCategoryGroup::Letter).then_some(script)
    };
    let previous = before.chars().rev().find(letter).and_then(joining);
    let next = after.chars().find(letter).and_then(joining);
    previous.is_some() && previous == next
}

fn between_emoji(before: &str, next: char) -> bool {
    let emoji = |c: char| !c.is_ascii() && c.is_emoji_char();
    let base = before.strip_suffix(EMOJI_PRESENTATION).unwrap_or(before);
    emoji(next) && base.chars().next_back().is_some_and(emoji)
}
