//! Every recorded reply, read as it says itself that it is to be read.

use std::collections::BTreeMap;

use volc_proto::ecs::{DeleteImages, DeleteImagesOutput, ImageStatus, ItemErrorKind, OperationDetail};
use volc_proto::{ApiErrorKind, Reply, ReplyError, parse};
use volc_tests::load_folder;
use volc_tests::replies::{ExpectedImage, RecordedReply};

fn replies() -> Vec<RecordedReply> {
    let replies: Vec<RecordedReply> = load_folder("replies").into_iter().map(|(_, reply)| reply).collect();
    assert!(replies.len() >= 55, "expected the recorded replies, found {}", replies.len());
    replies
}

fn read(reply: &RecordedReply) -> Result<Reply<DeleteImagesOutput>, ReplyError> {
    parse::<DeleteImages>(&reply.response())
}

/// One of the ways in which a reply may be read.
fn outcome(read: &Result<Reply<DeleteImagesOutput>, ReplyError>) -> &'static str {
    match read {
        Ok(_) => "results",
        Err(ReplyError::Api(_)) => "api_error",
        Err(ReplyError::Unreadable(error)) if error.status().is_success() => "malformed_response",
        Err(_) => "http_error",
    }
}

#[test]
fn every_reply_is_read_as_it_is_meant() {
    for reply in replies() {
        let read = read(&reply);
        let outcomes: Vec<&str> = reply.expect.outcome.split(" or ").collect();
        // `failed` is a result in which no image of those asked for was deleted.
        let allowed = |outcome: &str| outcomes.contains(&outcome) || (outcome == "results" && outcomes.contains(&"failed"));
        assert!(allowed(outcome(&read)), "{}: expected {outcomes:?}, read {read:?}", reply.id);
        if outcomes.len() > 1
            && let Ok(read) = &read
        {
            for id in reply.asked() {
                assert_ne!(read.output.status_of(&id), ImageStatus::Deleted, "{}", reply.id);
            }
        }
    }
}

#[test]
fn a_reply_that_is_cut_off_is_never_a_success() {
    for reply in replies() {
        for end in 0..reply.body.len() {
            let mut response = reply.response();
            response.body_mut().truncate(end);
            assert!(parse::<DeleteImages>(&response).is_err(), "{} after {end} bytes", reply.id);
        }
    }
}

#[test]
fn every_image_comes_to_what_its_reply_says() {
    for reply in replies().into_iter().filter(|reply| reply.expect.outcome == "results") {
        let output = read(&reply).unwrap_or_else(|error| panic!("{}: {error}", reply.id)).output;
        // IDs as documents print them have asterisks; those replies are looked at by text.
        let asked = reply.asked();
        for ExpectedImage { id, state, code } in &reply.expect.images {
            let listed: Vec<_> = output.operation_details.iter().filter(|d| d.image_id.as_ref() == Some(id)).collect();
            let code = code.as_deref();
            match state.as_str() {
                "deleted" => assert!(!listed.is_empty() && listed.iter().all(|detail| detail.error.is_none()), "{}", reply.id),
                "failed" => assert!(
                    listed.iter().any(|d| d.error.as_ref().is_some_and(|error| code.is_none_or(|code| code == error.code()))),
                    "{}: {id}",
                    reply.id
                ),
                "not_listed" => assert!(listed.is_empty(), "{}: {id}", reply.id),
                other => panic!("{}: expected a known state, not {other:?}", reply.id),
            }
            let Some(id) = asked.iter().find(|asked| asked.as_str() == id) else { continue };
            match (state.as_str(), output.status_of(id)) {
                ("deleted", ImageStatus::Deleted) | ("not_listed", ImageStatus::NotListed) => {}
                ("failed", ImageStatus::Failed(error)) => assert_eq!(Some(error.code()), code, "{}", reply.id),
                ("failed", ImageStatus::Contradictory) => assert!(listed.len() > 1, "{}", reply.id),
                (state, status) => panic!("{}: expected {id} to be {state}, read {status:?}", reply.id),
            }
        }
        let foreign: Vec<&str> = output.foreign(&asked).collect();
        let unexpected: Vec<&str> = reply.expect.unexpected.iter().map(String::as_str).collect();
        let all_can_be_ids = asked.len() == reply.requested_ids.len();
        assert!(!all_can_be_ids || foreign == unexpected, "{}: {foreign:?}", reply.id);
    }
}

#[test]
fn an_image_with_a_failure_anywhere_in_the_reply_is_never_deleted() {
    let mut doubtful = 0;
    for reply in replies() {
        let Ok(Reply { output, .. }) = read(&reply) else { continue };
        for id in reply.asked() {
            let failed = |d: &OperationDetail| d.image_id.as_deref() == Some(id.as_str()) && d.error.is_some();
            if output.operation_details.iter().any(failed) {
                assert_ne!(output.status_of(&id), ImageStatus::Deleted, "{}", reply.id);
                doubtful += usize::from(output.status_of(&id) == ImageStatus::Contradictory);
            }
        }
    }
    assert!(doubtful > 0, "expected a reply that contradicts itself");
}

#[test]
fn every_code_of_an_image_means_what_its_reply_says() {
    let mut seen = BTreeMap::new();
    for reply in replies().into_iter().filter(|reply| reply.expect.outcome == "results") {
        let output = read(&reply).unwrap_or_else(|error| panic!("{}: {error}", reply.id)).output;
        for error in output.operation_details.iter().filter_map(|detail| detail.error.as_ref()) {
            if let Some(class) = reply.expect.classes.get(error.code()).and_then(|class| class.as_str()) {
                let allowed: &[ItemErrorKind] = match class {
                    "already_gone" => &[ItemErrorKind::NotFound],
                    "state_conflict" => &[ItemErrorKind::Busy, ItemErrorKind::WrongStatus],
                    "permanent_until_unshared" => &[ItemErrorKind::Shared],
                    "transient" => &[ItemErrorKind::Transient],
                    "unknown" => &[ItemErrorKind::Unknown],
                    other => panic!("{}: expected a known class, not {other:?}", reply.id),
                };
                assert!(allowed.contains(&error.kind()), "{}: {error} is {:?}", reply.id, error.kind());
                seen.insert(class.to_owned(), error.kind());
            }
            if let Some(message) = &reply.expect.message {
                assert_eq!(error.message(), message, "{}", reply.id);
            }
        }
    }
    assert_eq!(seen.len(), 5, "expected every class, saw {seen:?}");
}

#[test]
fn every_error_tells_what_its_reply_says() {
    for reply in replies() {
        let Err(error) = read(&reply) else { continue };
        let (expect, id) = (&reply.expect, &reply.id);
        assert_eq!(error.status().as_u16(), expect.http_status.unwrap_or(reply.status), "{id}");
        if let Some(request_id) = &expect.request_id {
            assert_eq!(error.request_id(), Some(request_id.as_str()), "{id}");
        }
        let ReplyError::Api(error) = error else {
            assert_eq!(expect.code, None, "{id}");
            continue;
        };
        assert_eq!(Some(error.code()), expect.code.as_deref(), "{id}");
        if let Some(number) = expect.code_n {
            assert_eq!(error.code_number(), Some(number), "{id}");
        }
        let kind = match expect.class.as_deref() {
            Some("caller") => ApiErrorKind::InvalidRequest,
            Some("auth" | "auth_expired") => ApiErrorKind::Credentials,
            Some("auth_clock") => ApiErrorKind::Clock,
            Some("auth_permission") => ApiErrorKind::Permission,
            Some("throttled") => ApiErrorKind::Throttled,
            Some("transient") => ApiErrorKind::Transient,
            other => panic!("{id}: expected a known class, not {other:?}"),
        };
        assert_eq!(error.kind(), kind, "{id}");
        // What may be sent again unchanged is what passes by itself.
        let passes = matches!(kind, ApiErrorKind::Throttled | ApiErrorKind::Transient);
        assert_eq!(Some(passes), expect.retry_same_request, "{id}");
    }
}

#[test]
fn every_success_has_the_id_and_the_action_of_its_reply() {
    for reply in replies() {
        let Ok(read) = read(&reply) else { continue };
        assert!(read.request_id.is_some(), "{}", reply.id);
        if let Some(request_id) = &reply.expect.request_id {
            assert_eq!(read.request_id.as_ref(), Some(request_id), "{}", reply.id);
        }
    }
    let foreign = replies().into_iter().filter_map(|reply| read(&reply).ok()?.action).find(|action| action != "DeleteImages");
    assert!(foreign.is_some(), "expected a reply to another action");
}
