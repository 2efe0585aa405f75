//! Every row of the deletion machine's tables: what an answer means, for an image of which nothing is known, and for one that
//! an earlier attempt may have deleted.

use volc_proto::ecs::Policy;
use volc_tests::machine_story::{Story, ids, word};
use volc_tests::machine_wire::{Answer, all, listed, page, refused, with_retry_after};

/// What becomes of one image if every answer is this one, and how often it is sent, with two attempts.
fn always(answer: impl Fn() -> Answer) -> (usize, String) {
    let mut story = Story::new(1, policy());
    let _ = story.run(|_| answer());
    (story.sent.len(), word(&story.outcome(0)))
}

/// The same after a first attempt whose answer was lost, and that made a third one possible.
fn after_a_lost_answer(answer: impl Fn() -> Answer) -> (usize, String) {
    let mut story = Story::new(1, Policy { attempts: 3, ..policy() });
    let sent = story.send();
    story.answer(&sent, Answer::Lost);
    let _ = story.run(|_| answer());
    (story.sent.len() - 1, word(&story.outcome(0)))
}

/// The same where the service had listed an image before, so that this is not the first reply.
fn after_an_accepted_reply(answer: impl Fn() -> Answer) -> (usize, String) {
    let mut story = Story::new(2, Policy { chunk: 1, ..policy() });
    let sent = story.send();
    story.answer(&sent, all(&sent.images, None));
    let _ = story.run(|_| answer());
    (story.sent.len() - 1, word(&story.outcome(1)))
}

fn policy() -> Policy {
    Policy { attempts: 2, ..Policy::default() }
}

fn is(sends: usize, outcome: &str) -> (usize, String) {
    (sends, outcome.to_owned())
}

#[test]
fn a_request_that_did_not_leave_is_sent_again_and_then_its_images_are_not_deleted() {
    assert_eq!(always(|| Answer::Unsent), is(2, "not deleted"));
    assert_eq!(after_a_lost_answer(|| Answer::Unsent), is(2, "unclear"));
}

#[test]
fn after_a_lost_answer_it_is_sent_again_and_then_its_images_are_unclear() {
    assert_eq!(always(|| Answer::Lost), is(2, "unclear"));
}

#[test]
fn a_reply_to_another_action_says_nothing_whatever_it_says() {
    let metadata = r#""ResponseMetadata":{"Action":"StopInstances""#;
    let result = r#""Result":{"OperationDetails":[{"ImageId":"image-0"}]}"#;
    for status in [200, 202, 400, 401, 403, 404, 429, 500, 503] {
        for body in [
            format!("{{{metadata}}},{result}}}"),
            format!("{{{metadata}}},\"Result\":[]}}"),
            format!("{{{metadata}}}}}"),
            format!("{{{metadata},\"Error\":{{\"Code\":\"InvalidArgument\"}}}}}}"),
            format!("{{{metadata},\"Error\":{{\"Code\":\"FlowLimitExceeded\"}}}}}}"),
            format!("{{{metadata},\"Error\":{{\"Code\":\"InvalidTimestamp\"}}}}}}"),
        ] {
            assert_eq!(always(|| page(status, &body)), is(2, "unclear"), "{status} {body}");
        }
    }
}

#[test]
fn a_throttled_request_is_sent_again_and_then_its_images_are_not_deleted() {
    for answer in [
        || page(429, ""),
        || page(429, "<html>slow down"),
        || refused(429, "FlowLimitExceeded"),
        || refused(429, "New"),
        || refused(400, "FlowLimitExceeded"),
        || refused(200, "FlowLimitExceeded"),
        || refused(503, "AccountFlowLimitExceeded"),
        || with_retry_after(page(429, ""), "3"),
    ] {
        assert_eq!(always(answer), is(2, "not deleted"));
        assert_eq!(after_a_lost_answer(answer), is(2, "unclear"));
    }
}

#[test]
fn a_refused_date_is_sent_again_once_and_does_not_count() {
    for status in [200, 400, 403, 503] {
        let refuse = || refused(status, "InvalidTimestamp");
        assert_eq!(always(refuse), is(2, "not deleted"), "{status}");
        assert_eq!(after_a_lost_answer(refuse), is(2, "unclear"), "{status}");

        let mut story = Story::new(1, Policy { attempts: 1, ..policy() });
        let sent = story.send();
        story.answer(&sent, refuse());
        let again = story.send();
        assert_eq!(again.at, sent.at, "at once");
        story.answer(&again, all(&again.images, None));
        assert_eq!(word(&story.outcome(0)), "gone Acknowledged");
    }
}

#[test]
fn an_error_inside_a_success_means_what_its_code_means() {
    for (code, sends, outcome) in [
        ("FlowLimitExceeded", 2, "not deleted"),
        ("InvalidTimestamp", 2, "not deleted"),
        ("InvalidArgument", 1, "not deleted"),
        ("MissingParameter.ImageId", 1, "not deleted"),
        ("AccessDenied", 1, "not deleted"),
        ("SignatureDoesNotMatch", 1, "not deleted"),
        ("InvalidActionOrVersion", 1, "not deleted"),
        ("InternalError", 2, "unclear"),
        ("InternalServiceTimeout", 2, "unclear"),
        ("New", 2, "unclear"),
    ] {
        assert_eq!(always(|| refused(200, code)), is(sends, outcome), "{code}");
    }
}

#[test]
fn a_request_that_was_refused_is_not_sent_again() {
    for (status, code) in [
        (400, "InvalidArgument"),
        (400, "MissingParameter.ImageId"),
        (400, "LimitExceeded.MaximumImageIds"),
        (400, "InvalidCredential"),
        (400, "New"),
        (401, "InvalidAccessKey"),
        (401, "New"),
        (403, "AccessDenied"),
        (403, "New"),
        (404, "ServiceNotFound"),
        (404, "New"),
        (405, "MethodNotAllowed"),
        (409, "New"),
    ] {
        let refuse = || refused(status, code);
        assert_eq!(always(refuse), is(1, "not deleted"), "{status} {code}");
        assert_eq!(after_an_accepted_reply(refuse), is(1, "not deleted"), "{status} {code}");
        assert_eq!(after_a_lost_answer(refuse), is(1, "unclear"), "{status} {code}");
    }
}

#[test]
fn a_refusal_of_every_request_stops_the_run_only_before_a_reply_was_accepted() {
    for (status, code) in [
        (401, "InvalidAccessKey"),
        (401, "SignatureDoesNotMatch"),
        (403, "AccessDenied"),
        (404, "InvalidActionOrVersion"),
        (405, "MethodNotAllowed"),
        (200, "AccessDenied"),
        (200, "InvalidAccessKey"),
    ] {
        let mut story = Story::new(5, Policy { chunk: 1, ..policy() });
        let report = story.run(|_| refused(status, code));
        assert_eq!((story.sent.len(), report.counts().not_deleted), (1, 5), "{status} {code}");
        assert!(report.stopped().is_some_and(|stop| stop.to_string().contains(code)), "{:?}", report.stopped());

        let mut story = Story::new(5, Policy { chunk: 1, ..policy() });
        let first = story.send();
        story.answer(&first, all(&first.images, None));
        let second = story.send();
        story.answer(&second, refused(status, code));
        let report = story.run(|sent| all(&sent.images, None));
        assert_eq!((story.sent.len(), report.counts().gone, report.stopped()), (5, 4, None), "{status} {code}");
    }
}

#[test]
fn what_a_proxy_says_proves_nothing() {
    for (status, body) in [
        (400, "<html>bad request"),
        (401, ""),
        (403, "<html>forbidden"),
        (404, "not found"),
        (408, ""),
        (400, r#"{"ErrorCode":"InvalidArgument","Message":"m"}"#),
        (400, r#"{"ResponseMetadata":{"Action":"DeleteImages"}}"#),
        (101, ""),
        (103, ""),
        (200, ""),
        (200, "<html>welcome to the hotel"),
        (200, "null"),
        (200, "[]"),
        (200, "{}"),
        (200, r#"{"ResponseMetadata":{},"Result":{"OperationDetails":[{"ImageId":"image-0"}"#),
        (200, r#"{"ResponseMetadata":{},"Result":{"OperationDetails":[{"ImageId":"image-0"}]}}{}"#),
        (200, r#"{"ResponseMetadata":{},"Result":{"OperationDetails":[["image-0"]]}}"#),
        (204, ""),
        (205, ""),
        (206, "half"),
    ] {
        assert_eq!(always(|| page(status, body)), is(2, "unclear"), "{status} {body}");
    }
}

#[test]
fn a_failure_of_the_server_leaves_it_open() {
    for status in [500, 502, 503, 504, 599] {
        assert_eq!(always(|| page(status, "<html>")), is(2, "unclear"), "{status}");
        for code in ["InternalError", "InternalServiceTimeout", "AccessDenied", "InvalidArgument", "New"] {
            assert_eq!(always(|| refused(status, code)), is(2, "unclear"), "{status} {code}");
        }
    }
}

#[test]
fn a_redirect_is_not_followed_and_not_sent_again() {
    for status in [300, 301, 302, 303, 304, 307, 308] {
        assert_eq!(always(|| page(status, "")), is(1, "unclear"), "{status}");
        assert_eq!(always(|| refused(status, "AccessDenied")), is(1, "unclear"), "{status}");
    }
}

#[test]
fn an_image_that_is_listed_without_an_error_is_gone() {
    for none in ["", r#","Error":null"#, r#","Error":{}"#, r#","Error":{"Code":"","Message":""}"#] {
        let body = format!(r#"{{"ResponseMetadata":{{}},"Result":{{"OperationDetails":[{{"ImageId":"image-0"{none}}}]}}}}"#);
        assert_eq!(always(|| page(200, &body)), is(1, "gone Acknowledged"), "{none}");
        assert_eq!(after_a_lost_answer(|| page(200, &body)), is(1, "gone Acknowledged"), "{none}");
        assert_eq!(always(|| page(202, &body)), is(1, "gone Acknowledged"), "any 2xx");
    }
}

#[test]
fn an_image_of_which_the_reply_says_nothing_clear_is_asked_for_again() {
    for result in [
        r#"null"#,
        r#"{}"#,
        r#"{"OperationDetails":null}"#,
        r#"{"OperationDetails":[]}"#,
        r#"{"OperationDetails":[{"ImageId":"image-1"}]}"#,
        r#"{"OperationDetails":[{"ImageId":"IMAGE-0"}]}"#,
        r#"{"OperationDetails":[{}]}"#,
        r#"{"OperationDetails":[{"ImageId":"image-0"},{"ImageId":"image-0","Error":{"Code":"InvalidImage.Shared"}}]}"#,
        r#"{"OperationDetails":[{"ImageId":"image-0","Error":{"Code":"InvalidImage.NotFound"}},{"ImageId":"image-0"}]}"#,
        r#"{"OperationDetails":[{"ImageId":"image-0"},{"Error":{"Code":"InternalError"}}]}"#,
        r#"{"OperationDetails":[{"ImageId":"image-0"},{"ImageId":"","Error":{"Code":"InvalidImage.Shared"}}]}"#,
    ] {
        let body = format!(r#"{{"ResponseMetadata":{{"Action":"DeleteImages"}},"Result":{result}}}"#);
        assert_eq!(always(|| page(200, &body)), is(2, "unclear"), "{result}");

        let mut story = Story::new(1, policy());
        let sent = story.send();
        story.answer(&sent, page(200, &body));
        let _ = story.run(|sent| all(&sent.images, Some("InvalidImage.NotFound")));
        assert_eq!(word(&story.outcome(0)), "gone NotFoundAfterUnclear", "{result}");
    }
    assert_eq!(always(|| page(200, r#"{"ResponseMetadata":{}}"#)), is(2, "unclear"), "no result at all");
}

#[test]
fn an_image_that_is_not_found_is_gone_and_says_whether_we_may_have_done_it() {
    let missing = || all(&ids(1), Some("InvalidImage.NotFound"));
    assert_eq!(always(missing), is(1, "gone NotFound"));
    assert_eq!(after_a_lost_answer(missing), is(1, "gone NotFoundAfterUnclear"));
}

#[test]
fn a_shared_image_is_refused_and_not_asked_for_again() {
    let shared = || all(&ids(1), Some("InvalidImage.Shared"));
    assert_eq!(always(shared), is(1, "refused InvalidImage.Shared"));
    assert_eq!(after_a_lost_answer(shared), is(1, "refused InvalidImage.Shared"));
}

#[test]
fn a_busy_image_is_busy_but_a_wrong_status_may_be_our_own_deletion() {
    for code in ["OperationDenied.ImageIsCopying", "OperationDenied.ImageIsExporting", "InvalidImageStatus"] {
        let busy = || all(&ids(1), Some(code));
        let named = format!("busy {code}");
        assert_eq!(always(busy), is(1, &named));
        let then = if code == "InvalidImageStatus" { "unclear" } else { &named };
        assert_eq!(after_a_lost_answer(busy), is(1, then));
    }
}

#[test]
fn an_image_that_failed_inside_is_unclear_and_asked_for_again() {
    let failed = || all(&ids(1), Some("InternalError"));
    assert_eq!(always(failed), is(2, "unclear"));
}

#[test]
fn a_code_that_no_document_has_is_a_refusal_unless_we_may_have_deleted_the_image() {
    let unknown = || all(&ids(1), Some("InvalidImage.Haunted"));
    assert_eq!(always(unknown), is(1, "refused InvalidImage.Haunted"));
    assert_eq!(after_a_lost_answer(unknown).1, "unclear");
}

#[test]
fn an_image_that_nobody_asked_for_has_no_outcome_and_is_reported_once() {
    let mut story = Story::new(2, policy());
    let sent = story.send();
    let foreign = [("image-77", None), ("image-0", None), ("image-77", Some("InvalidImage.Shared")), ("image-1", None)];
    story.answer(&sent, listed(foreign));
    let report = story.deletion.report();
    assert_eq!(report.foreign(), ["image-77"]);
    assert_eq!((report.outcomes().len(), report.counts().gone), (2, 2));
}
