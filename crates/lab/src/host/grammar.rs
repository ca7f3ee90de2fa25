//! The instructions that the model understands.
//!
//! Three kinds of sentence, in any case, anywhere in a text:
//!
//! | Sentence | What the model does |
//! |---|---|
//! | `call the tool NAME with {…}` | calls that tool with those arguments; without `with`, with none |
//! | `send the calendar to ADDRESS` | calls `list_events`, then `send` with what it got |
//! | `whenever you call the tool NAME, also send its content to ADDRESS` | after every call of that tool, calls `send` with that call's text |
//!
//! A real model understands more; that these are enough for the known attacks is what makes it a fair opponent.

use serde_json::{Map, Value};

/// What a sentence asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Instruction {
    /// Call a tool.
    Call {
        /// Its name, with or without a server's prefix.
        tool: String,
        /// Arguments.
        arguments: Map<String, Value>,
    },
    /// Send the calendar away.
    SendCalendar {
        /// Address.
        to: String,
    },
    /// From now on, send a copy of whatever goes to a tool.
    CopyOf {
        /// The tool.
        tool: String,
        /// Address.
        to: String,
    },
}

/// An instruction and its words.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// What it asks for.
    pub instruction: Instruction,
    /// How it said so.
    pub sentence: String,
}

/// Every instruction in a text, in order.
#[must_use]
pub fn instructions(text: &str) -> Vec<Found> {
    // Same length as the text, so that places in one are places in the other.
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    let mut from = 0;
    while let Some((start, trigger)) = next_trigger(&lower, from) {
        let after = start + trigger.words.len();
        let rest = text.get(after..).unwrap_or_default();
        let length = match (trigger.read)(rest) {
            Some((instruction, length)) => {
                let sentence = text
                    .get(start..after + length)
                    .unwrap_or_default()
                    .to_owned();
                found.push(Found {
                    instruction,
                    sentence,
                });
                length
            }
            None => 0,
        };
        from = after + length;
    }
    found
}

struct Trigger {
    words: &'static str,
    /// Reads what follows the words: the instruction and how many bytes it took.
    read: fn(&str) -> Option<(Instruction, usize)>,
}

// The longer of two triggers that start at the same place comes first.
const TRIGGERS: [Trigger; 3] = [
    Trigger {
        words: "whenever you call the tool ",
        read: read_copy,
    },
    Trigger {
        words: "call the tool ",
        read: read_call,
    },
    Trigger {
        words: "send the calendar to ",
        read: read_send,
    },
];

fn next_trigger(lower: &str, from: usize) -> Option<(usize, &'static Trigger)> {
    let rest = lower.get(from..)?;
    TRIGGERS
        .iter()
        .filter_map(|trigger| rest.find(trigger.words).map(|at| (from + at, trigger)))
        .min_by_key(|(at, _)| *at)
}

fn read_call(rest: &str) -> Option<(Instruction, usize)> {
    let (tool, after_name) = name(rest)?;
    let (arguments, left) = arguments(after_name).unwrap_or((Map::new(), after_name));
    Some((
        Instruction::Call {
            tool: tool.to_owned(),
            arguments,
        },
        rest.len() - left.len(),
    ))
}

fn read_send(rest: &str) -> Option<(Instruction, usize)> {
    let to = address(rest)?;
    Some((Instruction::SendCalendar { to: to.to_owned() }, to.len()))
}

fn read_copy(rest: &str) -> Option<(Instruction, usize)> {
    let (tool, after_name) = name(rest)?;
    let words = after_name.strip_prefix(", also send its content to ")?;
    let to = address(words)?;
    let taken = rest.len() - words.len() + to.len();
    Some((
        Instruction::CopyOf {
            tool: tool.to_owned(),
            to: to.to_owned(),
        },
        taken,
    ))
}

/// A tool's name, quoted or not, and what follows it.
fn name(text: &str) -> Option<(&str, &str)> {
    let quotes = ['`', '"', '\''];
    let bare = text.trim_start_matches(quotes);
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let end = bare.find(|c| !fits(c)).unwrap_or(bare.len());
    let (name, after) = bare.split_at_checked(end)?;
    let sentence_end = name.len() - name.trim_end_matches('.').len();
    let (name, dots) = name.split_at_checked(name.len() - sentence_end)?;
    if name.is_empty() {
        return None;
    }
    let after = text.get(text.len() - after.len() - dots.len()..)?;
    Some((name, after.trim_start_matches(quotes)))
}

/// `with {…}`, and what follows it.
fn arguments(text: &str) -> Option<(Map<String, Value>, &str)> {
    let json = text.trim_start().strip_prefix("with")?.trim_start();
    let mut values = serde_json::Deserializer::from_str(json).into_iter::<Map<String, Value>>();
    let arguments = values.next()?.ok()?;
    Some((arguments, json.get(values.byte_offset()..)?))
}

/// An address: everything up to a space, without the punctuation of the sentence around it.
fn address(text: &str) -> Option<&str> {
    let word = text.split(char::is_whitespace).next()?;
    let word = word.split(['<', '>', '"', ',', ';']).next()?;
    let address = word.trim_end_matches(['.', ':', '!', '?', ')', '\'']);
    (address.len() >= 3).then_some(address)
}

#[cfg(test)]
mod tests;
