//! One row of the table: a scenario, run on every adapter.

use std::io::Write;

use volc_proto::Fate;
use volc_tests::network::Outcome;

use crate::adapters::{ALL, Adapter};
use crate::logs;

/// What a scenario came to.
pub(crate) struct Seen {
    pub(crate) outcome: Outcome,
    /// How many bytes of requests the server has read, once there are no more to come.
    pub(crate) heard: usize,
}

/// What must come of it, with any adapter.
pub(crate) enum Expected {
    /// A reply.
    Reply,
    /// An error, and the request has not left. On the adapters named a client library hides the proof: there it may be
    /// unknown.
    Unsent { hidden_on: &'static [&'static str] },
    /// An error, and the request may have reached the service.
    Unknown,
}

pub(crate) const UNSENT: Expected = Expected::Unsent { hidden_on: &[] };

/// Runs a scenario on every adapter, and prints its row of the table. The error must say `says`, and the same everywhere.
#[track_caller]
pub(crate) fn row(scenario: &str, expected: &Expected, says: &str, run: impl Fn(&Adapter) -> Seen) {
    row_on(&ALL, scenario, expected, says, run);
}

/// The same on some of them.
#[track_caller]
pub(crate) fn row_on(adapters: &[&Adapter], scenario: &str, expected: &Expected, says: &str, run: impl Fn(&Adapter) -> Seen) {
    logs::watch();
    let mut cells = String::new();
    let mut messages = Vec::new();
    for adapter in adapters {
        let name = adapter.name;
        let Seen { outcome, heard } = run(adapter);
        let fate = outcome.as_ref().err().map(|failure| failure.fate);
        match (expected, fate) {
            (Expected::Reply, None) | (Expected::Unknown, Some(Fate::Unknown)) => {}
            (Expected::Unsent { .. }, Some(Fate::Unsent)) => {}
            (Expected::Unsent { hidden_on }, Some(Fate::Unknown)) if hidden_on.contains(&name) => {}
            _ => panic!("{scenario}, {name}: {outcome:?}"),
        }
        if fate == Some(Fate::Unsent) {
            assert_eq!(heard, 0, "{scenario}, {name}: the server read of a request that was never sent: {outcome:?}");
        }
        if let Err(failure) = outcome {
            assert!(failure.text.contains(says), "{scenario}, {name}: {failure:?}");
            // How much of an answer came before its time was up is chance.
            let (message, _) = failure.message.split_once(", got HTTP").unwrap_or((&failure.message, ""));
            messages.push((failure.fate, message.to_owned()));
        }
        cells += &format!("  {name}: {}", fate.map_or("a reply".to_owned(), |fate| format!("{fate:?}")));
    }
    // Where the proof is hidden, so is what happened.
    let agree = |(fate, message): &(Fate, String)| messages.iter().all(|other| other.0 != *fate || other.1 == *message);
    assert!(messages.iter().all(agree), "{scenario}: {messages:#?}");
    logs::assert_no_secret();
    say(&format!("{scenario:<88}{cells}"));
}

/// Prints a line that libtest does not swallow.
pub(crate) fn say(line: &str) {
    // One write, so that lines of other tests do not come in between.
    let _ = std::io::stdout().write_all(format!("{line}\n").as_bytes());
}
