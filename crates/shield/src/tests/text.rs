//! Text that people write stays as it is.

use std::borrow::Cow;

use crate::sanitise;

#[test]
fn writing_is_left_alone() {
    for text in [
        "",
        "Plain ASCII, with \"quotes\", \\backslashes\\ and\n\tlines.\r\n",
        "Größe, naïve façade, Ελληνικά, Русский, 日本語、한국어 中文",
        // Persian with ZWNJ in verbs, plurals and after marks.
        "می\u{200C}خواهم کتاب\u{200C}ها را بخوانم، نمی\u{200C}دانم",
        "آزاد\u{200C}راه و بهره\u{200C}وری",
        "مَی\u{200C}خَواهم \u{628}\u{64E}\u{200C}\u{62A}",
        // Arabic, Urdu, Syriac and N'Ko letters with joiners between.
        "\u{644}\u{200D}\u{647} \u{712}\u{200C}\u{712}",
        // Hindi with ZWJ and ZWNJ after the virama, Marathi eyelash ra.
        "क\u{94D}\u{200D}ष क\u{94D}\u{200C}ष हिन\u{94D}दी र\u{94D}\u{200D}या",
        // Sinhala, Malayalam chillu by ZWJ.
        "ශ\u{DCA}\u{200D}ර\u{DD3} ලංකා ന\u{D4D}\u{200D}",
        // Bengali ya-phalaa after ra, Kannada.
        "র\u{200D}\u{9CD}যাম ರ\u{200D}\u{CCD}ಕ",
        // Arabic and Hebrew with directional marks.
        "مرحبا\u{200F}! \u{200E}(abc) \u{61C}שלום\u{200F}, שָׁלוֹם",
        // Emoji: families, professions, skin tones, flags, hearts, keycaps.
        "👨\u{200D}👩\u{200D}👧\u{200D}👦 👩🏽\u{200D}💻 🧑\u{200D}🤝\u{200D}🧑 👁\u{FE0F}\u{200D}🗨\u{FE0F}",
        "🏳\u{FE0F}\u{200D}🌈 🏴\u{200D}☠\u{FE0F} ❤\u{FE0F}\u{200D}🔥 🙂\u{200D}↔\u{FE0F} 🤦🏼\u{200D}♂\u{FE0F}",
        "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F} 🇩🇪 🇺🇳 3\u{FE0F}\u{20E3} ©\u{FE0F} ™\u{FE0F}",
        "⭐️ ✔️ ☎︎ ⚠️ ㊗️ 〰️",
        // Mathematics, musical symbols, private use.
        "∀x∈ℝ: ⌈x⌉ = −⌊−x⌋, 𝄞, \u{F8FF}",
    ] {
        let clean = sanitise(text);
        assert_eq!(clean, text);
        assert!(matches!(clean, Cow::Borrowed(_)), "{text:?} was copied");
    }
}
