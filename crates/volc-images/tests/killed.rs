//! Four thousand images on a Tuesday: through a pipe, with everything going wrong, killed half way, and gone on with.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod support;

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Stdio;

use support::*;
use volc_emulator::{Expiry, Fault, Image, ImageState, When};
use volc_proto::Credentials;

const IMAGES: usize = 4_000;
/// Its answer never comes; by then half of the images were asked for.
const STALLED: u64 = 25;

#[test]
fn what_a_killed_run_and_the_next_one_report_is_what_is_there() {
    let asked = numbered(IMAGES);
    let missing = |n: usize| n % 400 == 7;
    let there = asked.iter().enumerate().filter(|(n, _)| !missing(*n)).map(|(n, id)| {
        let image = Image::new(id);
        match n % 200 {
            13 => image.state(ImageState::Shared),
            53 => image.state(ImageState::Copying).for_calls(1),
            113 => image.state(ImageState::Failing).for_calls(2),
            _ => image,
        }
    });
    let chance = |of, seed| When::Chance { of, seed };
    let emulator = emulator(["image-nobody-asked-for"])
        .images(there)
        .fault(When::requests([STALLED]), Fault::StallHead { after_deletion: true, milliseconds: None })
        .fault(chance(0.05, 1), Fault::Drop { after_deletion: false })
        .fault(chance(0.05, 2), Fault::Drop { after_deletion: true })
        .fault(chance(0.05, 3), Fault::CutBody)
        .fault(chance(0.05, 4), Fault::api_error("FlowLimitExceeded", false))
        .fault(chance(0.05, 5), Fault::api_error("InternalError", true))
        .start()
        .unwrap();

    let journal = folder().join("journal.jsonl");
    let flags = ["-", "--yes", "--max-images", "4000", "--attempts", "20", "--output", "json", "--journal"];
    let mut first = start(delete_blindly_at(&emulator.url()).args(flags).arg(&journal).stdin(Stdio::piped()));
    let list: String = asked.iter().map(|id| format!("{id}\n")).collect();
    first.stdin.take().unwrap().write_all(list.as_bytes()).unwrap();
    wait_until("half of the run", || emulator.requests().len() as u64 >= STALLED);
    // SIGKILL: nothing is written any more, and the answer to the last request is known to nobody.
    first.kill().unwrap();
    let status = first.wait_with_output().unwrap().status;
    assert_eq!(status.code(), if cfg!(unix) { None } else { Some(1) }, "it ended by itself");
    let left = inventory(&emulator).len();
    assert!((500..3_500).contains(&left), "{left}");

    emulator.remove_credentials(KEY);
    let who = Credentials::new("AKTPTuesdayAfternoon", SECRET).unwrap().with_session_token("token").unwrap();
    emulator.add_temporary_credentials(who, Expiry::AfterRequests(1_000));
    let mut second = delete_blindly_at(&emulator.url());
    second.env("VOLCENGINE_ACCESS_KEY", "AKTPTuesdayAfternoon").env("VOLCENGINE_SESSION_TOKEN", "token");
    let flags = ["--yes", "--attempts", "20", "--wait-busy", "3s", "--output", "json", "--resume"];
    let result = run(second.args(flags).arg(&journal)).expect(2).json();

    let outcomes = outcomes(&result);
    assert_eq!(outcomes.iter().map(|(id, _)| id).collect::<Vec<_>>(), asked.iter().collect::<Vec<_>>());
    let there = inventory(&emulator);
    for (id, outcome) in &outcomes {
        match outcome.as_str() {
            "gone" => assert!(!there.contains(id), "{id} is called gone and is there"),
            "refused" | "busy" | "not-deleted" => assert!(there.contains(id), "{id} is called {outcome} and is gone"),
            other => panic!("{id}: {other}"),
        }
    }
    // All that stays is what others use, and what nobody asked for.
    let stays = |(n, id): (usize, &String)| (n % 200 == 13).then(|| id.clone());
    let mut expected: BTreeSet<String> = asked.iter().enumerate().filter_map(stays).collect();
    assert_eq!(outcomes.iter().filter(|(_, outcome)| outcome == "refused").count(), expected.len());
    expected.insert("image-nobody-asked-for".to_owned());
    assert_eq!(there, expected);
}
