//! A journalled run that is killed, wherever it hurts, and resumed with other credentials.
//!
//! The process that dies is this test binary itself, started again with the variables of [`Child`].
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use volc_emulator::{Emulator, Fault, Image, When};
use volc_proto::ecs::{Deletion, Event, ImageId, Outcome, Policy, Report, Snapshots, read_journal};
use volc_proto::{Credentials, Endpoint, Region};
use volc_ureq::Client;

const IMAGES: usize = 1_000;
const CHUNK: usize = 25;

fn ids() -> Vec<ImageId> {
    (0..IMAGES).map(|n| ImageId::new(format!("image-killed{n:014}")).unwrap()).collect()
}

fn policy() -> Policy {
    Policy { chunk: CHUNK, backoff_base: Duration::from_millis(1), attempt_timeout: Duration::from_secs(20), ..Policy::default() }
}

fn region() -> Region {
    Region::new("cn-beijing").unwrap()
}

fn first_key() -> Credentials {
    Credentials::new("AKTPbeforethekil", "not-a-secret").unwrap().with_session_token("first-token").unwrap()
}

fn second_key() -> Credentials {
    Credentials::new("AKTPafterthekill", "not-a-secret").unwrap().with_session_token("second-token").unwrap()
}

/// Where the process dies of its own accord; `Never` is for those that are killed from outside.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Death {
    Never,
    /// Not at all, but from this intent on, which is not sent, it waits for the blow: else it might be over before it.
    HeldAt(usize),
    /// After this intent is in the journal, before it is sent.
    AfterIntent(usize),
    /// After this answer came, before its outcome is in the journal.
    BeforeOutcome(usize),
    /// In the middle of writing this intent, or this outcome.
    InsideIntent(usize),
    InsideOutcome(usize),
}

/// Runs, writing a journal, until the end or its death.
fn run(endpoint: Endpoint, who: Credentials, journal: &Path, death: Death) -> Report {
    let (events, length) = match fs::read(journal) {
        Ok(bytes) => read_journal(&bytes).unwrap(),
        Err(_) => (Vec::new(), 0),
    };
    let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(journal).unwrap();
    file.set_len(length as u64).unwrap();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).unwrap();
    let mut deletion = match events.is_empty() {
        true => Deletion::new(ids(), Snapshots::Keep, policy()).unwrap(),
        false => Deletion::resume(ids(), Snapshots::Keep, policy(), events).unwrap(),
    };
    let (mut intents, mut outcomes) = (0, 0);
    let client = Client::new(endpoint, who);
    let report = client.run_with(&mut deletion, |event| {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        match event {
            Event::Intent(_) => intents += 1,
            Event::Outcome(_) => outcomes += 1,
            _ => {}
        }
        let inside = matches!((event, death), (Event::Intent(_), Death::InsideIntent(n)) if n == intents)
            || matches!((event, death), (Event::Outcome(_), Death::InsideOutcome(n)) if n == outcomes);
        if inside {
            write(&mut file, &line[..line.len() / 2])?;
            std::process::abort();
        }
        if matches!((event, death), (Event::Outcome(_), Death::BeforeOutcome(n)) if n == outcomes) {
            std::process::abort();
        }
        write(&mut file, &line)?;
        if matches!((event, death), (Event::Intent(_), Death::AfterIntent(n)) if n == intents) {
            std::process::abort();
        }
        while matches!((event, death), (Event::Intent(_), Death::HeldAt(n)) if n == intents) {
            std::thread::park();
        }
        Ok::<_, std::io::Error>(ControlFlow::Continue(()))
    });
    report.unwrap()
}

fn write(file: &mut File, bytes: &[u8]) -> std::io::Result<()> {
    file.write_all(bytes)?;
    file.sync_data()
}

/// The process that is killed. As a test of its own it does nothing.
#[test]
fn child() {
    let Ok(url) = std::env::var("VOLC_TEST_URL") else { return };
    let journal = PathBuf::from(std::env::var("VOLC_TEST_JOURNAL").unwrap());
    let number = |name: &str| std::env::var(name).ok().map(|n| n.parse().unwrap());
    let death = [
        number("VOLC_TEST_HELD_AT").map(Death::HeldAt),
        number("VOLC_TEST_AFTER_INTENT").map(Death::AfterIntent),
        number("VOLC_TEST_BEFORE_OUTCOME").map(Death::BeforeOutcome),
        number("VOLC_TEST_INSIDE_INTENT").map(Death::InsideIntent),
        number("VOLC_TEST_INSIDE_OUTCOME").map(Death::InsideOutcome),
    ];
    let death = death.into_iter().flatten().next().unwrap_or(Death::Never);
    let _ = run(Endpoint::custom(&url, region()).unwrap(), first_key(), &journal, death);
}

/// Kills a run, resumes it, and checks everything against the emulator.
fn story(name: &str, death: Death, kill_at_request: Option<usize>, fault: Option<Fault>) {
    let journal = std::env::temp_dir().join(format!("volc-killed-{}-{name}.journal", std::process::id()));
    let _ = fs::remove_file(&journal);
    let images = ids().into_iter().map(|id| Image::new(id.as_str()));
    let mut builder = Emulator::builder().credentials(first_key()).credentials(second_key()).images(images);
    if let (Some(fault), Some(request)) = (fault, kill_at_request) {
        builder = builder.fault(When::requests([request as u64]), fault);
    }
    let emulator = builder.start().unwrap();

    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.env("VOLC_TEST_URL", emulator.url()).env("VOLC_TEST_JOURNAL", &journal);
    match death {
        Death::Never => &mut command,
        Death::HeldAt(n) => command.env("VOLC_TEST_HELD_AT", n.to_string()),
        Death::AfterIntent(n) => command.env("VOLC_TEST_AFTER_INTENT", n.to_string()),
        Death::BeforeOutcome(n) => command.env("VOLC_TEST_BEFORE_OUTCOME", n.to_string()),
        Death::InsideIntent(n) => command.env("VOLC_TEST_INSIDE_INTENT", n.to_string()),
        Death::InsideOutcome(n) => command.env("VOLC_TEST_INSIDE_OUTCOME", n.to_string()),
    };
    let mut child = command.spawn().unwrap();
    if let Some(request) = kill_at_request {
        let started = Instant::now();
        while emulator.requests().len() < request {
            assert!(started.elapsed() < Duration::from_secs(60), "{name}: the run never came that far");
            std::thread::sleep(Duration::from_micros(200));
        }
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    assert!(!status.success(), "{name}: the run was to die");

    let (events, _) = read_journal(&fs::read(&journal).unwrap()).unwrap();
    let settled: BTreeSet<ImageId> = events
        .iter()
        .filter_map(|event| match event {
            Event::Outcome(outcome) => Some(&outcome.images),
            _ => None,
        })
        .flatten()
        .filter(|image| image.outcome.is_settled())
        .map(|image| image.id.clone())
        .collect();
    let attempts_before = events.iter().filter(|event| matches!(event, Event::Intent(_))).count();
    assert!(settled.len() < IMAGES, "{name}: it was to die in the middle");

    let report = run(emulator.endpoint(region()), second_key(), &journal, Death::Never);
    assert!(report.all_gone(), "{name}: {}", report.into_result().unwrap_err());
    assert_eq!(emulator.images().len(), 0, "{name}");
    assert_eq!(report.context().map(|context| context.key_id.as_str()), Some("AKTP****kill"), "{name}");
    // The dead run's last request may have been carried out after its end: requests are told apart by who got their answers.
    let resumed: BTreeSet<&str> =
        report.attempts().iter().skip(attempts_before).filter_map(|attempt| attempt.request_id.as_deref()).collect();
    let (after, before): (Vec<_>, Vec<_>) =
        emulator.requests().into_iter().partition(|request| request.request_id.as_deref().is_some_and(|id| resumed.contains(id)));
    let after: BTreeSet<ImageId> =
        after.iter().flat_map(|request| &request.image_ids).map(|id| ImageId::new(id.as_str()).unwrap()).collect();
    assert!(after.is_disjoint(&settled), "{name}: what was settled was asked again");
    assert_eq!(after.len() + settled.len(), IMAGES, "{name}: all that was not settled is asked again");
    for (id, outcome) in report.outcomes() {
        let deleted_before = before.iter().any(|request| request.deleted.iter().any(|deleted| deleted == id.as_str()));
        // Found missing after the kill only where the kill hid the answer.
        if matches!(outcome, Outcome::Gone(evidence) if *evidence != volc_proto::ecs::Evidence::Acknowledged) {
            assert!(deleted_before && !settled.contains(id), "{name}: {id} {outcome}");
        }
    }
    let text = fs::read_to_string(&journal).unwrap();
    for secret in ["not-a-secret", "first-token", "second-token", "AKTPbeforethekil", "AKTPafterthekill", "Signature"] {
        assert!(!text.contains(secret), "{name}: {secret} is in the journal");
    }
    fs::remove_file(&journal).unwrap();
}

#[test]
fn killed_after_an_intent_and_before_its_send() {
    story("after-intent", Death::AfterIntent(7), None, None);
}

#[test]
fn killed_after_the_send_and_before_the_answer() {
    let stall = Fault::StallHead { after_deletion: true, milliseconds: None };
    story("before-answer", Death::Never, Some(9), Some(stall));
}

#[test]
fn killed_after_the_answer_and_before_its_outcome() {
    story("before-outcome", Death::BeforeOutcome(5), None, None);
}

#[test]
fn killed_inside_a_line_of_the_journal() {
    story("inside-intent", Death::InsideIntent(6), None, None);
    story("inside-outcome", Death::InsideOutcome(6), None, None);
}

#[test]
fn killed_at_ten_random_points() {
    // The request is random enough; where inside it the blow falls is the scheduler's choice.
    let seed = std::time::UNIX_EPOCH.elapsed().map_or(0, |time| time.subsec_nanos() as usize);
    for n in 0..10 {
        let request = 1 + (seed / 7_919 + n * 13) % (IMAGES / CHUNK - 2);
        println!("killed at request {request}");
        story(&format!("random-{n}"), Death::HeldAt(request + 2), Some(request), None);
    }
}
