//! When the deletion machine sends, waits and stops.

use std::time::Duration;

use http::Response;
use volc_proto::ecs::{ImageId, Outcome, Policy, Step, Stop, Verify};
use volc_tests::machine_story::{Sent, Story, ids, word};
use volc_tests::machine_wire::{Answer, all, page, refused, with_retry_after};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_clock_is_corrected_once_for_all_that_was_in_flight() {
    let mut story = Story::new(5, Policy { chunk: 1, in_flight: 4, attempts: 1, ..Policy::default() });
    let first = story.send();
    story.answer(&first, all(&first.images, None));
    let flights: Vec<Sent> = (0..4).map(|_| story.send()).collect();
    for sent in &flights {
        story.answer(sent, refused(403, "InvalidTimestamp"));
    }
    assert_eq!(story.deletion.report().stopped(), None, "they were all signed before the clock was corrected");
    let again: Vec<Sent> = (0..4).map(|_| story.send()).collect();
    assert!(again.iter().zip(&flights).all(|(again, sent)| again.images == sent.images));
    story.answer(&again[0], refused(400, "InvalidTimestamp"));
    assert!(matches!(story.deletion.report().stopped(), Some(Stop::Clock { .. })));
    for sent in &again[1..] {
        story.answer(sent, all(&sent.images, None));
    }
    assert!(story.is_done());
    assert_eq!((story.deletion.report().counts().gone, story.deletion.report().counts().not_deleted), (4, 1));
}

#[test]
fn nothing_is_sent_sooner_than_the_service_allowed() {
    for (status, wait, seconds) in [(429, "7", 7), (503, "9", 9), (200, "5", 5), (429, " 3", 3)] {
        let mut story = Story::new(2, Policy { chunk: 1, ..Policy::default() });
        let first = story.send();
        let answer = if status == 200 { all(&first.images, None) } else { page(status, "") };
        story.answer(&first, with_retry_after(answer, wait));
        assert!(story.send().at >= first.at + seconds * SECOND, "{status}");
        assert!(!story.deletion.is_stopped());
    }
    for (wait, asked) in [("61", 61), ("99999999999999999999", u64::MAX), ("Tue, 04 Jul 2023 10:00:07 GMT", 3_600)] {
        let mut story = Story::new(2, Policy { chunk: 1, ..Policy::default() });
        let report = story.run(|_| with_retry_after(page(429, ""), wait));
        assert_eq!((story.sent.len(), report.counts().not_deleted), (1, 2), "{wait}");
        assert_eq!(report.stopped(), Some(&Stop::Wait { seconds: asked }), "{wait}");
        assert!(story.deletion.is_stopped());
    }
}

#[test]
fn a_failure_holds_the_other_images_back_as_well() {
    let mut story = Story::new(2, Policy { chunk: 1, ..Policy::default() });
    let first = story.send();
    story.answer(&first, page(500, ""));
    let next = story.send();
    assert_ne!(next.images, first.images);
    assert!(next.at >= first.at + Policy::default().backoff_base / 2, "{:?}", next.at);
}

#[test]
fn a_look_under_way_at_the_deadline_stops_nothing() {
    let policy = Policy { verify: Verify::All, deadline: Some(60 * SECOND), in_flight: 2, ..Policy::default() };
    // Two looks.
    let mut story = Story::new(101, policy);
    for _ in 0..2 {
        let sent = story.send();
        story.answer(&sent, all(&sent.images, None));
    }
    let look = story.send();
    story.now += 61 * SECOND;
    assert!(story.try_send().is_none() && !story.is_done());
    story.answer(&look, Answer::Lost);
    assert!(story.is_done());
    assert_eq!(story.deletion.report().stopped(), None, "all that was to be deleted was asked for");
}

#[test]
fn an_image_that_has_to_stay_alone_keeps_no_other_from_being_sent() {
    let mut story = Story::new(3, Policy { chunk: 2, ..Policy::default() });
    for answer in [refused(400, "InvalidArgument"), page(500, ""), page(200, "")] {
        let sent = story.send();
        story.answer(&sent, answer);
    }
    // Both that have to stay alone may be sent by now.
    story.now += 60 * SECOND;
    let report = story.run(|sent| all(&sent.images, None));
    let all = ids(3);
    let sent: Vec<&[ImageId]> = story.sent.iter().map(|sent| sent.images.as_slice()).collect();
    assert_eq!(sent, [&all[..2], &all[..1], &all[1..2], &all[2..], &all[..1], &all[1..2]]);
    assert_eq!(report.counts().gone, 3);
}

#[test]
fn a_wait_beyond_the_deadline_stops_the_run() {
    let policy = Policy { deadline: Some(50 * SECOND), attempt_timeout: 10 * SECOND, chunk: 1, ..Policy::default() };
    let mut story = Story::new(2, policy);
    let report = story.run(|_| with_retry_after(page(429, ""), "41"));
    assert_eq!((story.sent.len(), report.stopped()), (1, Some(&Stop::Wait { seconds: 41 })));
    let policy = Policy { deadline: Some(50 * SECOND), attempt_timeout: 10 * SECOND, chunk: 1, ..Policy::default() };
    let mut story = Story::new(2, policy);
    let first = story.send();
    story.answer(&first, with_retry_after(page(429, ""), "40"));
    assert_eq!(story.send().at, 40 * SECOND, "there is just time for one more");
}

#[test]
fn a_wait_that_is_too_long_stops_the_run_while_others_are_in_flight() {
    let mut story = Story::new(3, Policy { chunk: 1, in_flight: 2, ..Policy::default() });
    let first = story.send();
    story.answer(&first, all(&first.images, None));
    let (second, third) = (story.send(), story.send());
    // Nothing is left to send, unless the third attempt fails.
    story.answer(&second, with_retry_after(all(&second.images, None), "99999999999999999999"));
    story.answer(&third, Answer::Unsent);
    assert!(story.is_done(), "it must not wait for ages");
    assert!(matches!(story.deletion.report().stopped(), Some(Stop::Wait { .. })));
}

#[test]
fn asking_again_for_what_is_left_does_not_make_a_wait_shorter_or_endless() {
    for wait in ["61", "99999999999999999999"] {
        let mut story = Story::new(1, Policy::default());
        let first = story.send();
        story.answer(&first, with_retry_after(page(429, ""), wait));
        story.deletion.retry_left();
        assert!(story.is_done(), "{wait}: it is still longer than the policy allows");
        assert!(matches!(story.deletion.report().stopped(), Some(Stop::Wait { .. })), "{wait}");
    }
    let mut story = Story::new(1, Policy::default());
    let first = story.send();
    story.answer(&first, with_retry_after(page(429, ""), "61"));
    story.now += 2 * SECOND;
    story.deletion.retry_left();
    assert!(matches!(story.deletion.step(story.now), Step::Wait(wait) if wait == 59 * SECOND), "what is left of it is allowed");
}

#[test]
fn the_clock_of_another_driver_makes_no_wait_shorter() {
    for zero in [0, 59, 1_000_000] {
        let mut story = Story::new(1, Policy::default());
        let first = story.send();
        story.answer(&first, with_retry_after(page(429, ""), "60"));
        story.deletion.abandon();
        story.now = zero * SECOND;
        assert!(matches!(story.deletion.step(story.now), Step::Wait(wait) if wait == 60 * SECOND), "{zero}");
    }
}

#[test]
fn failures_of_one_kind_in_a_row_stop_the_run() {
    let policy = || Policy { chunk: 1, stop_after: 3, ..Policy::default() };
    type Failure = fn() -> Answer;
    let failures: [Failure; 5] =
        [|| Answer::Unsent, || Answer::Lost, || page(502, "<html>"), || refused(429, "FlowLimitExceeded"), || page(302, "")];
    for failure in failures {
        let mut story = Story::new(100, policy());
        let report = story.run(|_| failure());
        assert_eq!(story.sent.len(), 3);
        assert!(matches!(report.stopped(), Some(Stop::Failing { times: 3, .. })), "{:?}", report.stopped());
        assert!(story.sent.last().unwrap().at < 60 * SECOND, "it does not wait long to find out");
    }
    // Other kinds in between, and it is not one outage.
    let mut story = Story::new(8, policy());
    let mut answers = [Answer::Unsent, Answer::Unsent, Answer::Lost, Answer::Lost, Answer::Unsent].into_iter();
    let report = story.run(|sent| answers.next().unwrap_or_else(|| all(&sent.images, None)));
    assert_eq!((report.all_gone(), report.stopped()), (true, None));
}

#[test]
fn failures_in_a_row_stop_the_run_while_others_are_in_flight() {
    let mut story = Story::new(6, Policy { chunk: 1, in_flight: 3, stop_after: 2, ..Policy::default() });
    let first = story.send();
    story.answer(&first, all(&first.images, None));
    let (second, third, fourth) = (story.send(), story.send(), story.send());
    // These are not asked for again. They fail together: that counts once.
    story.answer(&second, page(302, ""));
    story.answer(&third, page(302, ""));
    assert_eq!(story.deletion.report().stopped(), None);
    let (fifth, _sixth) = (story.send(), story.send());
    story.answer(&fifth, page(302, ""));
    assert!(matches!(story.deletion.report().stopped(), Some(Stop::Failing { times: 2, .. })));
    story.answer(&fourth, Answer::Unsent);
    assert!(story.try_send().is_none(), "after a stop nothing is queued again");
    assert!(matches!(story.outcome(3), Outcome::NotDeleted(_)));
}

#[test]
fn no_attempt_starts_that_could_not_finish_before_the_deadline() {
    let policy = Policy { deadline: Some(65 * SECOND), attempt_timeout: 30 * SECOND, chunk: 1, ..Policy::default() };
    let mut story = Story::new(10, policy);
    while let Some(sent) = story.try_send() {
        story.now += 10 * SECOND;
        story.answer(&sent, all(&sent.images, None));
    }
    let starts: Vec<u64> = story.sent.iter().map(|sent| sent.at.as_secs()).collect();
    assert_eq!(starts, [0, 10, 20, 30]);
    let report = story.deletion.report();
    assert_eq!((report.stopped(), report.counts().gone, report.counts().not_deleted), (Some(&Stop::Deadline), 4, 6));
}

#[test]
fn what_is_left_is_asked_for_again_with_a_fresh_deadline() {
    let policy = Policy { deadline: Some(65 * SECOND), attempt_timeout: 30 * SECOND, chunk: 1, ..Policy::default() };
    let mut story = Story::new(2, policy);
    let first = story.send();
    story.now += 50 * SECOND;
    story.answer(&first, all(&first.images, None));
    assert!(story.is_done());
    story.deletion.retry_left();
    let second = story.send();
    story.answer(&second, all(&second.images, None));
    assert!(story.deletion.report().all_gone());
}

#[test]
fn the_deadline_waits_for_no_wait() {
    let policy = Policy { deadline: Some(40 * SECOND), attempt_timeout: 30 * SECOND, busy_for: 60 * SECOND, ..Policy::default() };
    let mut story = Story::new(1, policy);
    let first = story.send();
    story.answer(&first, all(&first.images, Some("OperationDenied.ImageIsCopying")));
    assert!(story.is_done(), "in 15 s it would be too late");
    assert_eq!(word(&story.outcome(0)), "busy OperationDenied.ImageIsCopying");
}

#[test]
fn a_busy_image_is_asked_for_as_often_as_the_policy_says() {
    let policy = Policy { busy_for: 60 * SECOND, busy_every: 20 * SECOND, attempts: 1, ..Policy::default() };
    let mut story = Story::new(1, policy);
    let _ = story.run(|sent| all(&sent.images, Some("OperationDenied.ImageIsExporting")));
    let times: Vec<u64> = story.sent.iter().map(|sent| sent.at.as_secs()).collect();
    assert_eq!(times, [0, 20, 40, 60]);

    let mut story = Story::new(1, Policy { busy_for: 60 * SECOND, busy_every: 20 * SECOND, attempts: 1, ..Policy::default() });
    let mut answers = [Some("OperationDenied.ImageIsExporting"), Some("InvalidImageStatus")].into_iter();
    let report = story.run(|sent| all(&sent.images, answers.next().flatten()));
    assert!(report.all_gone(), "at last it was not busy any more");
}

#[test]
fn without_time_for_busy_images_they_are_not_asked_for_again() {
    let mut story = Story::new(1, Policy { busy_every: Duration::ZERO, ..Policy::default() });
    for _ in 0..10 {
        if let Some(sent) = story.try_send() {
            story.answer(&sent, all(&sent.images, Some("OperationDenied.ImageIsCopying")));
        }
    }
    assert_eq!(story.sent.len(), 1);
}

#[test]
fn the_rate_holds_over_the_whole_run() {
    let policy = Policy { requests_per_second: Some(2.0), in_flight: 4, chunk: 1, ..Policy::default() };
    let mut story = Story::new(20, policy);
    let report = story.run(|sent| all(&sent.images, None));
    assert!(report.all_gone());
    assert_eq!(story.sent.last().unwrap().at, 19 * SECOND / 2);
}

#[test]
fn throttling_slows_the_whole_run() {
    let mut story = Story::new(40, Policy { chunk: 1, stop_after: 100, ..Policy::default() });
    let mut answers = 0;
    let report = story.run(|sent| {
        answers += 1;
        if answers <= 3 { page(429, "") } else { all(&sent.images, None) }
    });
    assert!(report.all_gone());
    let gap = |n: usize| story.sent[n + 1].at - story.sent[n].at;
    assert!(gap(4) > Duration::ZERO, "without throttling there is no pause at all");
    assert!(gap(40) < gap(4), "accepted replies let it recover");
}

#[test]
fn of_two_waits_the_longer_one_is_kept_to() {
    let mut story = Story::new(1, Policy::default());
    let sent = story.send();
    let answer = Response::builder().status(503).header("retry-after", "1").header("retry-after", "50");
    story.answer(&sent, Answer::Response(answer.body(Vec::new()).unwrap()));
    assert!(story.send().at >= 50 * SECOND);
}
