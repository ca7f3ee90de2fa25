//! The shield over a JSON text.

use std::borrow::Cow;

use portcullis_mcp::json::{self, Limits, Span, Splice};

use crate::finding::Finding;
use crate::rules::DETECTORS;
use crate::sanitise::sanitise;
use crate::scan::{self, Hit};
use crate::verdict::{Direction, Settings, Verdict};

/// The most findings that are reported of one text. What is beyond them is
/// still redacted.
const MAX_FINDINGS: usize = 256;

/// The rules and what is to be done about their findings.
#[derive(Clone, Debug)]
pub struct Shield {
    /// `None`: it looks at nothing.
    settings: Option<Settings>,
}

impl Default for Shield {
    fn default() -> Self {
        Self::new(Settings::default())
    }
}

/// What the shield says about one text.
#[derive(Clone, Debug)]
#[must_use = "a verdict that nobody looks at protects nothing"]
pub struct Screening<'a> {
    /// What to do: allow when nothing was found.
    pub verdict: Verdict,
    /// The sanitised JSON when the verdict is redact, else the JSON as it came.
    pub text: Cow<'a, str>,
    /// What was found, in order, at most 256 findings.
    pub findings: Vec<Finding>,
}

impl Shield {
    /// A shield with these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings: Some(settings),
        }
    }

    /// A shield that is switched off: it allows everything, looks at nothing and finds nothing.
    #[must_use]
    pub fn off() -> Self {
        Self { settings: None }
    }

    /// Looks at every string of a JSON text, keys included and escapes
    /// resolved. `json` is one JSON value that passed
    /// [`portcullis_mcp::json::check`]; what did not, and is not plain ASCII,
    /// is blocked, because its strings cannot be told.
    ///
    /// To redact is to replace the strings that have findings; every other
    /// byte stays. Keys are replaced too. Where that would make two keys of one
    /// object equal, the verdict is block.
    pub fn screen<'a>(&self, direction: Direction, json: &'a str) -> Screening<'a> {
        let unchanged = |verdict, findings| {
            let text = Cow::Borrowed(json);
            Screening {
                verdict,
                text,
                findings,
            }
        };
        let Some(settings) = &self.settings else {
            return unchanged(Verdict::Allow, Vec::new());
        };
        if scan::is_plain_json(json) {
            return unchanged(Verdict::Allow, Vec::new());
        }
        if !is_strict(json) {
            return unchanged(Verdict::Block, Vec::new());
        }
        let mut findings = Vec::new();
        let mut splice = Splice::new(json);
        let mut found = false;
        let mut key_found = false;
        let wanted = settings.verdict(direction);
        for token in json::strings(json) {
            let hits = scan::hits(&token.value);
            if hits.is_empty() {
                continue;
            }
            found = true;
            key_found |= token.is_key;
            report(&hits, token.span, &mut findings);
            if wanted == Verdict::Redact {
                splice.replace(token.span, json::quote(&sanitise(&token.value)));
            }
        }
        if !found {
            return unchanged(Verdict::Allow, findings);
        }
        if wanted != Verdict::Redact {
            return unchanged(wanted, findings);
        }
        let text = splice.finish();
        if key_found && !is_strict(&text) {
            return unchanged(Verdict::Block, findings);
        }
        Screening {
            verdict: Verdict::Redact,
            text,
            findings,
        }
    }
}

/// One finding for each rule with hits in this string.
fn report(hits: &[Hit<'_>], span: Span, findings: &mut Vec<Finding>) {
    for detector in DETECTORS {
        let rule = &detector.rule;
        let texts: Vec<&str> = hits
            .iter()
            .filter(|hit| hit.detector.rule.id == rule.id)
            .map(|hit| hit.text)
            .collect();
        if texts.is_empty() || findings.len() >= MAX_FINDINGS {
            continue;
        }
        findings.push(Finding {
            rule: rule.id,
            severity: rule.severity,
            confidence: rule.confidence,
            span,
            note: (detector.describe)(&texts),
        });
    }
}

/// Whether the text is still JSON without duplicate keys. Size and depth were
/// judged before and have not grown.
fn is_strict(text: &str) -> bool {
    let limits = Limits {
        max_bytes: usize::MAX,
        max_depth: usize::MAX,
    };
    json::check(text.as_bytes(), &limits).is_ok()
}
