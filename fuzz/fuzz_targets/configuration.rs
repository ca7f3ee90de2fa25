//! The configuration file: nothing makes the parser panic, every problem can be shown, and what is
//! good stays good when it is read again with a comment after it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_config::{Config, parse};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match parse(text) {
        Ok(config) => {
            for warning in config.warnings() {
                assert!(!warning.is_empty());
            }
            assert_eq!(
                parse(&format!("{text}\n# a comment\n")).as_ref(),
                Ok(&config)
            );
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            let lines = text.split('\n').count();
            for problem in &problems {
                assert!(
                    (1..=lines).contains(&problem.line) && problem.column >= 1,
                    "{problem:?}"
                );
            }
            assert!(Config::render_problems(&problems, "portcullis.toml", text).len() > 10);
        }
    }
});
