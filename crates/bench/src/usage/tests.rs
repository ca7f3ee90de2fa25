use super::{cpu_seconds, cpu_ticks, resident, resident_kib};

#[test]
fn ticks_are_the_fields_after_a_name_with_blanks() {
    let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 9 9 20 0 1 0 100 1 1";
    assert_eq!(cpu_ticks(stat), Some(300));
    assert_eq!(cpu_ticks("7 (a"), None);
}

#[test]
fn resident_memory_is_one_line_of_the_status() {
    assert_eq!(
        resident("Name:\ta\nVmHWM:\t 9 kB\nVmRSS:\t 5120 kB\n"),
        Some(5120)
    );
    assert_eq!(resident("Name:\ta\n"), None);
}

#[test]
fn this_process_uses_something() {
    let own = std::process::id();
    assert!(resident_kib(own).unwrap() > 100);
    assert!(cpu_seconds(own).is_some());
    assert_eq!(cpu_seconds(u32::MAX), None);
}
