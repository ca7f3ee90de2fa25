//! The page about the configuration file: its comments as text, its settings as code.
//!
//! A line `# text` is text. A line `#setting = …` without the blank is an example. Every table
//! gets a heading, and the text right above the table belongs under it.

/// Renders the commented default file as Markdown.
pub(super) fn render(defaults: &str) -> String {
    let mut page = Page::default();
    for line in defaults.lines() {
        match kind(line) {
            Kind::Blank => page.end_paragraph(),
            Kind::Text(text) => page.text(text),
            Kind::Setting => page.setting(line),
            Kind::Table(name) => {
                page.heading(name);
                page.setting(line);
            }
        }
    }
    page.end_paragraph();
    page.end_code();
    page.out
}

enum Kind<'a> {
    Blank,
    Text(&'a str),
    Setting,
    Table(&'a str),
}

fn kind(line: &str) -> Kind<'_> {
    if line.trim().is_empty() {
        return Kind::Blank;
    }
    match line.strip_prefix('#') {
        Some("") => Kind::Text(""),
        Some(rest) => match rest.strip_prefix(' ') {
            Some(text) => Kind::Text(text),
            None => setting_or_table(rest),
        },
        None => setting_or_table(line),
    }
}

fn setting_or_table(line: &str) -> Kind<'_> {
    let name = line
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    name.map_or(Kind::Setting, |name| {
        Kind::Table(name.trim_start_matches('[').trim_end_matches(']'))
    })
}

/// The page so far: finished text, and what is not yet known to be above or below a heading.
#[derive(Default)]
struct Page {
    out: String,
    /// Text since the last setting; it goes out before the next setting, below its heading.
    pending: String,
    in_paragraph: bool,
    in_code: bool,
}

impl Page {
    fn text(&mut self, text: &str) {
        if text.is_empty() {
            self.end_paragraph();
        } else if let Some(command) = text.strip_prefix("  ") {
            self.end_paragraph();
            self.pending
                .push_str(&format!("```sh\n{}\n```\n\n", command.trim_start()));
        } else {
            self.pending
                .push_str(if self.in_paragraph { "\n" } else { "" });
            self.pending.push_str(text);
            self.in_paragraph = true;
        }
    }

    fn end_paragraph(&mut self) {
        if self.in_paragraph {
            self.pending.push_str("\n\n");
        }
        self.in_paragraph = false;
    }

    fn heading(&mut self, name: &str) {
        self.end_paragraph();
        self.end_code();
        self.title();
        self.out.push_str(&format!("## `{name}`\n\n"));
    }

    fn setting(&mut self, line: &str) {
        self.end_paragraph();
        if !self.pending.is_empty() {
            self.end_code();
            self.title();
            self.out.push_str(&std::mem::take(&mut self.pending));
        }
        if !self.in_code {
            self.out.push_str("```toml\n");
            self.in_code = true;
        }
        self.out.push_str(line);
        self.out.push('\n');
    }

    fn end_code(&mut self) {
        if self.in_code {
            self.out.push_str("```\n\n");
        }
        self.in_code = false;
    }

    /// The first line of the file is its title.
    fn title(&mut self) {
        if self.out.is_empty() {
            self.out.push_str("# Configuration\n\n");
        }
    }
}
