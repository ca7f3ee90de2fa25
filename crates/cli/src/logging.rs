//! Logging: to standard error, never to standard output, which may carry the protocol.

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

/// How much is logged, and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "Logging")]
pub(crate) struct Logging {
    /// What to log: a level (error, warn, info, debug, trace) or a tracing filter
    #[arg(
        long,
        global = true,
        value_name = "FILTER",
        env = "PORTCULLIS_LOG",
        hide_env_values = true
    )]
    log: Option<String>,
    /// How log lines look
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        default_value = "text",
        env = "PORTCULLIS_LOG_FORMAT",
        hide_env_values = true
    )]
    log_format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Json,
    Text,
}

/// Starts logging. Servers say what they do; other commands only what goes wrong.
pub(crate) fn start(logging: &Logging, server: bool) {
    let default = if server { "info" } else { "error" };
    let filter = EnvFilter::try_new(logging.log.as_deref().unwrap_or(default))
        .unwrap_or_else(|_| EnvFilter::new(default));
    let registry = tracing_subscriber::registry().with(filter);
    match logging.log_format {
        Format::Json => registry
            .with(fmt::layer().json().with_writer(std::io::stderr))
            .init(),
        Format::Text => registry
            .with(
                fmt::layer()
                    .with_target(false)
                    .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
                    .with_writer(std::io::stderr),
            )
            .init(),
    }
}
