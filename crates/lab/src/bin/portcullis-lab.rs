//! Runs one lab server on standard input and output: `portcullis-lab lab SERVER`.
//!
//! The same command line as the hidden `portcullis lab SERVER`, for tests and for trying a server by hand.

use std::process::ExitCode;

use portcullis_lab::ServerKind;

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let kind = match (arguments.next().as_deref(), arguments.next()) {
        (Some("lab"), Some(name)) => ServerKind::parse(&name),
        _ => None,
    };
    let Some(kind) = kind else {
        return ExitCode::from(2);
    };
    match portcullis_lab::serve(kind).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(3),
    }
}
