//! What fuzzing found, and what it started from, on a plain `cargo test`.

use std::path::{Path, PathBuf};
use std::{fs, io};

use volc_tests::{machine, oracles};

type Oracle = fn(&[u8]);

const ORACLES: [(&str, Oracle); 6] = [
    ("drive_deletion", machine::drive_deletion),
    ("encode_query", oracles::encode_query),
    ("parse_response", oracles::parse_response),
    ("presign_verify", oracles::presign_verify),
    ("sign_verify", oracles::sign_verify),
    ("verify_request", oracles::verify_request),
];

/// Names the input that an oracle did not like.
struct Input<'a>(&'a Path);

impl Drop for Input<'_> {
    #[expect(clippy::print_stdout, reason = "shown with the failure of the test")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("the input was {}", self.0.display());
        }
    }
}

/// What a folder holds, where there is one.
fn list(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.expect("a readable folder").path()).collect()
}

#[test]
fn every_input_that_was_kept_holds() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let mut replayed = 0;
    // The inputs of crashes lie in `artifacts`.
    for target in ["corpus", "artifacts"].iter().flat_map(|folder| list(&fuzz.join(folder))) {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let Some((_, oracle)) = ORACLES.iter().find(|(target, _)| *target == name) else {
            panic!("expected an oracle for {}", target.display());
        };
        for path in list(&target) {
            let _input = Input(&path);
            match fs::read(&path) {
                Ok(data) => oracle(&data),
                // A fuzzer that runs beside this replaces its inputs by shorter ones.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => panic!("expected a readable file: {error}"),
            }
            replayed += 1;
        }
    }
    assert!(replayed >= 160, "expected the committed seeds, replayed {replayed}");
}

#[test]
fn every_fuzz_target_is_an_oracle_with_seeds() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let names = |path: &PathBuf| path.file_stem().expect("a name").to_string_lossy().into_owned();
    let mut targets: Vec<String> = list(&fuzz.join("fuzz_targets")).iter().map(names).collect();
    targets.sort_unstable();
    assert_eq!(targets, ORACLES.map(|(name, _)| name));
    for target in targets {
        let seeds = list(&fuzz.join("corpus").join(&target));
        assert!(seeds.iter().any(|path| names(path).starts_with("seed-")), "expected seeds of {target}");
    }
}
