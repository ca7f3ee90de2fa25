//! Resident memory at rest, after load, and with sessions held open.

use std::thread;
use std::time::Duration;

use crate::report::Memory;
use crate::subject::Subject;

/// How long a process is left alone before its memory is read.
const SETTLE: Duration = Duration::from_millis(700);

/// What each takes that nobody has asked anything yet.
pub(super) fn at_rest(subjects: &[Subject]) -> Vec<Memory> {
    thread::sleep(SETTLE);
    subjects
        .iter()
        .filter_map(|subject| {
            Some(Memory {
                subject: subject.name.clone(),
                at_rest_kib: subject.resident_kib()?,
                after_load_kib: None,
                with_sessions_kib: None,
            })
        })
        .collect()
}

/// What each keeps after everything that was measured.
pub(super) fn after_load(subjects: &[Subject], memory: &mut [Memory]) {
    thread::sleep(SETTLE);
    for subject in subjects {
        let of = memory.iter_mut().find(|of| of.subject == subject.name);
        if let Some(of) = of {
            of.after_load_kib = subject.resident_kib();
        }
    }
}

/// What it takes while the sessions are open.
pub(super) fn with_sessions(subject: &Subject, memory: &mut [Memory]) {
    thread::sleep(SETTLE);
    let of = memory.iter_mut().find(|of| of.subject == subject.name);
    if let Some(of) = of {
        of.with_sessions_kib = subject.resident_kib();
    }
}
