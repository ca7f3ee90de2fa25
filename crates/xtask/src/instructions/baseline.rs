//! The file of the counts that were accepted: `name = number`, a line each.

use std::fmt;

/// How many percent of the accepted count are too many, and how many are so few that the baseline
/// should follow. Code that nobody touched is laid out and inlined a little differently from build
/// to build.
const TOO_MANY: u64 = 105;
const FEW: u64 = 95;

/// The accepted counts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Baseline {
    counts: Vec<(String, u64)>,
}

/// What a count is beside the accepted one.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// Within the tolerance, by so many percent.
    Close(f64),
    /// Over it.
    Grown(f64),
    /// Far enough below that the baseline should be lowered, so that it keeps what was won.
    Shrunk(f64),
    /// There is none.
    Unknown,
}

impl Baseline {
    /// A baseline of these counts.
    pub(super) fn new(counts: Vec<(String, u64)>) -> Self {
        Self { counts }
    }

    /// Reads the file.
    ///
    /// # Errors
    /// A line that is no comment and no `name = number`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let lines = text.lines().map(str::trim);
        let counts = lines
            .filter(|line| !line.is_empty() && !line.starts_with(['#', '[']))
            .map(|line| {
                let pair = line.split_once('=').and_then(|(name, number)| {
                    let number = number.trim().replace('_', "").parse().ok()?;
                    Some((name.trim().to_owned(), number))
                });
                pair.ok_or_else(|| format!("no `name = number`: {line}"))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { counts })
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.counts.iter().map(|(name, _)| name.as_str())
    }

    pub(super) fn verdict(&self, name: &str, count: u64) -> Verdict {
        let accepted = self.counts.iter().find(|(known, _)| known == name);
        let Some((_, accepted)) = accepted.filter(|(_, accepted)| *accepted > 0) else {
            return Verdict::Unknown;
        };
        let percent = (count as f64 / *accepted as f64 - 1.0) * 100.0;
        let hundredfold = count.saturating_mul(100);
        if hundredfold > accepted.saturating_mul(TOO_MANY) {
            Verdict::Grown(percent)
        } else if hundredfold < accepted.saturating_mul(FEW) {
            Verdict::Shrunk(percent)
        } else {
            Verdict::Close(percent)
        }
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "# Instructions of one piece of work each, counted by `cargo xtask instructions`.\n\
             # A change that makes one grow by more than 5 % says so with `--accept`, on purpose.\n\
             [instructions]\n",
        )?;
        for (name, count) in &self.counts {
            writeln!(f, "{name} = {count}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Close(percent) => write!(f, "{percent:+.1} %"),
            Self::Grown(percent) => write!(f, "{percent:+.1} %, more than is accepted"),
            Self::Shrunk(percent) => write!(
                f,
                "{percent:+.1} %; accept that, so that it stays (--accept)"
            ),
            Self::Unknown => f.write_str("not in the baseline"),
        }
    }
}
