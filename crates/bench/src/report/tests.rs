use crate::load::{Era, Measured, Workload};
use crate::plan::{Cell, Endpoint, Section};
use crate::subject::{AGENTGATEWAY, API_KEY, DIRECT, PORTCULLIS, PROXY};
use crate::tokens::Kind;

use super::{Machine, Memory, Report, Row, chart, json, median, ratio, table};

fn measured(p50_us: f64, calls: u64) -> Measured {
    Measured {
        calls,
        errors: Vec::new(),
        seconds: 1.0,
        p50_us,
        p99_us: p50_us * 2.0,
    }
}

fn row(subject: &str, p50_us: f64, calls: u64, cpu: Option<f64>) -> Row {
    let cell = Cell {
        section: Section::Calls,
        endpoint: Endpoint::Modern,
        workload: Workload::Echo,
        era: Era::Modern,
        connections: 16,
    };
    Row::new(subject, &cell, &[(measured(p50_us, calls), cpu)]).unwrap()
}

fn report() -> Report {
    Report {
        version: "1.2.3",
        quick: true,
        unix_seconds: 0,
        seconds: 10.0,
        machine: Machine {
            processor: "A <processor>".to_owned(),
            cores: 2,
            system: "linux".to_owned(),
        },
        rows: vec![
            row(DIRECT, 100.0, 10_000, None),
            row(PROXY, 150.0, 8_000, Some(0.4)),
            row(PORTCULLIS, 250.0, 4_000, Some(0.8)),
            row(AGENTGATEWAY, 400.0, 2_000, Some(0.8)),
        ],
        memory: vec![Memory {
            subject: PORTCULLIS.to_owned(),
            at_rest_kib: 20_480,
            after_load_kib: Some(30_720),
            with_sessions_kib: None,
        }],
        problems: Vec::new(),
    }
}

#[test]
fn a_row_takes_the_median_of_the_rounds_and_the_cpu_of_all() {
    let cell = Cell {
        section: Section::Calls,
        endpoint: Endpoint::Tools(100),
        workload: Workload::List,
        era: Era::Modern,
        connections: 1,
    };
    let rounds = [
        (measured(900.0, 100), Some(0.3)),
        (measured(100.0, 200), Some(0.2)),
        (measured(200.0, 200), Some(0.1)),
    ];
    let row = Row::new("x", &cell, &rounds).unwrap();
    assert!((row.p50_us - 200.0).abs() < 1e-9);
    assert!((row.per_second - 200.0).abs() < 1e-9);
    assert!((row.cpu_seconds_per_1000.unwrap() - 1.2).abs() < 1e-9);
    assert_eq!(row.tools, Some(100));
    assert!(Row::new("x", &cell, &[]).is_none());
}

#[test]
fn medians_of_even_numbers_lie_in_the_middle() {
    assert_eq!(median([3.0, 1.0].into_iter()), Some(2.0));
    assert_eq!(median([].into_iter()), None);
}

#[test]
fn ratios_compare_what_is_added_to_asking_directly() {
    let ratios = ratio::all(&report());
    let to_proxy = ratios.iter().find(|r| r.to == PROXY).unwrap();
    assert_eq!(to_proxy.subject, PORTCULLIS);
    assert!((to_proxy.added_p50.unwrap() - 3.0).abs() < 1e-9);
    assert!((to_proxy.throughput - 0.5).abs() < 1e-9);
    assert!((to_proxy.cpu.unwrap() - 4.0).abs() < 1e-9);
    let to_peer = ratios.iter().find(|r| r.to == AGENTGATEWAY).unwrap();
    assert!((to_peer.added_p50.unwrap() - 0.5).abs() < 1e-9);
    assert!((to_peer.throughput - 2.0).abs() < 1e-9);
}

#[test]
fn the_tables_name_everything() {
    insta::assert_snapshot!(table::render(&report()), @r"
    Portcullis 1.2.3, quick bench of 10 s on A <processor> (2 cores, linux)

    tools/call, 64 bytes there and back, modern, 16 connections
                        p50 us  added us  p99 us  calls/s  CPU us/call
      direct               100         -     200   10,000            -
      bare hyper proxy     150      50.0     300    8,000         50.0
      portcullis           250       150     500    4,000          200
      agentgateway         400       300     800    2,000          400

    resident memory, MiB
                  at rest  after load  1,000 sessions
      portcullis     20.0        30.0               -

      ratios                                                   added p50  calls/s   CPU
      portcullis / bare hyper proxy: echo, modern, 16 conn.         3.00     0.50  4.00
      portcullis / agentgateway: echo, modern, 16 conn.             0.50     2.00  0.50
      agentgateway / bare hyper proxy: echo, modern, 16 conn.       6.00     0.25  8.00
    ");
}

#[test]
fn kinds_of_token_are_compared_with_the_key_and_with_nothing_else() {
    let identity = |subject: &str, p50_us: f64, cpu: f64| Row {
        section: Section::Identity,
        ..row(subject, p50_us, 4_000, Some(cpu))
    };
    let report = Report {
        rows: vec![
            identity(API_KEY, 250.0, 0.8),
            identity(Kind::Rs256.name(), 270.0, 0.9),
        ],
        memory: Vec::new(),
        ..report()
    };
    assert!(ratio::all(&report).is_empty());
    insta::assert_snapshot!(table::render(&report), @r"
    Portcullis 1.2.3, quick bench of 10 s on A <processor> (2 cores, linux)

    who calls, tools/call, 64 bytes there and back, modern, 16 connections (what it adds to a call with an API key)
                 p50 us  adds us  CPU us/call  adds us  calls/s
      API key       250        -          200        -    4,000
      JWT RS256     270     20.0          225     25.0    4,000
    ");
}

#[test]
fn the_json_holds_rows_and_ratios() {
    let text = json::render(&report()).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["rows"][2]["connections"], 16);
    assert_eq!(json["rows"][0]["workload"], "echo");
    assert_eq!(json["ratios"].as_array().unwrap().len(), 3);
}

#[test]
fn the_longest_bar_fills_the_chart_and_names_are_escaped() {
    let svg = chart::render(&report());
    assert!(svg.contains("A &lt;processor&gt;"));
    assert_eq!(svg.matches(r#"width="490.0""#).count(), 4);
    assert_eq!(svg.matches("<svg").count(), svg.matches("</svg>").count());
}
