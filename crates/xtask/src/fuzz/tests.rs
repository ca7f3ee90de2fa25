use std::os::unix::process::ExitStatusExt as _;

use super::*;

#[test]
fn every_target_has_seeds_and_is_built() {
    let root = crate::root();
    let manifest = fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
    for name in chosen(&root, None).unwrap() {
        let seeds = fs::read_dir(root.join("fuzz/seeds").join(&name));
        assert!(seeds.is_ok_and(|seeds| seeds.count() > 0), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"\n")), "{name}");
    }
}

#[test]
fn a_target_can_be_chosen() {
    let root = crate::root();
    assert_eq!(chosen(&root, Some("sse")).unwrap(), ["sse"]);
    let refused = chosen(&root, Some("nothing")).unwrap_err();
    assert!(refused.contains("envelope, "), "{refused}");
}

#[test]
fn a_finding_says_how_to_see_it_again() {
    let said = "INFO: Seed: 1\n#2\tINITED cov: 1\nthread '<unnamed>' panicked at x.rs:1:1:\nboom\nartifact_prefix='a/'; Test unit written to a/crash-1\nstat::number_of_executed_units: 12\nstat::peak_rss_mb:              33\n";
    assert_eq!(statistic(said, "number_of_executed_units"), Some("12"));
    assert_eq!(statistic(said, "peak_rss_mb"), Some("33"));
    assert_eq!(statistic(said, "peak"), None);
    let places = Places {
        root: Path::new("/r"),
        target: PathBuf::from("/t"),
        programs: PathBuf::from("/p"),
    };
    let text = finding(&places, "sse", said, ExitStatus::from_raw(77 << 8));
    assert!(text.contains("boom") && !text.contains("INFO") && !text.contains("INITED"));
    assert!(text.ends_with("    /p/sse a/crash-1"), "{text}");
    let text = finding(&places, "sse", "killed", ExitStatus::from_raw(9));
    assert!(text.ends_with("cargo xtask fuzz --target sse"), "{text}");
}
