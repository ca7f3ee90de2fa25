//! The account as a person reads it.

use std::path::Path;

use super::account::{Account, Act};
use super::layout::{WIDTH, pad, paragraph};
use super::trail::{Evidence, Kind};
use crate::terminal::{self, bold, cyan, dim, green, line, red, visible, yellow};

/// Where the text of an attack stands.
const MARGIN: usize = 4;
/// Where the text of a side stands.
const SIDE: usize = 13;

pub(super) fn intro() {
    line(bold("Portcullis demo: a research assistant under attack"));
    line(paragraph(
        "",
        0,
        "The assistant is a model that obeys whatever it reads. It uses servers for papers, a calendar \
         and reports, and meets hostile ones. Every attack is played twice: first the assistant talks to \
         the servers itself, then through Portcullis. Nothing leaves this machine.",
    ));
    line("");
}

pub(super) fn act(number: usize, act: &Act) {
    let number = if act.attack {
        format!("{number:>2}. ")
    } else {
        " 0. ".to_owned()
    };
    line(format!("{number}{}", bold(act.title)));
    line(paragraph("", MARGIN, &dim_words(act.explanation)));
    if act.attack {
        line(paragraph(&side("without"), SIDE, &bare_side(act)));
        line(paragraph(&side("with"), SIDE, &guarded_side(act)));
        for evidence in telling(&act.stopped_by) {
            line(paragraph("", SIDE, &reading(evidence)));
            line(paragraph(
                "",
                SIDE,
                &dim_words(&format!("audit entry {}", evidence.entry)),
            ));
        }
    } else {
        let done = |done: bool| {
            if done { green("done") } else { red("not done") }
        };
        line(paragraph(
            &side("without"),
            SIDE,
            &done(act.without.task_done),
        ));
        let same = if act.passed {
            ", and the report is the same, byte for byte"
        } else {
            ""
        };
        line(paragraph(
            &side("with"),
            SIDE,
            &format!("{}{same}", done(act.with.task_done)),
        ));
    }
    for objection in &act.objections {
        line(paragraph(&format!("    {}", red("but")), SIDE, objection));
    }
    line("");
}

fn side(name: &str) -> String {
    format!("    {}", cyan(name))
}

fn bare_side(act: &Act) -> String {
    let head = if act.without.attack_succeeded {
        red("the attack succeeds:")
    } else {
        yellow("the attack fails:")
    };
    format!("{head} {}", visible(&act.without.evidence))
}

fn guarded_side(act: &Act) -> String {
    // What the host was refused follows from the trail; here stands what happened in the world.
    let world = visible(act.with.evidence.split("; ").next().unwrap_or_default());
    if act.with.attack_succeeded {
        return format!("{} {world}", red("the attack succeeds:"));
    }
    let words = act.words();
    if words.is_empty() {
        return format!("{} {world}", yellow("the attack fails, nobody knows why:"));
    }
    format!("{} {world}", green(format!("stopped by {words}:")))
}

/// The first entry of each kind of answer: the others say the same about another tool.
fn telling(evidence: &[Evidence]) -> Vec<&Evidence> {
    let mut telling: Vec<&Evidence> = Vec::new();
    for entry in evidence {
        if telling.iter().all(|known| known.word() != entry.word()) {
            telling.push(entry);
        }
    }
    telling
}

/// What an audit entry says, in a sentence.
fn reading(evidence: &Evidence) -> String {
    let target = evidence.target.as_deref().unwrap_or("the message");
    let target = match &evidence.server {
        Some(server) => visible(&format!("{server}/{target}")),
        None => visible(target),
    };
    let who = evidence
        .principal
        .as_deref()
        .unwrap_or("somebody without a credential");
    let by = by(&evidence.policies);
    match (evidence.kind, evidence.reason.as_deref()) {
        (Kind::Refusal, Some("definition-held")) if evidence.changed => format!(
            "{target} is not what was approved any more, and is held until somebody approves it again. The \
             host does not see it; called by name, it does not exist."
        ),
        (Kind::Refusal, Some("definition-held")) => format!(
            "{target} is held: nobody approved it. The host does not see it; called by name, it does not \
             exist."
        ),
        (Kind::Refusal, Some("policy-denied")) => format!(
            "{who} may not call {target}{by}. The host does not see it; called by name, it does not exist."
        ),
        (Kind::Refusal, Some("target-unknown")) => format!(
            "{target} is not part of the profile. The server has it, but for this host it does not exist."
        ),
        (Kind::Refusal, Some("credential-missing")) => {
            "A request without a credential is refused before its body is read, whatever session it names.".to_owned()
        }
        (Kind::Refusal, Some("session-unknown")) => format!("The session does not belong to {who}."),
        (Kind::Refusal, Some("profile-denied")) => format!("{who} may not use the profile{by}."),
        (Kind::Refusal, _) => format!("{who} was refused: {} of {target}.", visible(&evidence.method)),
        (Kind::Shield, _) => format!(
            "The shield took it out of the answer of {target} (rule {}). The rest of the answer arrived.",
            evidence.rules.join(", ")
        ),
        (Kind::Isolation, _) => format!(
            "{target} was called, permitted{by}. For that the gateway makes a request of its own; the credential \
             of {who} ended at the gateway."
        ),
    }
}

fn by(policies: &[String]) -> String {
    if policies.is_empty() {
        String::new()
    } else {
        format!(" (policy {})", policies.join(", "))
    }
}

pub(super) fn summary(account: &Account) {
    let attacks: Vec<&Act> = account.acts.iter().filter(|act| act.attack).collect();
    let width = attacks
        .iter()
        .map(|act| act.title.chars().count())
        .max()
        .unwrap_or(0)
        + 2;
    line(bold(format!(
        "{}{}{}stopped by",
        pad("attack", width),
        pad("without", 12),
        pad("with", 12)
    )));
    for act in &attacks {
        let cell = |succeeded: bool,
                    played: bool,
                    bad: fn(String) -> String,
                    good: fn(String) -> String| {
            let (word, style) = if succeeded {
                ("succeeds", bad)
            } else {
                ("fails", good)
            };
            pad(&style(if played { word } else { "unclear" }.to_owned()), 12)
        };
        line(format!(
            "{}{}{}{}",
            pad(act.title, width),
            cell(
                act.without.attack_succeeded,
                act.without.task_done || act.without.attack_succeeded,
                red_text,
                yellow_text
            ),
            cell(
                act.with.attack_succeeded,
                act.with.task_done || act.with.attack_succeeded,
                red_text,
                green_text
            ),
            act.words()
        ));
    }
    line("");
    verdict(account, &attacks);
    limits(account);
}

fn red_text(text: String) -> String {
    red(text)
}

fn yellow_text(text: String) -> String {
    yellow(text)
}

fn green_text(text: String) -> String {
    green(text)
}

fn verdict(account: &Account, attacks: &[&Act]) {
    let succeeded = attacks
        .iter()
        .filter(|act| act.without.attack_succeeded)
        .count();
    let stopped = attacks.iter().filter(|act| act.passed).count();
    let of = |count: usize| {
        if count == attacks.len() {
            format!("all {count}")
        } else {
            format!("{count}")
        }
    };
    let mut sentence = format!(
        "Of {} attacks {} succeeded without Portcullis, and {} were stopped with it, in {:.1} seconds.",
        attacks.len(),
        of(succeeded),
        of(stopped),
        account.seconds
    );
    if account.passed {
        sentence.push_str(" The undisturbed task ended with the same report on both sides.");
    }
    line(paragraph("", 0, &sentence));
    if !account.without_controls.is_empty() {
        line(paragraph(
            "",
            0,
            &yellow(format!(
                "Switched off for this run: {}.",
                account.without_controls.join(", ")
            )),
        ));
    }
    if !account.passed {
        line(red("The demo failed: not everything went as it has to."));
    }
    line("");
}

/// What must not be concluded from the story.
fn limits(account: &Account) {
    let obeyed: Vec<&str> = account
        .acts
        .iter()
        .filter(|act| act.passed && act.attack && act.with.led_astray)
        .map(|act| act.title)
        .collect();
    line(bold("What this does not show"));
    if !obeyed.is_empty() {
        line(paragraph(
            "",
            2,
            &format!(
                "\"{}\": the order, in plain words, reached the model, which tried to obey. No detector noticed; a \
                 policy kept the assistant from sending. Somebody whom policy lets send would not have been \
                 protected. Detectors for plain text, and labels for what is untrusted, come later.",
                obeyed.join("\", \"")
            ),
        ));
    }
    line(paragraph(
        "",
        2,
        "The model is a small script that always obeys, the servers are ours, and \"nobody approved it\" stops an \
         attack only as long as the person who reviews looks at what is approved.",
    ));
    line("");
}

/// What became of the folder.
pub(super) fn kept(folder: Option<&Path>) {
    match folder {
        Some(folder) => line(format!(
            "Configuration, policies and the audit trail are kept in {}",
            folder.display()
        )),
        None => line(
            "Everything is stopped and removed; --keep DIR keeps configuration, policies and audit trail.",
        ),
    }
}

/// Dims word by word, because a paragraph breaks between words.
fn dim_words(text: &str) -> String {
    text.split_whitespace()
        .map(dim)
        .collect::<Vec<_>>()
        .join(" ")
}

/// A rule across the page.
pub(super) fn rule() {
    line(terminal::dim("─".repeat(WIDTH)));
}
