//! Paragraphs for a terminal of 80 columns and more.

/// The width that text is set to.
pub(super) const WIDTH: usize = 88;

/// A paragraph: `lead` stands in front of the first line, padded to `indent`; the other lines are
/// indented. A word that is too long for a line gets one of its own and is not broken, so that it can
/// be copied.
pub(super) fn paragraph(lead: &str, indent: usize, text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut width = 0;
    for word in text.split_whitespace() {
        let length = visible_width(word);
        if width > 0 && indent + width + 1 + length > WIDTH {
            lines.push(std::mem::take(&mut line));
            width = 0;
        }
        if width > 0 {
            line.push(' ');
            width += 1;
        }
        line.push_str(word);
        width += length;
    }
    lines.push(line);
    let padding = " ".repeat(indent.saturating_sub(visible_width(lead)));
    let margin = " ".repeat(indent);
    let mut set = format!("{lead}{padding}");
    set.push_str(&lines.join(&format!("\n{margin}")));
    set
}

/// `text` with spaces up to `width`.
pub(super) fn pad(text: &str, width: usize) -> String {
    format!(
        "{text}{}",
        " ".repeat(width.saturating_sub(visible_width(text)))
    )
}

/// How many columns a text takes; what sets colours takes none.
fn visible_width(text: &str) -> usize {
    let mut width = 0;
    let mut in_sequence = false;
    for character in text.chars() {
        match (in_sequence, character) {
            (false, '\u{1b}') => in_sequence = true,
            (false, _) => width += 1,
            (true, 'm') => in_sequence = false,
            (true, _) => {}
        }
    }
    width
}

#[cfg(test)]
mod tests {
    use super::{WIDTH, pad, paragraph, visible_width};
    use crate::terminal;

    #[test]
    fn lines_keep_to_the_width_and_hold_every_word() {
        let text = "some words of a sentence that goes on for a while ".repeat(9);
        let set = paragraph("lead", 12, &text);
        assert!(set.lines().count() > 4);
        for line in set.lines() {
            assert!(visible_width(line) <= WIDTH, "{line}");
        }
        assert!(set.starts_with("lead        some"));
        assert!(set.lines().skip(1).all(|line| line.starts_with(&" ".repeat(12)) && !line.starts_with(&" ".repeat(13))));
        assert_eq!(
            set.split_whitespace().skip(1).collect::<Vec<_>>(),
            text.split_whitespace().collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_long_word_is_not_broken() {
        let word = "x".repeat(WIDTH * 2);
        assert_eq!(
            paragraph("", 2, &format!("a {word} b")),
            format!("  a\n  {word}\n  b")
        );
    }

    #[test]
    fn colour_takes_no_room() {
        assert_eq!(visible_width(&terminal::green("seven..")), 7);
        assert_eq!(visible_width(&pad(&terminal::red("four"), 9)), 9);
    }
}
