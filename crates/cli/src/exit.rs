//! Exit codes, and failures that a person can do something about.

use std::error::Error;
use std::fmt::Display;

use crate::terminal;

/// The documented exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Everything went well.
    Fine = 0,
    /// The command ran and found something, or something was refused.
    Findings = 1,
    /// The command line makes no sense.
    WrongUse = 2,
    /// The command could not run.
    CouldNotRun = 3,
    /// The configuration is wrong.
    BadConfiguration = 64,
}

/// A failure: what went wrong, and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    messages: Vec<String>,
    help: Option<String>,
}

impl Failure {
    /// The command could not run.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::CouldNotRun,
            messages: vec![message.into()],
            help: None,
        }
    }

    /// The command line makes no sense.
    pub(crate) fn wrong_use(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::WrongUse,
            ..Self::new(message)
        }
    }

    /// The configuration is wrong: every problem, already written for a person.
    pub(crate) fn configuration(problems: Vec<String>) -> Self {
        Self {
            exit: Exit::BadConfiguration,
            messages: problems,
            help: None,
        }
    }

    /// What went wrong with the whole chain of causes.
    pub(crate) fn because(doing: impl Display, cause: &(dyn Error + 'static)) -> Self {
        Self::new(format!("{doing}: {}", chain(cause)))
    }

    /// Says what to do.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// What went wrong, in one line.
    pub(crate) fn text(&self) -> String {
        self.messages.join("; ")
    }

    /// Writes the failure to standard error.
    pub(crate) fn show(&self) {
        for message in &self.messages {
            // Configuration problems carry their own heading with file and line.
            if self.exit == Exit::BadConfiguration {
                terminal::error_line(message);
            } else {
                terminal::error_line(format!("{} {message}", terminal::red("error:")));
            }
        }
        if let Some(help) = &self.help {
            terminal::error_line(format!("{} {help}", terminal::cyan("help:")));
        }
    }
}

/// An error with everything behind it.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
