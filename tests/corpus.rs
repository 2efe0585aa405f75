//! What fuzzing found, and what it started from, on a plain `cargo test`.

use std::path::Path;
use std::{fs, io};

use volc_tests::oracles;

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

fn replay(target: &str, oracle: fn(&[u8])) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let mut replayed = 0;
    // Crashes lie in `artifacts`; neither folder needs to be there for a target without seeds or crashes.
    for folder in ["corpus", "artifacts"] {
        let Ok(entries) = fs::read_dir(fuzz.join(folder).join(target)) else { continue };
        for entry in entries {
            let path = entry.expect("a readable folder").path();
            let input = Input(&path);
            match fs::read(&path) {
                Ok(data) => oracle(&data),
                // A fuzzer that runs beside this replaces its inputs by shorter ones.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => panic!("expected a readable file: {error}"),
            }
            drop(input);
            replayed += 1;
        }
    }
    assert!(replayed > 0, "expected seeds in fuzz/corpus/{target}");
}

#[test]
fn the_corpus_of_encode_query_holds() {
    replay("encode_query", oracles::encode_query);
}

#[test]
fn the_corpus_of_parse_response_holds() {
    replay("parse_response", oracles::parse_response);
}
