//! The laws of the deletion machine: over random scripts, and one by one.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use volc_proto::ecs::{Deletion, ImageId, Outcome, Policy, ReasonKind, Snapshots, Step, Stop, Verify};
use volc_proto::{Fate, Timestamp};
use volc_tests::machine::drive_deletion;
use volc_tests::machine_story::{Sent, Story, ids, word};
use volc_tests::machine_wire::{Answer, all, listed, page, refused, with_retry_after};

const SECOND: Duration = Duration::from_secs(1);

/// More of them: `VOLC_SCRIPTS=1000000 cargo test -p volc-tests --test deletion_laws`.
fn scripts() -> u32 {
    std::env::var("VOLC_SCRIPTS").map_or(20_000, |scripts| scripts.parse().expect("a number of scripts in VOLC_SCRIPTS"))
}

/// A quarter of the scripts, with one way to look: half of these of any bytes, half of bytes with which little goes wrong.
fn drive(verify: Verify) {
    // Zeros, and all is well.
    let little = prop_oneof![3 => Just(0), 1 => any::<u8>()];
    for byte in [any::<u8>().boxed(), little.boxed()] {
        let config = ProptestConfig { cases: scripts().div_ceil(8), failure_persistence: None, ..ProptestConfig::default() };
        let script = prop::collection::vec(byte, 0..500).prop_map(move |mut script| {
            script.insert(0, verify as u8);
            script
        });
        let result = TestRunner::new(config).run(&script, |script| {
            drive_deletion(&script);
            Ok(())
        });
        if let Err(error) = result {
            panic!("{error}");
        }
    }
}

#[test]
fn the_laws_hold_where_nothing_is_looked_at() {
    drive(Verify::Never);
}

#[test]
fn the_laws_hold_where_what_is_unclear_is_looked_at() {
    drive(Verify::Unclear);
}

#[test]
fn the_laws_hold_where_all_is_looked_at() {
    drive(Verify::All);
}

#[test]
fn the_laws_hold_where_images_are_looked_at_before_they_are_asked_for() {
    drive(Verify::Before);
}

/// A service that refuses a request as a whole where it names one of these images, and else deletes.
fn refuses<'a>(culprits: &'a [&'a str], status: u16, code: &'a str) -> impl Fn(&Sent) -> Answer + 'a {
    move |sent| match sent.images.iter().any(|id| culprits.contains(&id.as_str())) {
        true => refused(status, code),
        false => all(&sent.images, None),
    }
}

/// How often each image was sent.
fn sends(story: &Story) -> HashMap<&ImageId, usize> {
    let mut sends = HashMap::new();
    for id in story.sent.iter().flat_map(|sent| &sent.images) {
        *sends.entry(id).or_default() += 1;
    }
    sends
}

#[test]
fn a_wrong_key_costs_one_request_however_many_may_be_in_flight() {
    for (status, code) in
        [(401, "InvalidAccessKey"), (401, "SignatureDoesNotMatch"), (403, "AccessDenied"), (400, "InvalidCredential")]
    {
        let mut story = Story::new(1_000, Policy { in_flight: 64, ..Policy::default() });
        let first = story.send();
        assert!(story.try_send().is_none(), "one attempt shows whether the key is right");
        story.answer(&first, refused(status, code));
        assert!(story.is_done(), "{code}");
        let report = story.deletion.report();
        assert_eq!((story.sent.len(), report.counts().not_deleted), (1, 1_000), "{code}");
        assert!(matches!(report.stopped(), Some(Stop::Call { .. })), "{code}");
        assert!(report.into_result().unwrap_err().to_string().contains("check key, permission, region and endpoint"), "{code}");
    }
}

#[test]
fn one_bad_image_in_a_refused_chunk_costs_the_other_99_nothing() {
    for culprit in ["image-0", "image-37", "image-99"] {
        for accepted_before in [false, true] {
            let extra = if accepted_before { 100 } else { 0 };
            let list = ids(100 + extra).into_iter().rev();
            let mut story = Story::of(Deletion::new(list, Snapshots::Keep, Policy::default()).unwrap());
            // A missing permission for one image can only be told from a missing permission once a reply was accepted.
            let (status, code) = if accepted_before { (403, "AccessDenied") } else { (400, "InvalidArgument") };
            let report = story.run(refuses(&[culprit], status, code));
            assert_eq!((report.counts().gone, report.counts().not_deleted), (99 + extra, 1));
            assert_eq!(report.stopped(), None);
            // 100 are halved 7 times until one stands alone; each halving makes two requests.
            let most = 1 + 2 * 7 + usize::from(accepted_before);
            assert!(story.sent.len() <= most, "{} requests", story.sent.len());
            assert!(sends(&story).values().all(|sends| *sends <= 1 + 7));
            let alone: Vec<&Sent> =
                story.sent.iter().filter(|sent| sent.images.len() == 1 && sent.images[0].as_str() == culprit).collect();
            assert_eq!(alone.len(), 1, "the culprit stands alone, once");
        }
    }
}

#[test]
fn a_chunk_that_is_refused_whatever_it_holds_is_halved_within_bounds() {
    let mut story = Story::new(1_000, Policy::default());
    let report = story.run(|_| refused(400, "InvalidArgument"));
    assert!(matches!(report.stopped(), Some(Stop::Failing { times: 10, .. })), "{:?}", report.stopped());
    assert!(story.sent.len() <= 2 * 128, "{} requests", story.sent.len());
    assert!(sends(&story).values().all(|sends| *sends <= 1 + 7));
    assert_eq!(report.counts().not_deleted, 1_000);
}

#[test]
fn a_halved_chunk_keeps_what_an_earlier_attempt_left_open() {
    let mut story = Story::new(100, Policy::default());
    let first = story.send();
    story.answer(&first, Answer::Lost);
    let report = story.run(refuses(&["image-7"], 400, "InvalidArgument"));
    assert_eq!((report.counts().gone, report.counts().unclear), (99, 1));
    assert_eq!(word(&story.outcome(7)), "unclear");
}

#[test]
fn a_run_whose_first_hundred_images_are_missing_stops() {
    let mut story = Story::new(1_000, Policy::default());
    let report = story.run(|sent| all(&sent.images, Some("InvalidImage.NotFound")));
    assert_eq!((story.sent.len(), report.stopped()), (1, Some(&Stop::NoneExist)));
    assert_eq!((report.counts().gone, report.counts().not_deleted), (100, 900));

    let allowed = Policy { missing_ok: true, ..Policy::default() };
    let report = Story::new(1_000, allowed).run(|sent| all(&sent.images, Some("InvalidImage.NotFound")));
    assert_eq!((report.all_gone(), report.stopped()), (true, None));
}

#[test]
fn one_image_that_is_there_shows_that_the_list_is_right() {
    let mut story = Story::new(1_000, Policy { chunk: 10, ..Policy::default() });
    let report = story.run(|sent| {
        let code = |id: &ImageId| if id.as_str() == "image-99" { None } else { Some("InvalidImage.NotFound") };
        listed(sent.images.iter().map(|id| (id.as_str(), code(id))))
    });
    assert_eq!((report.all_gone(), report.stopped()), (true, None));
}

#[test]
fn a_list_of_a_hundred_missing_images_has_nothing_left_to_stop_for() {
    let report = Story::new(100, Policy::default()).run(|sent| all(&sent.images, Some("InvalidImage.NotFound")));
    assert_eq!((report.all_gone(), report.stopped()), (true, None));
}

#[test]
fn a_hundred_missing_images_stop_the_run_while_others_are_in_flight() {
    let mut story = Story::new(101, Policy { chunk: 50, in_flight: 3, ..Policy::default() });
    let first = story.send();
    story.answer(&first, all(&first.images, Some("InvalidImage.NotFound")));
    let (second, third) = (story.send(), story.send());
    story.answer(&second, all(&second.images, Some("InvalidImage.NotFound")));
    story.answer(&third, Answer::Unsent);
    assert!(story.is_done(), "nothing is queued again after a stop");
    assert_eq!(story.deletion.report().stopped(), Some(&Stop::NoneExist));
}

#[test]
fn a_token_that_expires_in_the_middle_is_renewed_and_the_run_goes_on() {
    let mut story = Story::new(1_000, Policy { stop_after: 3, ..Policy::default() });
    let report = {
        let mut answered = 0;
        story.run(|sent| {
            answered += 1;
            if answered <= 4 { all(&sent.images, None) } else { refused(401, "InvalidSecretToken") }
        })
    };
    assert_eq!((report.counts().gone, report.counts().not_deleted), (400, 600));
    assert!(matches!(report.stopped(), Some(Stop::Failing { times: 3, .. })), "{:?}", report.stopped());

    let before = story.sent.len();
    story.deletion.retry_left();
    let report = story.run(|sent| all(&sent.images, None));
    assert_eq!((report.all_gone(), report.stopped(), story.sent.len() - before), (true, None, 6));
}

#[test]
fn a_driver_that_was_dropped_leaves_what_is_in_flight_unclear_and_can_be_run_on() {
    let mut story = Story::new(5, Policy { chunk: 1, in_flight: 3, ..Policy::default() });
    let first = story.send();
    story.answer(&first, all(&first.images, None));
    let left: Vec<Sent> = (0..3).map(|_| story.send()).collect();
    assert!(story.try_send().is_none(), "three are in flight");
    story.deletion.abandon();
    assert_eq!((story.deletion.report().counts().unclear, story.deletion.report().counts().not_deleted), (3, 1));
    // The answers that the dropped driver would have brought come too late to be attributed.
    for sent in &left {
        assert_eq!(story.deletion.lost(sent.id, story.now, Fate::Unsent, "it never left"), None);
    }
    let report = story.run(|sent| {
        let code = |id: &ImageId| left.iter().any(|sent| sent.images.contains(id)).then_some("InvalidImage.NotFound");
        listed(sent.images.iter().map(|id| (id.as_str(), code(id))))
    });
    assert!(report.all_gone());
    let outcomes: Vec<String> = report.outcomes().map(|(_, outcome)| word(outcome)).collect();
    let unsure = "gone NotFoundAfterUnclear";
    assert_eq!(outcomes, ["gone Acknowledged", unsure, unsure, unsure, "gone Acknowledged"]);
}

#[test]
fn what_is_left_is_asked_for_again_even_if_it_was_under_way() {
    let mut story = Story::new(2, Policy { chunk: 1, attempts: 1, ..Policy::default() });
    let first = story.send();
    story.deletion.retry_left();
    story.deletion.abandon();
    let report = story.run(|sent| all(&sent.images, None));
    assert!(report.all_gone(), "{:?}: {first:?} was never asked for again", report.counts());
}

#[test]
fn after_a_stop_those_in_flight_are_waited_for_and_nothing_is_sent() {
    let mut story = Story::new(4, Policy { chunk: 1, in_flight: 2, ..Policy::default() });
    let first = story.send();
    story.answer(&first, all(&first.images, None));
    let (second, third) = (story.send(), story.send());
    story.deletion.stop("the caller was interrupted");
    assert!(matches!(story.deletion.step(story.now), Step::Pending));
    story.answer(&second, Answer::Unsent);
    story.answer(&third, refused(400, "InvalidArgument"));
    assert!(story.is_done());
    let report = story.deletion.report();
    assert_eq!((report.counts().gone, report.counts().not_deleted), (1, 3));
    assert_eq!(report.stopped(), Some(&Stop::Asked { why: "the caller was interrupted".into() }));
}

#[test]
fn an_image_in_flight_is_unclear_and_nothing_else_is() {
    let mut story = Story::new(2, Policy { chunk: 1, ..Policy::default() });
    assert_eq!(word(&story.outcome(0)), "not deleted");
    let sent = story.send();
    assert!(matches!(story.outcome(0), Outcome::Unclear(why) if why.kind() == ReasonKind::InFlight));
    assert!(matches!(story.outcome(1), Outcome::NotDeleted(why) if why.kind() == ReasonKind::NotAsked));
    story.answer(&sent, Answer::Unsent);
    assert!(matches!(story.outcome(0), Outcome::NotDeleted(why) if why.kind() == ReasonKind::Unsent));
}

#[test]
fn an_image_stays_busy_whatever_does_not_speak_of_it() {
    let mut story = Story::new(1, Policy { busy_for: 60 * SECOND, attempts: 1, ..Policy::default() });
    let first = story.send();
    story.answer(&first, all(&first.images, Some("OperationDenied.ImageIsCopying")));
    let second = story.send();
    story.answer(&second, Answer::Unsent);
    assert_eq!(word(&story.outcome(0)), "busy OperationDenied.ImageIsCopying");
}

#[test]
fn the_report_tells_a_support_ticket_of_every_attempt() {
    let mut story = Story::new(1, Policy::default());
    let at = Timestamp::from_unix(1_700_000_000).unwrap();
    for answer in [Answer::Lost, refused(500, "InternalError")] {
        let Step::Send(mut attempt) = story.deletion.step(story.now) else { panic!("expected a send") };
        let _ = attempt.intent(at);
        let sent = Sent { id: attempt.id(), at: story.now, images: attempt.images().cloned().collect() };
        story.now += Duration::from_micros(1_234_567);
        story.answer(&sent, answer);
        story.now += 60 * SECOND;
    }
    let report = story.deletion.report();
    let [lost, failed] = report.attempts() else { panic!("expected two attempts, not {:?}", report.attempts()) };
    assert_eq!((lost.at, lost.fate, lost.status, lost.asked), (Some(at), Some(Fate::Unknown), None, 1));
    assert_eq!((failed.fate, failed.status, failed.request_id.as_deref()), (None, Some(500), Some("r")));
    assert_eq!(failed.duration, Duration::from_millis(1_234));
    assert!(failed.error.as_ref().is_some_and(|why| why.code() == Some("InternalError")), "{failed:?}");
}

#[test]
fn a_policy_of_extremes_is_followed_without_a_panic() {
    let (long, many) = (Duration::MAX, u32::MAX);
    let policy = |seed| Policy {
        attempts: many,
        attempt_timeout: long,
        backoff_base: long,
        backoff_cap: long,
        jitter_seed: seed,
        max_wait: long,
        deadline: Some(long),
        busy_for: long,
        busy_every: long,
        requests_per_second: Some(0.001),
        stop_after: many,
        in_flight: usize::MAX,
        ..Policy::default()
    };
    for seed in 0..50 {
        let mut story = Story::new(3, Policy { chunk: 1, ..policy(seed) });
        let answers = [
            || Answer::Unsent,
            || page(429, ""),
            || refused(503, "FlowLimitExceeded"),
            || with_retry_after(page(502, ""), "99999999999999999999"),
            || Answer::Lost,
        ];
        for answer in answers.iter().cycle().take(100) {
            if let Some(sent) = story.try_send() {
                story.answer(&sent, answer());
            }
            story.now = story.now.saturating_add(SECOND);
        }
        story.deletion.abandon();
        story.now = long;
        let _ = story.try_send();
        assert_eq!(story.deletion.report().outcomes().len(), 3);
    }
}

#[test]
fn a_million_images_take_ten_thousand_requests() {
    let list = ids(1_000_000);
    let mut story = Story::of(Deletion::new(list, Snapshots::Keep, Policy { in_flight: 4, ..Policy::default() }).unwrap());
    let mut requests = 0;
    while let Some(sent) = story.try_send() {
        requests += 1;
        story.sent.clear();
        story.events.clear();
        story.answer(&sent, all(&sent.images, None));
    }
    assert_eq!(requests, 10_000);
    let report = story.deletion.report();
    assert_eq!(report.counts().gone, 1_000_000);
    assert!(report.all_gone());
    assert_eq!(report.attempts().len(), 10_000);
}
