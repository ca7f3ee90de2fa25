use std::cell::Cell;

use super::*;

#[test]
fn a_peer_is_installed_once_per_lock_file() {
    let folder = scratch("fresh");
    let (lock, target) = (folder.join("lock"), folder.join("target"));
    let installs = Cell::new(0);
    let install = || {
        unless_fresh(&lock, &target, || {
            installs.set(installs.get() + 1);
            fs::create_dir_all(&target).map_err(|error| error.to_string())
        })
    };
    fs::write(&lock, "one").unwrap();
    install().unwrap();
    install().unwrap();
    assert_eq!(installs.get(), 1);
    fs::write(&lock, "two").unwrap();
    install().unwrap();
    assert_eq!(installs.get(), 2);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_failed_installation_leaves_no_stamp() {
    let folder = scratch("failed");
    let lock = folder.join("lock");
    fs::write(&lock, "one").unwrap();
    assert_eq!(
        unless_fresh(&lock, &folder, || Err("no network".to_owned())),
        Err("no network".to_owned())
    );
    assert!(!folder.join(STAMP).exists());
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn every_requirements_file_is_found() {
    let names: Vec<_> = requirements(&folder(&crate::root()))
        .unwrap()
        .iter()
        .filter_map(|path| path.file_name()?.to_str().map(str::to_owned))
        .collect();
    assert_eq!(names, ["py1.txt", "py2.txt", "servers.txt"]);
}

fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("xtask-peers-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}
