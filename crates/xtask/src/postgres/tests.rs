use super::*;

#[test]
fn a_folder_needs_every_program() {
    let folder = env::temp_dir().join(format!("portcullis-xtask-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    for program in PROGRAMS {
        assert!(!has_all(&folder), "{program} is missing");
        fs::write(folder.join(program), "").unwrap();
    }
    assert!(has_all(&folder));
    fs::remove_dir_all(&folder).unwrap();
}
