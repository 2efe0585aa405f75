//! What a run tells people, in words.

use std::time::Duration;

use volc_proto::ecs::{Deletion, Event, Policy, ReasonKind, Snapshots};
use volc_proto::{Credentials, Endpoint, Region, chain};
use volc_tests::machine_story::{Story, ids};
use volc_tests::machine_wire::{Answer, listed};

#[test]
fn a_run_that_leaves_images_names_the_first_three() {
    let left = |images: usize, stop: bool| {
        let mut story = Story::new(images, Policy::default());
        let sent = story.send();
        let code = |index| (index > 0).then_some("InvalidImage.Shared");
        let details: Vec<_> = sent.images.iter().enumerate().map(|(index, id)| (id.as_str(), code(index))).collect();
        story.answer(&sent, listed(details));
        if stop {
            story.deletion.stop("asked to");
        }
        story.deletion.report().into_result().unwrap_err().to_string()
    };
    let refused = |index: usize| format!("image-{index} (refused: InvalidImage.Shared: m)");
    assert_eq!(left(2, false), format!("1 of 2 images are not known to be gone: {}", refused(1)));
    let three = format!("{}, {}, {}", refused(1), refused(2), refused(3));
    assert_eq!(left(4, false), format!("3 of 4 images are not known to be gone: {three}"));
    assert_eq!(left(5, true), format!("4 of 5 images are not known to be gone; the run was stopped: asked to: {three}, …"));
}

#[test]
fn an_outcome_says_what_is_known_and_why() {
    let mut story = Story::new(3, Policy { attempts: 1, ..Policy::default() });
    let sent = story.send();
    story.answer(&sent, listed([("image-0", None), ("image-1", Some("InvalidImage.Shared"))]));
    let [gone, refused, unclear] = [0, 1, 2].map(|index| story.outcome(index));
    assert_eq!(gone.to_string(), "gone: the service accepted the deletion");
    assert_eq!(refused.to_string(), "refused: InvalidImage.Shared: m");
    assert_eq!(unclear.to_string(), "unclear: the reply did not list it");
    assert_eq!([&gone, &refused, &unclear].map(|outcome| outcome.is_gone()), [true, false, false]);
    assert_eq!([&gone, &refused, &unclear].map(|outcome| outcome.code()), [None, Some("InvalidImage.Shared"), None]);
}

#[test]
fn an_attempt_is_told_with_its_time_and_what_it_can_have_done() {
    for (answer, kind) in [(Answer::Unsent, ReasonKind::Unsent), (Answer::Lost, ReasonKind::Lost)] {
        let mut story = Story::new(1, Policy::default());
        let sent = story.send();
        story.now += Duration::from_micros(1_234_567);
        let Event::Outcome(outcome) = story.answer(&sent, answer) else { panic!("the end of an attempt") };
        assert_eq!(outcome.attempt.attempt.to_string(), sent.id.to_string());
        assert!(sent.id.to_string().contains('1'), "{}", sent.id);
        assert_eq!(outcome.attempt.duration, Duration::from_millis(1_234));
        assert_eq!(outcome.attempt.error.map(|error| error.kind()), Some(kind));
    }
}

#[test]
fn a_report_has_the_digest_of_its_list() {
    let mut story = Story::new(2, Policy::default());
    let who = Credentials::new("AKLTexample", "not-a-secret").unwrap();
    story.begin(&Endpoint::new(Region::new("cn-beijing").unwrap()), &who);
    let Event::Begin(begin) = &story.events[0] else { panic!("a beginning") };
    assert_eq!(begin.digest, story.deletion.report().digest());
    assert_ne!(begin.digest, Story::new(3, Policy::default()).deletion.report().digest());
}

#[test]
fn a_run_that_cannot_be_says_what_was_expected() {
    let new = |images, policy| Deletion::new(ids(images), Snapshots::Keep, policy).unwrap_err();
    assert_eq!(new(0, Policy::default()).to_string(), "expected at least one image");
    let error = new(1, Policy { chunk: 0, ..Policy::default() });
    assert_eq!(chain(&error).to_string(), "the policy cannot be followed: expected `chunk` to be 1 to 100");
    let error = Deletion::resume(ids(1), Snapshots::Keep, Policy::default(), []).unwrap_err();
    let told = "the journal cannot be resumed from: expected a journal that begins with a `begin` event of version 1";
    assert_eq!(chain(&error).to_string(), told);
}
