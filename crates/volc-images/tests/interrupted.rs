//! Ctrl-C, once and twice, while a request is under way.
#![allow(clippy::unwrap_used, reason = "these are tests")]
#![cfg(unix)]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command};

use support::gate::Gate;
use support::*;
use volc_emulator::Emulator;

/// A run over three images, one a request, whose second request is in the gate.
struct Run {
    emulator: Emulator,
    gate: Gate,
    child: Child,
    err: BufReader<ChildStderr>,
    journal: PathBuf,
}

impl Run {
    fn start() -> Self {
        let emulator = emulator(["image-a", "image-b", "image-c"]).start().unwrap();
        let gate = Gate::new(emulator.address());
        let journal = folder().join("journal.jsonl");
        let flags = ["image-a", "image-b", "image-c", "--chunk", "1", "--yes", "--output", "json", "--journal"];
        let mut child = start(delete_blindly_at(&gate.url()).args(flags).arg(&journal));
        let err = BufReader::new(child.stderr.take().unwrap());
        gate.wait();
        gate.pass();
        gate.wait();
        Self { emulator, gate, child, err, journal }
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits until the program says that it was interrupted.
    fn wait_for_note(&mut self) {
        let mut line = String::new();
        while !line.starts_with("interrupted: ") {
            line.clear();
            assert_ne!(self.err.read_line(&mut line).unwrap(), 0, "the program ended");
        }
    }

    fn end(mut self) -> (Ended, Emulator, PathBuf) {
        let mut err = String::new();
        self.err.read_to_string(&mut err).unwrap();
        (Ended { err, ..self.child.wait_with_output().unwrap().into() }, self.emulator, self.journal)
    }
}

/// Every line of a journal is whole.
#[track_caller]
fn assert_whole(journal: &Path) {
    let text = std::fs::read_to_string(journal).unwrap();
    assert!(text.ends_with('\n'), "{text}");
    assert!(text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{text}");
}

#[test]
fn once_waits_for_the_request_under_way_and_starts_no_other() {
    for signal in ["-INT", "-TERM"] {
        let mut run = Run::start();
        run.signal(signal);
        run.wait_for_note();
        run.gate.pass();
        let (ended, emulator, journal) = run.end();
        let result = ended.expect(130).json();
        let expected = [("image-a", "gone"), ("image-b", "gone"), ("image-c", "not-deleted")];
        assert_eq!(outcomes(&result), expected.map(|(id, outcome)| (id.to_owned(), outcome.to_owned())));
        assert_eq!((&result["interrupted"], &result["exit_code"]), (&true.into(), &130.into()));
        assert_eq!(inventory(&emulator).len(), 1);
        assert_whole(&journal);
    }
}

#[test]
fn twice_leaves_at_once_and_the_journal_tells_what_is_unclear() {
    let mut run = Run::start();
    run.signal("-INT");
    run.wait_for_note();
    run.signal("-INT");
    let status = run.child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    // The gate is still shut: nobody waited for the answer.
    assert_eq!(run.emulator.requests().len(), 1);
    assert_whole(&run.journal);
    let plan = support::run(delete_blindly_at(&run.gate.url()).args(["--output", "json", "--resume"]).arg(&run.journal))
        .expect(0)
        .json();
    assert_eq!((&plan["settled"], &plan["to_delete"]), (&1.into(), &2.into()));
}
