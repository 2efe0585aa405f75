//! Every fault of the emulator, over real sockets, with the blocking client: after each run the emulator's inventory and the
//! report agree image by image.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use volc_emulator::{DetailsFault, Emulator, Expiry, Fault, Image, ImageState, Listing, When};
use volc_proto::ecs::{Deletion, ImageId, Outcome, Policy, Report, Snapshots, Stop};
use volc_proto::{Credentials, Region};
use volc_ureq::Client;

const SIZES: [usize; 4] = [1, 100, 101, 2_500];
const LISTINGS: [Listing; 3] = [Listing::All, Listing::FailedOnly, Listing::Forgetful];

/// Fast, and otherwise as strict as the default: what is tested is what is true afterwards.
fn policy() -> Policy {
    Policy {
        attempts: 6,
        attempt_timeout: Duration::from_millis(400),
        backoff_base: Duration::from_millis(5),
        backoff_cap: Duration::from_millis(200),
        stop_after: 20,
        ..Policy::default()
    }
}

fn who() -> Credentials {
    Credentials::new("AKLTfaultsfaults", "not-a-secret").unwrap()
}

fn id(n: usize) -> String {
    format!("image-fault{n:015}")
}

/// Mostly plain images, and a few of each other kind, so that every verdict is part of every large run.
fn image(n: usize) -> Image {
    let image = Image::new(id(n));
    match n % 50 {
        10 => image.state(ImageState::Shared),
        20 => image.state(ImageState::Copying),
        30 => image.state(ImageState::WrongStatus),
        _ => image,
    }
}

/// Name, rule, and whether a run under it can settle everything.
fn faults() -> Vec<(&'static str, When, Fault)> {
    // The first request, and others in the middle of what follows.
    let some = || When::requests([1, 3, 4, 9, 14, 20]);
    let api = |code: &str, after_deletion, status, retry_after: Option<&str>| Fault::ApiError {
        code: code.to_owned(),
        after_deletion,
        status,
        retry_after: retry_after.map(str::to_owned),
    };
    vec![
        ("none", When::requests([1_000_000]), Fault::CutHead),
        ("dropped before", some(), Fault::Drop { after_deletion: false }),
        ("dropped after", some(), Fault::Drop { after_deletion: true }),
        ("cut in the headers", some(), Fault::CutHead),
        ("cut in the body", some(), Fault::CutBody),
        ("500 before", some(), api("InternalError", false, None, None)),
        ("500 after", some(), api("InternalError", true, Some(500), None)),
        ("504 after", some(), api("InternalServiceTimeout", true, None, None)),
        ("429", some(), api("FlowLimitExceeded", false, None, None)),
        ("429, Retry-After 0", some(), api("FlowLimitExceeded", false, None, Some("0"))),
        ("rate limit", When::Always, Fault::RateLimit { per_second: 50.0, burst: 2, retry_after: None }),
        ("FlowLimitExceeded in a 200", some(), api("AccountFlowLimitExceeded", false, Some(200), None)),
        ("HTML 502 before", some(), Fault::html(502, false)),
        ("HTML 502 after", some(), Fault::html(502, true)),
        ("empty 200 after", some(), Fault::empty()),
        ("cut-off 200", some(), Fault::Truncated),
        ("oversized body", some(), Fault::Padded { bytes: (1 << 20) + 1 }),
        ("stall before the headers", When::requests([1, 4]), Fault::StallHead { after_deletion: true, milliseconds: None }),
        ("stall after the headers", When::requests([1, 4]), Fault::StallBody { milliseconds: None }),
        ("clock wrong", When::Always, Fault::Clock { seconds: 3_600 }),
        ("detail missing", some(), Fault::Details(DetailsFault::Missing)),
        ("detail twice", some(), Fault::Details(DetailsFault::Duplicate)),
        ("details contradictory", some(), Fault::Details(DetailsFault::Contradiction)),
        ("foreign detail", some(), Fault::Details(DetailsFault::Foreign)),
        ("details null", some(), Fault::Details(DetailsFault::Null)),
        ("dropped after, by chance", When::Chance { of: 0.3, seed: 11 }, Fault::Drop { after_deletion: true }),
    ]
}

/// Every image whose outcome is not the truth. `before` is what was there.
fn contradictions(emulator: &Emulator, report: &Report) -> Vec<String> {
    let there: BTreeSet<String> = emulator.images().into_iter().map(|image| image.id).collect();
    let deleted: BTreeSet<String> = emulator.requests().into_iter().flat_map(|request| request.deleted).collect();
    let told = report.outcomes().filter_map(|(id, outcome)| {
        let (there, deleted) = (there.contains(id.as_str()), deleted.contains(id.as_str()));
        let contradiction = match outcome {
            Outcome::Gone(_) => there,
            Outcome::NotDeleted(_) | Outcome::Refused(_) | Outcome::Busy(_) => deleted,
            _ => false,
        };
        contradiction.then(|| format!("{id} is {}: {outcome}", if there { "there" } else { "gone" }))
    });
    told.collect()
}

#[test]
fn no_fault_makes_a_report_contradict_the_service() {
    let faults = faults();
    // Rows by fault, columns by size; each cell sums the three listing habits.
    let mut cells: BTreeMap<(usize, usize), (usize, usize)> = BTreeMap::new();
    let runs: Vec<_> = (0..faults.len()).flat_map(|fault| SIZES.map(|size| (fault, size))).collect();
    let results = std::thread::scope(|scope| {
        let (runs, faults) = (&runs, &faults);
        let workers: Vec<_> = (0..4)
            .map(|worker| {
                scope.spawn(move || {
                    let mine = runs.iter().skip(worker).step_by(4);
                    mine.map(|&(fault, size)| ((fault, size), cell(&faults[fault], size))).collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
    });
    cells.extend(results);

    println!("{:28} {:>14} {:>14} {:>14} {:>14}", "fault (requests/contradictions)", SIZES[0], SIZES[1], SIZES[2], SIZES[3]);
    for (fault, (name, ..)) in faults.iter().enumerate() {
        let row: Vec<String> = SIZES
            .iter()
            .map(|size| cells.get(&(fault, *size)).map_or_else(String::new, |(requests, wrong)| format!("{requests}/{wrong}")))
            .collect();
        println!("{name:31} {:>14} {:>14} {:>14} {:>14}", row[0], row[1], row[2], row[3]);
        assert!(row.iter().all(|cell| !cell.is_empty()), "{name} was not run at every size");
    }
    assert_eq!(cells.values().map(|(_, wrong)| wrong).sum::<usize>(), 0);
}

/// Requests and contradictions of one fault at one size, over the three listing habits.
fn cell((name, when, fault): &(&str, When, Fault), size: usize) -> (usize, usize) {
    let mut sum = (0, 0);
    for listing in LISTINGS {
        let images = (0..size).map(image);
        let emulator = Emulator::builder()
            .credentials(who())
            .images(images)
            .listing(listing)
            .fault(when.clone(), fault.clone())
            .start()
            .unwrap();
        let client = Client::new(emulator.endpoint(Region::new("cn-beijing").unwrap()), who());
        let ids = (0..size).map(|n| ImageId::new(id(n)).unwrap());
        let mut deletion = Deletion::new(ids, Snapshots::Keep, policy()).unwrap();
        let report = client.run(&mut deletion);

        let wrong = contradictions(&emulator, &report);
        assert!(wrong.is_empty(), "{name}, {size} images, {listing:?}: {}", wrong.join("; "));
        assert_eq!(report.outcomes().len(), size);
        assert_eq!(report.stopped(), None, "{name}, {size} images, {listing:?}");

        let requests = emulator.requests();
        let mut sends: BTreeMap<&str, u32> = BTreeMap::new();
        for request in &requests {
            assert!((1..=100).contains(&request.image_ids.len()));
            for id in &request.image_ids {
                *sends.entry(id).or_default() += 1;
            }
        }
        // One more for a corrected clock.
        assert!(sends.values().all(|sends| *sends <= policy().attempts + 1), "{name}, {size} images, {listing:?}");
        let deletions: Vec<_> = requests.iter().flat_map(|request| &request.deleted).collect();
        assert_eq!(deletions.len(), deletions.iter().collect::<BTreeSet<_>>().len(), "an image was deleted twice");
        // Six attempts come through these faults; only a wrong status after a lost attempt can be our own deletion under way.
        let open = report.outcomes().enumerate().filter(|(_, (_, outcome))| matches!(outcome, Outcome::Unclear(_)));
        let unexplained = open.filter(|(n, _)| n % 50 != 30).count();
        let by_luck = listing == Listing::Forgetful || name.contains("chance");
        assert!(unexplained == 0 || by_luck, "{name}, {size} images, {listing:?}: {unexplained} unclear");
        sum = (sum.0 + requests.len(), sum.1 + wrong.len());
    }
    sum
}

#[test]
fn a_wrong_key_costs_one_request() {
    let emulator = Emulator::start(who(), (0..300).map(image)).unwrap();
    for wrong in [
        Credentials::new("AKLTsomebodyelse", "not-a-secret").unwrap(),
        Credentials::new("AKLTfaultsfaults", "another-secret").unwrap(),
    ] {
        let before = emulator.requests().len();
        let client = Client::new(emulator.endpoint(Region::new("cn-beijing").unwrap()), wrong);
        let ids = (0..300).map(|n| ImageId::new(id(n)).unwrap());
        let mut deletion = Deletion::new(ids, Snapshots::Keep, Policy { in_flight: 8, ..policy() }).unwrap();
        let report = client.run(&mut deletion);
        assert_eq!(emulator.requests().len() - before, 1);
        assert!(matches!(report.stopped(), Some(Stop::Call { .. })));
        assert_eq!(report.counts().not_deleted, 300);
        let told = report.into_result().unwrap_err().to_string();
        assert!(told.contains("check key, permission, region and endpoint"), "{told}");
    }
    assert_eq!(emulator.images().len(), 300);
}

#[test]
fn one_image_that_may_not_be_deleted_does_not_hold_up_the_other_99() {
    let emulator =
        Emulator::builder().credentials(who()).images((0..200).map(|n| Image::new(id(n)))).deny_image(id(142)).start().unwrap();
    let client = Client::new(emulator.endpoint(Region::new("cn-beijing").unwrap()), who());
    let ids = (0..200).map(|n| ImageId::new(id(n)).unwrap());
    let mut deletion = Deletion::new(ids, Snapshots::Keep, policy()).unwrap();
    let report = client.run(&mut deletion);
    assert_eq!((report.counts().gone, report.counts().not_deleted), (199, 1));
    let left: Vec<_> = report.outcomes().filter(|(_, outcome)| !outcome.is_gone()).collect();
    assert_eq!((left[0].0.as_str(), left[0].1.code()), (id(142).as_str(), Some("AccessDenied")));
    assert_eq!(emulator.images().len(), 1);
}

#[test]
fn a_token_that_expires_in_the_middle_is_replaced_and_the_run_goes_on() {
    let temporary =
        |key: &str| Credentials::new(key, "not-a-secret").unwrap().with_session_token("token-of-".to_owned() + key).unwrap();
    let emulator = Emulator::builder()
        .temporary_credentials(temporary("AKTPfirstfirstfi"), Expiry::AfterRequests(3))
        .credentials(temporary("AKTPsecondsecond"))
        .images((0..1_000).map(|n| Image::new(id(n))))
        .start()
        .unwrap();
    let client = Client::new(emulator.endpoint(Region::new("cn-beijing").unwrap()), temporary("AKTPfirstfirstfi"));
    let ids = (0..1_000).map(|n| ImageId::new(id(n)).unwrap());
    let mut deletion = Deletion::new(ids, Snapshots::Keep, Policy { stop_after: 2, ..policy() }).unwrap();
    let report = client.run(&mut deletion);
    assert_eq!((report.counts().gone, report.counts().not_deleted), (300, 700));
    assert!(matches!(report.stopped(), Some(Stop::Failing { times: 2, .. })), "{:?}", report.stopped());

    client.set_credentials(temporary("AKTPsecondsecond"));
    deletion.retry_left();
    assert!(client.run(&mut deletion).all_gone());
    assert_eq!(emulator.images().len(), 0);
}

#[test]
fn a_list_for_another_region_stops_after_the_first_hundred() {
    let emulator = Emulator::start(who(), (0..300).map(image)).unwrap();
    let client = Client::new(emulator.endpoint(Region::new("cn-shanghai").unwrap()), who());
    let ids: Vec<_> = (0..300).map(|n| ImageId::new(id(n)).unwrap()).collect();
    let mut deletion = Deletion::new(ids.clone(), Snapshots::Keep, policy()).unwrap();
    let report = client.run(&mut deletion);
    assert_eq!((report.stopped(), emulator.requests().len()), (Some(&Stop::NoneExist), 1));
    let mut deletion = Deletion::new(ids, Snapshots::Keep, Policy { missing_ok: true, ..policy() }).unwrap();
    assert!(client.run(&mut deletion).all_gone());
    assert_eq!(emulator.images().len(), 300);
}

#[test]
fn snapshots_go_only_if_somebody_said_so() {
    for (choice, left) in [(Snapshots::Keep, 10), (Snapshots::Delete, 0), (Snapshots::ServiceDefault, 0)] {
        let images = (0..10).map(|n| Image::new(id(n)).snapshots([format!("snap-{n}")]));
        let emulator = Emulator::start(who(), images).unwrap();
        let client = Client::new(emulator.endpoint(Region::new("cn-beijing").unwrap()), who());
        let report = client.delete_images((0..10).map(|n| ImageId::new(id(n)).unwrap()), choice).unwrap();
        assert!(report.all_gone());
        assert_eq!(emulator.snapshots().len(), left, "{choice:?}");
    }
}
