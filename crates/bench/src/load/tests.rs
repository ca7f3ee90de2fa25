use std::time::Duration;

use clap::ValueEnum as _;

use super::request::Target;
use super::{Era, Workload, percentile, summary};

#[test]
fn percentiles_are_those_of_the_nearest_rank() {
    let of = |numbers: std::ops::RangeInclusive<u64>| -> Vec<Duration> {
        numbers.map(Duration::from_micros).collect()
    };
    assert!((percentile(&of(1..=100), 50) - 50.0).abs() < 1e-9);
    assert!((percentile(&of(1..=100), 99) - 99.0).abs() < 1e-9);
    assert!((percentile(&of(1..=1), 99) - 1.0).abs() < 1e-9);
    assert!(percentile(&[], 50).abs() < 1e-9);
}

#[test]
fn a_summary_sorts_what_came_from_many_connections() {
    let latencies = [9, 1, 5].map(Duration::from_micros).to_vec();
    let measured = summary(latencies, Vec::new(), Duration::from_secs(2));
    assert_eq!(measured.calls, 3);
    assert!((measured.p50_us - 5.0).abs() < 1e-9);
}

#[test]
fn every_request_has_its_own_id_and_the_length_that_its_head_says() {
    let workloads = [
        Workload::Echo,
        Workload::Large,
        Workload::Progress,
        Workload::List,
    ];
    for era in [Era::Legacy, Era::Modern] {
        let mut target =
            Target::parse("http://127.0.0.1:1/10/a", era, "Bearer k".to_owned()).unwrap();
        target.session = Some("s".to_owned());
        for workload in workloads {
            let mut template = target.template(workload, 3);
            let mut ids = Vec::new();
            for _ in 0..2 {
                let text = String::from_utf8(template.next().to_vec()).unwrap();
                let (head, body) = text.split_once("\r\n\r\n").unwrap();
                assert!(head.contains(&format!("content-length: {}\r\n", body.len())));
                assert_eq!(head.contains("mcp-session-id"), era == Era::Legacy);
                assert_eq!(head.contains("mcp-method"), era == Era::Modern);
                let json: serde_json::Value = serde_json::from_str(body).unwrap();
                ids.push(json["id"].as_u64().unwrap());
            }
            assert_ne!(ids[0], ids[1]);
            let proven = String::from_utf8(template.next_proven("a.b.c").to_vec()).unwrap();
            let plain = String::from_utf8(template.bytes().to_vec()).unwrap();
            assert_eq!(proven.replace("dpop: a.b.c\r\n", ""), plain);
            assert!(proven.contains("\r\ndpop: a.b.c\r\n\r\n{"));
        }
    }
}

#[test]
fn names_are_those_of_the_command_line() {
    for workload in Workload::value_variants() {
        let value = workload.to_possible_value().unwrap();
        assert_eq!(value.get_name(), workload.name());
    }
    for era in Era::value_variants() {
        assert_eq!(era.to_possible_value().unwrap().get_name(), era.name());
    }
}
