//! Real tool definitions, where a folder with them is named.

use std::process::Command;

use super::*;

/// `PORTCULLIS_DATA` names a folder with `benign_tools.jsonl.gz`: one object a
/// line, the definition in its member `tool`.
#[test]
fn real_tools_have_few_findings() {
    let Some(folder) = std::env::var_os("PORTCULLIS_DATA") else {
        println!("skipped: PORTCULLIS_DATA names no folder with real tool definitions");
        return;
    };
    let file = std::path::Path::new(&folder).join("benign_tools.jsonl.gz");
    let unpacked = Command::new("gzip").arg("-dc").arg(file).output().unwrap();
    assert!(unpacked.status.success());
    let text = String::from_utf8(unpacked.stdout).unwrap();
    let (mut tools, mut findings) = (0, 0);
    for line in text.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let tool = row["tool"].to_string();
        let screening = Shield::default().screen(Direction::Definition, &tool);
        tools += 1;
        findings += screening.findings.len();
        for finding in screening.findings {
            println!(
                "{} {}: {}: {}",
                row["server"], row["tool"]["name"], finding.rule, finding.note
            );
        }
    }
    println!("{tools} tools, {findings} findings");
    assert!(tools > 1000);
    assert!(
        findings * 100 < tools,
        "{findings} findings in {tools} tools"
    );
}
