//! Answers that contradict themselves, or that say things where no document has them: the safer half is believed.

use std::collections::BTreeSet;
use std::time::Duration;

use volc_proto::ecs::{Outcome, Policy, ReasonKind, Verify};
use volc_tests::machine_story::{Story, word};
use volc_tests::machine_wire::{Answer, all, listed, page, refused_by, succeeded};

/// What one image is called after one attempt with this answer.
fn after(status: u16, body: &str) -> Outcome {
    let mut story = Story::new(1, Policy { attempts: 1, ..Policy::default() });
    let sent = story.send();
    story.answer(&sent, page(status, body));
    story.outcome(0)
}

/// A run over so many images, all of them called deleted (`All`) or lost (`Unclear`), and then these answers to looks.
fn looked(images: usize, verify: Verify, looks: impl IntoIterator<Item = Answer>) -> Story {
    let policy = Policy { attempts: 1, verify, verify_for: Duration::ZERO, ..Policy::default() };
    let mut story = Story::new(images, policy);
    let sent = story.send();
    let answer = if verify == Verify::All { all(&sent.images, None) } else { Answer::Lost };
    story.answer(&sent, answer);
    for look in looks {
        let sent = story.send();
        story.answer(&sent, look);
    }
    story
}

fn look(result: &str) -> Answer {
    succeeded("DescribeImages", &format!(",\"Result\":{result}"))
}

fn is_seen(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Unclear(reason) if reason.kind() == ReasonKind::SeenPresent)
}

const DELETED: &str = r#""Result":{"OperationDetails":[{"ImageId":"image-0"}]}"#;

#[test]
fn a_failure_in_another_place_or_letter_case_is_no_success() {
    for body in [
        r#"{"ResponseMetadata":{},"Result":{"OperationDetails":[{"ImageId":"image-0","error":{"Code":"InvalidImageStatus"}}]}}"#
            .to_owned(),
        format!(r#"{{"ResponseMetadata":{{"error":{{"Code":"InternalError"}}}},{DELETED}}}"#),
        format!(r#"{{"Error":{{"Code":"InternalError"}},"ResponseMetadata":{{}},{DELETED}}}"#),
        format!(r#"{{"error":{{"Message":"no"}},"ResponseMetadata":{{}},{DELETED}}}"#),
        format!(r#"{{"ErrorCode":"InternalError","ResponseMetadata":{{}},{DELETED}}}"#),
    ] {
        let outcome = after(200, &body);
        assert!(!outcome.is_gone(), "{body}: {outcome}");
    }
}

#[test]
fn a_refusal_that_stands_outside_the_metadata_proves_nothing() {
    for member in [r#""Error":{"Code":"AccessDenied"}"#, r#""ErrorCode":"AccessDenied""#] {
        let outcome = after(403, &format!(r#"{{"ResponseMetadata":{{}},{member}}}"#));
        assert!(matches!(outcome, Outcome::Unclear(_)), "{member}: {outcome}");
    }
}

#[test]
fn a_refusal_beside_a_result_proves_nothing() {
    for (status, metadata) in [
        (429, ""),
        (429, r#""Error":"x""#),
        (200, r#""Error":{"Code":"FlowLimitExceeded"}"#),
        (400, r#""Error":{"Code":"InvalidArgument"}"#),
        (403, r#""Error":{"Code":"InvalidTimestamp"}"#),
    ] {
        let outcome = after(status, &format!(r#"{{"ResponseMetadata":{{{metadata}}},{DELETED}}}"#));
        assert!(matches!(outcome, Outcome::Unclear(_)), "{status}: {outcome}");
    }
    for empty in ["null", "{}", "\"\""] {
        let body = format!(r#"{{"ResponseMetadata":{{"Error":{{"Code":"FlowLimitExceeded"}}}},"Result":{empty}}}"#);
        let outcome = after(200, &body);
        assert!(matches!(outcome, Outcome::NotDeleted(_)), "{empty}: {outcome}");
    }
}

#[test]
fn an_image_that_was_seen_is_there_whatever_else_the_answer_says() {
    for looks in [
        vec![look(r#"{"Images":[{"ImageId":"image-0"}],"NextToken":"m"}"#), refused_by("DescribeImages", 403, "AccessDenied")],
        vec![look(r#"{"Images":[{"ImageId":"image-0"}],"TotalCount":2}"#)],
        vec![look(r#"{"Images":[{"ImageId":"image-0"},{"ImageId":"image-z"}]}"#)],
    ] {
        let story = looked(2, Verify::All, looks);
        assert!(is_seen(&story.outcome(0)), "{}", story.outcome(0));
        assert!(!story.deletion.report().all_gone());
    }
}

#[test]
fn what_is_not_on_the_first_page_is_looked_at_alone() {
    for token in ["NextToken", "nextToken"] {
        let first = format!(r#"{{"Images":[{{"ImageId":"image-0"}},{{"ImageId":"image-1"}}],"{token}":"2"}}"#);
        let mut story = looked(3, Verify::Unclear, [look(&first)]);
        let second = story.send();
        assert_eq!(second.images, [story.sent[0].images[2].clone()]);
        story.answer(&second, look(r#"{"Images":[{"ImageId":"image-2"}]}"#));
        assert!(is_seen(&story.outcome(2)), "{}", story.outcome(2));
        assert!(story.is_done());
    }
}

#[test]
fn a_page_that_lists_nothing_and_leads_on_shows_no_absence() {
    let mut story = looked(1, Verify::Unclear, [look(r#"{"Images":[],"NextToken":"m"}"#)]);
    assert!(story.is_done() && matches!(story.outcome(0), Outcome::Unclear(_)), "{}", story.outcome(0));
}

#[test]
fn a_count_that_cannot_be_read_shows_no_absence() {
    for count in ["1.0", "1e2", "18446744073709551615", "\"one\"", "true", "{}", "1", "-1"] {
        let story = looked(1, Verify::Unclear, [look(&format!(r#"{{"Images":[],"TotalCount":{count}}}"#))]);
        assert!(!story.outcome(0).is_gone(), "{count}: {}", story.outcome(0));
    }
    for count in ["0", "\"0\"", "null", "\"\""] {
        let story = looked(1, Verify::Unclear, [look(&format!(r#"{{"Images":[],"TotalCount":{count}}}"#))]);
        assert!(story.outcome(0).is_gone(), "{count}: {}", story.outcome(0));
    }
}

#[test]
fn not_found_beside_a_list_shows_no_absence() {
    let body = r#"{"ResponseMetadata":{"Error":{"Code":"InvalidImage.NotFound"}},"Result":{"Images":[{"ImageId":"image-0"}]}}"#;
    let story = looked(1, Verify::Unclear, [page(200, body)]);
    assert!(!story.outcome(0).is_gone(), "{}", story.outcome(0));
}

#[test]
fn nothing_is_deleted_after_an_answer_that_contradicts_itself() {
    for images in [
        r#"{"ImageId":"image-0","Visibility":"public"},{"ImageId":"image-0","Visibility":"private"}"#,
        r#"{"ImageId":"image-0","Visibility":"private"},{"ImageId":"image-z","Visibility":"private"}"#,
    ] {
        let mut story = Story::new(1, Policy { verify: Verify::Before, attempts: 1, ..Policy::default() });
        let sent = story.send();
        story.answer(&sent, look(&format!(r#"{{"Images":[{images}]}}"#)));
        assert!(story.is_done() && matches!(story.outcome(0), Outcome::NotDeleted(_)), "{}", story.outcome(0));
    }
}

#[test]
fn an_image_that_an_attempt_may_have_deleted_is_not_called_another_account_s() {
    let mut story =
        Story::new(1, Policy { verify: Verify::Before, attempts: 1, verify_for: Duration::ZERO, ..Policy::default() });
    let seen_as = |visibility: &str| look(&format!(r#"{{"Images":[{{"ImageId":"image-0","Visibility":"{visibility}"}}]}}"#));
    for answer in [seen_as("private"), Answer::Lost, refused_by("DescribeImages", 403, "AccessDenied")] {
        let sent = story.send();
        story.answer(&sent, answer);
    }
    story.deletion.retry_left();
    let sent = story.send();
    story.answer(&sent, seen_as("shared"));
    assert!(is_seen(&story.outcome(0)), "{}", story.outcome(0));
}

#[test]
fn a_look_that_a_stop_left_half_done_is_told() {
    for answer in [
        look(r#"{"Images":[{"ImageId":"image-0"}],"NextToken":"m"}"#),
        refused_by("DescribeImages", 400, "InvalidImage.NotFound"),
    ] {
        let mut story = looked(2, Verify::All, []);
        let sent = story.send();
        story.deletion.stop("asked");
        story.answer(&sent, answer);
        assert!(story.is_done());
        assert!(story.deletion.report().unverified().is_some());
    }
}

#[test]
fn a_call_that_is_refused_beside_a_result_is_asked_again_unless_it_is_a_redirect() {
    let body =
        r#"{"ResponseMetadata":{"Error":{"Code":"InvalidArgument"}},"Result":{"OperationDetails":[{"ImageId":"image-0"}]}}"#;
    for (status, attempts) in [(200, 2), (400, 2), (302, 1)] {
        let mut story = Story::new(1, Policy { attempts: 2, ..Policy::default() });
        let report = story.run(|_| page(status, body));
        assert_eq!((story.sent.len(), report.counts().unclear), (attempts, 1), "{status}");
    }
}

#[test]
fn an_error_of_an_image_may_have_a_number_beside_its_code() {
    let mut story = Story::new(1, Policy::default());
    let error = r#"{"Code":"InvalidImage.Shared","CodeN":5}"#;
    let details = format!(r#"{{"OperationDetails":[{{"ImageId":"image-0","Error":{error}}}]}}"#);
    let _ = story.run(|_| succeeded("DeleteImages", &format!(r#","Result":{details}"#)));
    assert_eq!(word(&story.outcome(0)), "refused InvalidImage.Shared");
}

#[test]
fn foreign_images_are_told_once_whole_and_a_thousand_at_most() {
    let long = "abcdefg.".repeat(16);
    let mut story = Story::new(3, Policy { chunk: 1, ..Policy::default() });
    let report = story.run(|sent| {
        let own = sent.images[0].as_str();
        let others = (0..600).map(|n| format!("other-{}-{n}", if own == "image-2" { "b" } else { "a" }));
        let ids: Vec<String> = [own.to_owned(), long.clone()].into_iter().chain(others).collect();
        listed(ids.iter().map(|id| (id.as_str(), None)))
    });
    let foreign: BTreeSet<&String> = report.foreign().iter().collect();
    assert_eq!((foreign.len(), report.foreign().len()), (1_000, 1_000));
    assert!(foreign.contains(&long));
}

#[test]
fn a_look_that_is_throttled_is_made_again() {
    let mut story = Story::new(1, Policy { verify: Verify::All, ..Policy::default() });
    let sent = story.send();
    story.answer(&sent, all(&sent.images, None));
    let look = story.send();
    story.answer(&look, refused_by("DescribeImages", 429, "FlowLimitExceeded"));
    let _ = story.run(|_| succeeded("DescribeImages", r#","Result":{"Images":[],"TotalCount":0}"#));
    assert_eq!(word(&story.outcome(0)), "gone SeenAbsent");
}
