//! `THREAT_MODEL.md` names a test for each threat: they have to exist.

use std::fs;
use std::path::{Path, PathBuf};

/// The Rust files below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_test_and_script_that_the_threat_model_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for folder in ["crates", "tests"] {
        sources(&root.join(folder), &mut files);
    }
    let code: String = files.iter().map(|path| fs::read_to_string(path).expect("a readable file")).collect();

    let text = fs::read_to_string(root.join("THREAT_MODEL.md")).expect("a threat model");
    let mut named = 0;
    for row in text.lines().filter(|line| line.starts_with('|')) {
        let shown_by = row.trim_end_matches('|').rsplit('|').next().expect("a cell");
        for name in shown_by.split('`').skip(1).step_by(2) {
            named += 1;
            let exists = match name.contains('/') {
                true => root.join(name).is_file(),
                false => code.contains(&format!("fn {name}(")),
            };
            assert!(exists, "expected a test or a script named {name}");
        }
    }
    assert!(named >= 40, "{named}");
}
