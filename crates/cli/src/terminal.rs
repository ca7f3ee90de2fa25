//! Writing to a terminal, or to something that is none.
//!
//! Colour goes away by itself where it does not belong: `anstream` asks the terminal, `NO_COLOR`
//! and `CLICOLOR`.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::{AnsiColor, Style};

/// Set once the reader of standard output went away, as `head` does.
static READER_GONE: AtomicBool = AtomicBool::new(false);

/// Writes a line to standard output. What follows after the reader went away is dropped: the
/// command comes to its own end, and cleans up.
pub(crate) fn line(text: impl Display) {
    if writeln!(anstream::stdout().lock(), "{text}").is_err() {
        READER_GONE.store(true, Ordering::Relaxed);
    }
}

/// Whether nobody reads standard output any more. What goes on for ever should then end.
pub(crate) fn reader_is_gone() -> bool {
    READER_GONE.load(Ordering::Relaxed)
}

/// Writes a line to standard error.
pub(crate) fn error_line(text: impl Display) {
    // Nowhere is left to say that standard error is gone.
    let _gone = writeln!(anstream::stderr().lock(), "{text}");
}

/// Writes a value as JSON to standard output.
pub(crate) fn json(value: &impl serde::Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => line(text),
        Err(error) => error_line(format!("this cannot be written as JSON: {error}")),
    }
}

/// `1 policy`, `2 policies`.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Text from a server or a host, with everything a terminal would act on made visible.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        let hidden = character.is_control() && character != '\n' && character != '\t';
        let invisible = matches!(u32::from(character),
            0xAD | 0x34F | 0x61C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F
            | 0x202A..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF9..=0xFFFB | 0xE0000..=0xE0FFF);
        if hidden || invisible {
            shown.push_str(&format!("<U+{:04X}>", u32::from(character)));
        } else {
            shown.push(character);
        }
    }
    shown
}

/// A name that somebody else chose, for a place where one line is one thing: a line break in it
/// must not begin a line that looks like ours.
pub(crate) fn on_one_line(text: &str) -> String {
    visible(text)
        .replace('\n', "<U+000A>")
        .replace('\t', "<U+0009>")
}

macro_rules! styles {
    ($($(#[$doc:meta])* $name:ident = $style:expr;)+) => {
        $($(#[$doc])* pub(crate) fn $name(text: impl Display) -> String {
            let style: Style = $style;
            format!("{style}{text}{style:#}")
        })+
    };
}

styles! {
    /// What is good.
    green = AnsiColor::Green.on_default();
    /// What is wrong.
    red = AnsiColor::Red.on_default().bold();
    /// What needs attention.
    yellow = AnsiColor::Yellow.on_default();
    /// What leads on.
    cyan = AnsiColor::Cyan.on_default();
    /// Headings.
    bold = Style::new().bold();
    /// What matters less.
    dim = Style::new().dimmed();
}

/// A progress bar on standard error; nothing where nobody looks.
pub(crate) fn progress(steps: usize, doing: &'static str) -> indicatif::ProgressBar {
    if !std::io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let bar = indicatif::ProgressBar::new(steps as u64);
    if let Ok(style) =
        indicatif::ProgressStyle::with_template("{prefix} [{bar:24}] {pos}/{len} {msg}")
    {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(doing);
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    bar
}

/// Whether a person looks at standard output.
pub(crate) fn is_interactive() -> bool {
    std::io::stdout().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::{on_one_line, visible};

    #[test]
    fn nothing_a_terminal_acts_on_is_left() {
        for (text, shown) in [
            ("plain näme", "plain näme"),
            ("\u{1b}[2Jgone", "<U+001B>[2Jgone"),
            (
                "a\u{202e}b\u{200b}c\u{e0041}",
                "a<U+202E>b<U+200B>c<U+E0041>",
            ),
            ("back\u{8}\r", "back<U+0008><U+000D>"),
        ] {
            assert_eq!(visible(text), shown);
            assert_eq!(on_one_line(text), shown);
        }
    }

    #[test]
    fn a_line_break_begins_no_line_where_one_line_is_one_thing() {
        assert_eq!(visible("a\nb\tc"), "a\nb\tc");
        assert_eq!(on_one_line("a\nb\tc"), "a<U+000A>b<U+0009>c");
    }
}
