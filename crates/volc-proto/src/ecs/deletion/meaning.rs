//! What a reply means for the images of its request: the table of the [module](super), first match wins.
//!
//! Knows an answer and the IDs that were asked for; never meets attempts, waits or the past.

use std::time::Duration;

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::outcome::{Reason, ReasonKind};
use crate::action::Action;
use crate::ecs::delete_images::{Detail, ImageId, ItemError, ItemErrorKind, Output, SharedErrors};
use crate::json::{List, Object};
use crate::reply::{ApiError, ApiErrorKind, ReplyError, parse_as};
use crate::shown::{clipped, name};

/// What became of a whole attempt.
#[derive(Debug, PartialEq)]
pub(crate) enum Meaning {
    /// Nothing was done; asking again may help.
    NotSent(Reason),
    /// Nothing was done; the service wants fewer requests.
    Throttled(Reason),
    /// Nothing was done; the request's date was refused.
    Clock(Reason),
    /// Nothing was done, and the same request will not be accepted.
    Call {
        reason: Reason,
        /// Whether it speaks of the caller or the address, and so of every request.
        hopeless: bool,
        /// Whether one image may be what it speaks of.
        divisible: bool,
    },
    /// Perhaps it was done.
    Maybe { reason: Reason, again: bool },
    /// Stated per image, in the order asked.
    Images { verdicts: Vec<Verdict>, foreign: Vec<String> },
}

/// What the reply says of one image.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    Accepted,
    NotFound,
    Refused(ItemError),
    Busy(ItemError),
    WrongStatus(ItemError),
    /// A code that no document has.
    Unknown(ItemError),
    /// The reply does not settle it; asking again may.
    Open(Reason),
}

/// What the answer means, and its request ID.
pub(crate) fn of<A: Action>(response: &Response<impl AsRef<[u8]>>, asked: &[&ImageId]) -> (Meaning, Option<String>) {
    match parse_as::<Output<'_>>(response) {
        Ok(reply) => {
            let meaning = foreign_action::<A>(reply.action.as_deref()).unwrap_or_else(|| per_image(asked, &reply.output));
            (meaning, reply.request_id)
        }
        Err(error) => (of_error::<A>(&error), error.request_id().map(str::to_owned)),
    }
}

/// For a date that cannot be compared with anything: more than a run waits unless it is told to.
const UNKNOWN_WAIT: Duration = Duration::from_secs(60 * 60);

/// How long the answer asks to wait, whatever its status. A date is compared with the answer's own `Date`: the core has no
/// clock, and ours may be wrong. Of several the longest counts; one that cannot be understood is none.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let date = headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    let wait = |value: &HeaderValue| {
        let value = value.to_str().ok()?.trim();
        if value.bytes().all(|b| b.is_ascii_digit()) && !value.is_empty() {
            // More digits than fit are a very long wait, and not none.
            return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
        }
        let until = httpdate::parse_http_date(value).ok()?;
        Some(date.map_or(UNKNOWN_WAIT, |date| until.duration_since(date).unwrap_or_default()))
    };
    headers.get_all(RETRY_AFTER).iter().filter_map(wait).max()
}

/// An answer to another action belongs to another request: connections got mixed up, and ours may have been carried out.
fn foreign_action<A: Action>(action: Option<&str>) -> Option<Meaning> {
    another_action::<A>(action).map(|reason| Meaning::Maybe { reason, again: true })
}

/// Why an answer is not to this action, if it is not.
pub(crate) fn another_action<A: Action>(action: Option<&str>) -> Option<Reason> {
    let other = action.filter(|action| !action.is_empty() && *action != A::NAME)?;
    Some(Reason::new(ReasonKind::Unreadable, format_args!("the reply is to another action, {other:?}")))
}

fn of_error<A: Action>(error: &ReplyError) -> Meaning {
    match error {
        ReplyError::Api(error) => foreign_action::<A>(error.action()).unwrap_or_else(|| of_api_error(error)),
        ReplyError::Unreadable(error) => foreign_action::<A>(error.action()).unwrap_or_else(|| match error.status() {
            StatusCode::TOO_MANY_REQUESTS if !error.has_result() => Meaning::Throttled(Reason::new(ReasonKind::Call, error)),
            status => Meaning::Maybe { reason: Reason::new(ReasonKind::Unreadable, error), again: !status.is_redirection() },
        }),
    }
}

fn of_api_error(error: &ApiError) -> Meaning {
    use ApiErrorKind::*;
    let status = error.status();
    let called = || Reason::new(ReasonKind::Call, error).with_code(error.code());
    let failed = |again| Meaning::Maybe { reason: Reason::new(ReasonKind::Failed, error).with_code(error.code()), again };
    if error.has_result() {
        // It says that nothing was done, or that something was: one of the two is wrong.
        return Meaning::Maybe {
            reason: Reason::new(ReasonKind::Contradictory, error).with_code(error.code()),
            again: !status.is_redirection(),
        };
    }
    match error.kind() {
        Throttled => return Meaning::Throttled(called()),
        Clock => return Meaning::Clock(called()),
        _ => {}
    }
    let refused = match error.kind() {
        // What a 2xx says of itself is decided by its code alone.
        Credentials | Permission | InvalidRequest => status.is_success() || status.is_client_error(),
        Unknown => status.is_client_error(),
        _ => false,
    };
    if !refused || !error.in_envelope() {
        return failed(!status.is_redirection());
    }
    let no_such_action = matches!(error.code(), "ServiceNotFound" | "InvalidActionOrVersion" | "MethodNotAllowed");
    let nobody = error.kind() == Credentials || no_such_action || matches!(status.as_u16(), 401 | 404 | 405);
    Meaning::Call {
        reason: called(),
        hopeless: nobody || error.kind() == Permission || status == StatusCode::FORBIDDEN,
        divisible: !nobody,
    }
}

fn per_image(asked: &[&ImageId], output: &Output<'_>) -> Meaning {
    let mut errors = SharedErrors::default();
    let List(details) = &output.operation_details;
    let details: Vec<(Option<&str>, &Detail<'_>)> = details.iter().map(|Object(detail)| (detail.id(), detail)).collect();
    // What services do: every image, in the order asked. Nothing has to be searched then.
    let in_order = details.len() == asked.len() && details.iter().zip(asked).all(|((id, _), asked)| *id == Some(asked.as_str()));
    if in_order {
        let verdicts = details.iter().map(|(_, detail)| verdict(detail, &mut errors)).collect();
        return Meaning::Images { verdicts, foreign: Vec::new() };
    }

    let mut sorted: Vec<_> = details.iter().filter_map(|(id, detail)| Some(((*id)?, *detail))).collect();
    sorted.sort_by_key(|(id, _)| *id);
    let nameless_failure = details.iter().any(|(id, detail)| id.is_none() && detail.failure().is_some());
    let not_listed = Reason::new(ReasonKind::NotListed, "the reply did not list it");
    let contradictory = Reason::new(ReasonKind::Contradictory, "the reply contradicted itself about it");
    let verdicts = asked.iter().map(|asked| {
        let from = sorted.partition_point(|(id, _)| *id < asked.as_str());
        let listed = sorted[from..].iter().take_while(|(id, _)| *id == asked.as_str());
        let mut verdicts = listed.map(|(_, detail)| verdict(detail, &mut errors));
        match verdicts.next() {
            None => Verdict::Open(not_listed.clone()),
            Some(first) if verdicts.any(|other| other != first) => Verdict::Open(contradictory.clone()),
            // The failure may be this image's.
            Some(Verdict::Accepted) if nameless_failure => Verdict::Open(contradictory.clone()),
            Some(verdict) => verdict,
        }
    });
    let verdicts = verdicts.collect();
    let mut foreign: Vec<String> = sorted.iter().map(|(id, _)| clipped(id, ImageId::MAX_LENGTH + 1).to_owned()).collect();
    foreign.dedup();
    let mut known: Vec<&str> = asked.iter().map(|id| id.as_str()).collect();
    known.sort_unstable();
    foreign.retain(|id| known.binary_search(&id.as_str()).is_err());
    foreign.iter_mut().for_each(|id| *id = name(id));
    foreign.dedup();
    Meaning::Images { verdicts, foreign }
}

fn verdict<'a>(detail: &'a Detail<'_>, errors: &mut SharedErrors<'a>) -> Verdict {
    let Some(failure) = detail.failure() else { return Verdict::Accepted };
    if failure.is_odd() {
        return Verdict::Open(Reason::new(ReasonKind::Contradictory, "the reply has an error of it without a code"));
    }
    let error = errors.of(failure);
    match error.kind() {
        ItemErrorKind::NotFound => Verdict::NotFound,
        ItemErrorKind::Shared => Verdict::Refused(error),
        ItemErrorKind::Busy => Verdict::Busy(error),
        ItemErrorKind::WrongStatus => Verdict::WrongStatus(error),
        ItemErrorKind::Transient => Verdict::Open(Reason::new(ReasonKind::Failed, &error).with_code(error.code())),
        ItemErrorKind::Unknown => Verdict::Unknown(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::DeleteImages;

    fn read(status: u16, body: &str) -> Meaning {
        let ids = [ImageId::new("a").unwrap(), ImageId::new("b").unwrap()];
        of::<DeleteImages>(&Response::builder().status(status).body(body).unwrap(), &ids.each_ref()).0
    }

    fn error(status: u16, code: &str) -> Meaning {
        read(status, &format!(r#"{{"ResponseMetadata":{{"Action":"DeleteImages","Error":{{"Code":"{code}"}}}}}}"#))
    }

    fn details(details: &str) -> Vec<Verdict> {
        match read(200, &format!(r#"{{"ResponseMetadata":{{}},"Result":{{"OperationDetails":{details}}}}}"#)) {
            Meaning::Images { verdicts, .. } => verdicts,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn throttling_and_the_clock_are_known_at_any_status() {
        for status in [200, 302, 400, 403, 500, 503] {
            assert!(matches!(error(status, "FlowLimitExceeded"), Meaning::Throttled(_)), "{status}");
            assert!(matches!(error(status, "InvalidTimestamp"), Meaning::Clock(_)), "{status}");
        }
        assert!(matches!(error(429, "New"), Meaning::Throttled(_)));
        assert!(matches!(read(429, "<html>slow down"), Meaning::Throttled(_)));
    }

    #[test]
    fn only_a_refusal_in_the_services_own_words_proves_that_nothing_was_done() {
        for (status, code, hopeless, divisible) in [
            (401, "InvalidAccessKey", true, false),
            (400, "InvalidCredential", true, false),
            (403, "AccessDenied", true, true),
            (401, "LackProjectPolicy", true, false),
            (404, "InvalidActionOrVersion", true, false),
            (405, "MethodNotAllowed", true, false),
            (400, "InvalidArgument", false, true),
            (400, "New", false, true),
            (200, "AccessDenied", true, true),
            (200, "SignatureDoesNotMatch", true, false),
            (200, "InvalidArgument", false, true),
        ] {
            match error(status, code) {
                Meaning::Call { hopeless: h, divisible: d, .. } => assert_eq!((h, d), (hopeless, divisible), "{status} {code}"),
                other => panic!("{status} {code}: {other:?}"),
            }
        }
        for (status, body) in [
            (400, r#"{"ErrorCode":"InvalidArgument","Message":"m"}"#),
            (403, "<html>forbidden by the proxy"),
            (400, r#"{"ResponseMetadata":{}}"#),
            (500, r#"{"ResponseMetadata":{"Error":{"Code":"AccessDenied"}}}"#),
            (400, r#"{"ResponseMetadata":{"Error":{"Code":"InternalError"}}}"#),
            (200, r#"{"ResponseMetadata":{"Error":{"Code":"New"}}}"#),
            (200, ""),
            (204, ""),
            (101, ""),
            (502, "<html>"),
        ] {
            assert!(matches!(read(status, body), Meaning::Maybe { again: true, .. }), "{status} {body}");
        }
        assert!(matches!(read(302, ""), Meaning::Maybe { again: false, .. }));
    }

    #[test]
    fn an_answer_to_another_action_says_nothing() {
        for body in [
            r#"{"ResponseMetadata":{"Action":"StartInstance"},"Result":{"OperationDetails":[{"ImageId":"a"},{"ImageId":"b"}]}}"#,
            r#"{"ResponseMetadata":{"Action":"StartInstance","Error":{"Code":"AccessDenied"}}}"#,
        ] {
            assert!(matches!(read(200, body), Meaning::Maybe { again: true, .. }), "{body}");
        }
    }

    #[test]
    fn silence_and_contradiction_are_no_success() {
        use Verdict::{Accepted, Open};
        assert!(matches!(details("[]")[..], [Open(_), Open(_)]));
        assert!(matches!(details("null")[..], [Open(_), Open(_)]));
        assert!(matches!(details(r#"[{"ImageId":"b"}]"#)[..], [Open(_), Accepted]));
        assert!(matches!(
            details(r#"[{"ImageId":"b","Error":{}},{"ImageId":"a","Error":{"Code":"","Message":""}}]"#)[..],
            [Accepted, Accepted]
        ));
        assert!(matches!(
            details(r#"[{"ImageId":"a"},{"ImageId":"a","Error":{"Code":"InvalidImage.NotFound"}}]"#)[..],
            [Open(_), Open(_)]
        ));
        assert!(matches!(details(r#"[{"ImageId":"a"},{"ImageId":"a"},{"ImageId":"b"}]"#)[..], [Accepted, Accepted]));
        assert!(matches!(details(r#"[{"ImageId":"a"},{"Error":{"Code":"InternalError"}}]"#)[..], [Open(_), Open(_)]));
        assert!(matches!(
            details(r#"[{"ImageId":"a","Error":{"Message":"x"}},{"ImageId":"b"}]"#)[..],
            [Verdict::Unknown(_), Accepted]
        ));
    }

    #[test]
    fn an_error_that_says_something_else_is_no_success() {
        for error in [
            r#"{"code":"OperationDenied","message":"locked"}"#,
            r#"{"CodeN":-1}"#,
            r#"{"CodeN":"E42"}"#,
            r#"{"Detail":"locked"}"#,
        ] {
            let verdicts = details(&format!(r#"[{{"ImageId":"a","Error":{error}}},{{"ImageId":"b"}}]"#));
            assert!(matches!(verdicts[..], [Verdict::Open(_), Verdict::Accepted]), "{error}");
        }
        for error in ["{}", "null", r#"{"Code":"","Message":null}"#, r#"{"CodeN":0}"#, r#"{"Detail":"","Data":{}}"#] {
            let verdicts = details(&format!(r#"[{{"ImageId":"a","Error":{error}}},{{"ImageId":"b"}}]"#));
            assert!(matches!(verdicts[..], [Verdict::Accepted, Verdict::Accepted]), "{error}");
        }
    }

    #[test]
    fn what_nobody_asked_for_is_reported_once() {
        let body = r#"{"ResponseMetadata":{},"Result":{"OperationDetails":[{"ImageId":"z"},{"ImageId":"a"},{"ImageId":"z"}]}}"#;
        match read(200, body) {
            Meaning::Images { foreign, .. } => assert_eq!(foreign, ["z"]),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_wait_is_seconds_or_a_date_by_the_services_own_clock() {
        let wait = |after: &str, date: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, after.parse().unwrap());
            date.map(|date| headers.insert(DATE, date.parse().unwrap()));
            retry_after(&headers)
        };
        assert_eq!(wait("2", None), Some(Duration::from_secs(2)));
        assert_eq!(wait("99999999999999999999", None), Some(Duration::from_secs(u64::MAX)));
        for nonsense in ["-1", "soon", "", "1.5"] {
            assert_eq!(wait(nonsense, None), None, "{nonsense}");
        }
        let (date, later) = ("Tue, 04 Jul 2023 10:00:00 GMT", "Tue, 04 Jul 2023 10:00:07 GMT");
        assert_eq!(wait(later, Some(date)), Some(Duration::from_secs(7)));
        assert_eq!(wait(date, Some(later)), Some(Duration::ZERO));
        assert_eq!(wait(later, None), Some(UNKNOWN_WAIT), "a date that cannot be compared is not waited for by default");
    }
}
