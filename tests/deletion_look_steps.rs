//! `Policy::verify`, step by step: when looks are sent, and what becomes of those that a stop or a new beginning overtakes.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::time::Duration;

use volc_proto::ecs::{Deletion, Evidence, ImageId, Outcome, Policy, Snapshots, Stop, Verify};
use volc_proto::{Credentials, Endpoint, Region};
use volc_tests::machine_story::{Sent, Story, ids};
use volc_tests::machine_wire::{Answer, all, refused_by, succeeded, with_retry_after};

const SECOND: Duration = Duration::from_secs(1);

const LOOK: &str = "DescribeImages";

fn policy(verify: Verify) -> Policy {
    Policy { verify, ..Policy::default() }
}

/// The answer to a look that sees these.
fn sees(images: &[ImageId]) -> Answer {
    let images: Vec<String> = images.iter().map(|id| format!(r#"{{"ImageId":"{id}","Visibility":"private"}}"#)).collect();
    succeeded(LOOK, &format!(r#","Result":{{"Images":[{}]}}"#, images.join(",")))
}

/// A run for so many images, all of which are deleted; what follows are looks at them.
fn deleted(images: usize, policy: Policy) -> Story {
    let requests = images.div_ceil(policy.chunk);
    let mut story = Story::new(images, policy);
    for _ in 0..requests {
        let sent = story.send();
        story.answer(&sent, all(&sent.images, None));
    }
    story
}

/// How it is known that an image is gone, if it is.
fn gone(story: &Story, index: usize) -> Option<Evidence> {
    match story.outcome(index) {
        Outcome::Gone(evidence) => Some(evidence),
        _ => None,
    }
}

#[test]
fn between_two_looks_there_is_a_pause_whatever_the_backoff() {
    let policy = Policy { backoff_base: Duration::ZERO, backoff_cap: Duration::ZERO, ..policy(Verify::All) };
    let mut story = deleted(1, policy);
    let mut looks = 0;
    let report = story.run(|sent| {
        looks += 1;
        assert!(looks <= 301, "more than one look a second");
        sees(&sent.images)
    });
    assert_eq!(report.counts().unclear, 1);
}

#[test]
fn looks_that_see_an_image_again_and_again_become_rare() {
    let policy = Policy { backoff_base: SECOND, backoff_cap: 60 * SECOND, ..policy(Verify::All) };
    let mut story = deleted(1, policy);
    let mut looks = 0;
    let report = story.run(|sent| {
        looks += 1;
        sees(&sent.images)
    });
    assert!(!report.all_gone());
    // After 1, 2, 4, 8, 16, 32 seconds, and then each minute of five; or twice as often.
    assert!((10..=20).contains(&looks), "{looks}");
}

#[test]
fn an_answer_that_took_long_says_what_was_there_when_it_was_asked_for() {
    let mut story = deleted(1, policy(Verify::All));
    let look = story.send();
    story.now += 400 * SECOND;
    story.answer(&look, sees(&look.images));
    // It was seen in the first second. What is there after 300 s, nobody has asked.
    let last = story.send();
    story.answer(&last, sees(&[]));
    assert_eq!(gone(&story, 0), Some(Evidence::SeenAbsent));
    assert!(story.is_done());
}

#[test]
fn looks_that_saw_an_image_are_no_failures() {
    let mut story = deleted(1, policy(Verify::All));
    for _ in 0..6 {
        let look = story.send();
        story.answer(&look, sees(&look.images));
    }
    let lost = story.send();
    story.answer(&lost, Answer::Lost);
    assert_eq!(story.deletion.report().unverified(), None);
    let look = story.send();
    story.answer(&look, sees(&[]));
    assert_eq!(gone(&story, 0), Some(Evidence::SeenAbsent));
}

#[test]
fn a_run_that_begins_anew_while_it_looks_ends() {
    let mut story = deleted(1, policy(Verify::All));
    let look = story.send();
    story.deletion.retry_left();
    story.answer(&look, sees(&look.images));
    let mut looks = 0;
    let report = story.run(|sent| {
        looks += 1;
        assert!(looks < 1_000, "it looks without end");
        sees(&sent.images)
    });
    assert_eq!(report.counts().unclear, 1);
}

#[test]
fn a_look_of_a_run_that_began_anew_stops_nothing() {
    let mut story = Story::new(1, Policy { attempts: 1, ..policy(Verify::Before) });
    let first = story.send();
    story.answer(&first, sees(&first.images));
    let lost = story.send();
    story.answer(&lost, Answer::Lost);
    let look = story.send();
    story.deletion.retry_left();
    story.answer(&look, refused_by(LOOK, 403, "AccessDenied"));
    let look = story.send();
    story.answer(&look, sees(&look.images));
    let report = story.run(|sent| all(&sent.images, None));
    assert_eq!((report.all_gone(), report.unverified(), report.stopped()), (true, None, None));
}

#[test]
fn a_journal_says_of_an_image_in_flight_what_the_report_says_whatever_looks_see() {
    // An image is deleted while a look at it is under way, which was sent before the run began anew.
    let policy = Policy { chunk: 1, in_flight: 4, attempts: 1, ..policy(Verify::Before) };
    let mut story = Story::new(202, policy.clone());
    let endpoint = Endpoint::new(Region::new("cn-beijing").unwrap());
    story.begin(&endpoint, &Credentials::new("AKLTlooks", "not-a-secret").unwrap());
    let first = story.send();
    story.answer(&first, sees(&first.images[..2]));
    let one = story.send();
    story.answer(&one, all(&one.images, None));
    let (delete, old_look) = (story.send(), story.send());
    assert_eq!((delete.images.len(), old_look.images.len()), (1, 100));
    story.deletion.retry_left();
    story.answer(&delete, all(&delete.images, None));
    let new_look = story.send();
    story.answer(&new_look, sees(&new_look.images));
    let in_flight = story.send();
    assert!(old_look.images.contains(&in_flight.images[0]));
    story.answer(&old_look, sees(&old_look.images));
    let known = |deletion: &Deletion| {
        let report = deletion.report();
        report.outcomes().find(|(id, _)| **id == in_flight.images[0]).unwrap().1.clone()
    };
    assert!(matches!(known(&story.deletion), Outcome::Unclear(_)));
    let resumed = Deletion::resume(ids(202), Snapshots::Keep, policy, story.events.clone()).unwrap();
    assert!(matches!(known(&resumed), Outcome::Unclear(_)), "it may have been deleted: {}", known(&resumed));
}

#[test]
fn an_image_that_was_asked_for_was_not_absent_before() {
    let mut story = Story::new(1, policy(Verify::Before));
    let look = story.send();
    story.answer(&look, sees(&look.images));
    let sent = story.send();
    story.answer(&sent, all(&sent.images, Some("OperationDenied.ImageIsCopying")));
    assert!(story.is_done());
    story.deletion.retry_left();
    let look = story.send();
    story.answer(&look, sees(&[]));
    assert_eq!(gone(&story, 0), Some(Evidence::SeenAbsent));
}

#[test]
fn where_looks_are_given_up_none_is_begun() {
    let mut story = deleted(300, Policy { in_flight: 3, ..policy(Verify::All) });
    let looks: Vec<Sent> = (0..3).map(|_| story.send()).collect();
    story.answer(&looks[0], refused_by(LOOK, 403, "AccessDenied"));
    story.answer(&looks[1], sees(&looks[1].images));
    story.answer(&looks[2], sees(&[]));
    assert!(story.is_done());
    assert_eq!((gone(&story, 0), gone(&story, 100)), (Some(Evidence::Acknowledged), None));
    assert_eq!(gone(&story, 299), Some(Evidence::SeenAbsent));
    assert_eq!(story.deletion.report().unverified().and_then(|why| why.code()), Some("AccessDenied"));
}

#[test]
fn a_wait_that_is_too_long_stops_a_run_that_still_looks_before_it_deletes() {
    let mut story = Story::new(300, Policy { in_flight: 2, missing_ok: true, ..policy(Verify::Before) });
    let first = story.send();
    story.answer(&first, sees(&first.images));
    let delete = story.send();
    story.answer(&delete, all(&delete.images, None));
    let (second, third) = (story.send(), story.send());
    story.answer(&second, with_retry_after(sees(&[]), "3600"));
    assert!(matches!(story.deletion.report().stopped(), Some(Stop::Wait { .. })), "{:?}", story.deletion.report().stopped());
    story.answer(&third, sees(&third.images));
    assert!(story.is_done());
    assert_eq!((story.deletion.report().counts().gone, story.deletion.report().counts().not_deleted), (200, 100));
}

#[test]
fn a_report_says_at_once_that_a_stop_left_images_unseen() {
    let policy = Policy { deadline: Some(40 * SECOND), chunk: 1, attempts: 1, ..policy(Verify::Unclear) };
    let mut story = Story::new(2, policy);
    let lost = story.send();
    story.now += 20 * SECOND;
    story.answer(&lost, Answer::Lost);
    assert!(story.is_done(), "there is no time for a second attempt");
    let report = story.deletion.report();
    assert!(matches!(report.stopped(), Some(Stop::Deadline)) && report.unverified().is_some());
    assert!(story.is_done());
    assert_eq!(story.deletion.report(), report, "a second step changes nothing");
}
