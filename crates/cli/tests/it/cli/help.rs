//! `--help`, and what holds for every command.

use crate::place::Place;

/// Every command, with the hidden ones left out.
const COMMANDS: &[&str] = &[
    "demo",
    "init",
    "serve",
    "wrap",
    "check",
    "tools",
    "tools list",
    "tools show",
    "tools diff",
    "tools approve",
    "tools reject",
    "audit",
    "audit tail",
    "audit query",
    "key",
    "key new",
    "prove",
    "vault",
    "vault status",
    "vault list",
    "vault connect",
    "vault revoke",
    "vault rotate",
    "doctor",
    "doctor entra",
];

#[test]
fn every_command_helps_with_an_example() {
    let place = Place::empty();
    for command in COMMANDS {
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.push("--help");
        let help = place.run(&arguments).fine();
        assert!(
            help.contains("Example:\n") || help.contains("Examples:\n"),
            "`{command} --help` has no example"
        );
        assert!(
            help.contains(&format!("portcullis {command}")),
            "the example of `{command}` shows something else"
        );
        assert!(
            !help.contains('\u{1b}'),
            "colour without a terminal in `{command} --help`"
        );
    }
}

/// The list above is complete: it is what the help itself lists.
#[test]
fn no_command_is_forgotten() {
    let place = Place::empty();
    let listed = |arguments: &[&str]| -> Vec<String> {
        let help = place.run(arguments).fine();
        let (_, commands) = help.split_once("\nCommands:\n").unwrap_or(("", ""));
        commands
            .lines()
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.strip_prefix("  "))
            .filter(|line| !line.starts_with(' '))
            .map(|line| line.split_whitespace().next().unwrap().to_owned())
            .filter(|name| name != "help")
            .collect()
    };
    let mut all = Vec::new();
    for command in listed(&["-h"]) {
        all.push(command.clone());
        for inner in listed(&[&command, "-h"]) {
            all.push(format!("{command} {inner}"));
        }
    }
    let mut known: Vec<String> = COMMANDS.iter().map(|&name| name.to_owned()).collect();
    all.sort();
    known.sort();
    assert_eq!(all, known);
}

#[test]
fn exit_codes_are_as_documented() {
    let place = Place::new("[authn]\nloopback = \"local\"\n");
    for (arguments, code) in [
        (&["--version"][..], 0),
        (&["check"][..], 0),
        (&[][..], 2),
        (&["nonesuch"][..], 2),
        (&["serve", "--nonesuch"][..], 2),
        (&["wrap"][..], 2),
        (&["audit", "query"][..], 3),
        (&["check", "-c", "elsewhere.toml"][..], 64),
    ] {
        let output = place.run(arguments);
        assert_eq!(output.code, code, "{arguments:?}: {}", output.stderr);
    }
}
