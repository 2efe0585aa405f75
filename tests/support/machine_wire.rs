//! What comes back from a request, and how it is spelled.

use std::time::Duration;

use http::header::{DATE, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Response};
use volc_proto::ecs::ImageId;

use crate::machine_script::Script;

/// What the client sees of an attempt.
#[derive(Debug)]
pub enum Answer {
    /// Nothing left.
    Unsent,
    /// Nothing came back.
    Lost,
    /// This came back.
    Response(Response<Vec<u8>>),
}

/// Any response.
pub fn page(status: u16, body: &str) -> Answer {
    Answer::Response(Response::builder().status(status).body(body.as_bytes().to_vec()).expect("a status"))
}

/// The envelope of a call that failed.
pub fn refused(status: u16, code: &str) -> Answer {
    refused_by("DeleteImages", status, code)
}

/// The envelope of a call of this action that failed.
pub fn refused_by(action: &str, status: u16, code: &str) -> Answer {
    let error = format!("{{\"Code\":\"{code}\",\"Message\":\"m\"}}");
    page(status, &format!("{{\"ResponseMetadata\":{{\"RequestId\":\"r\",\"Action\":\"{action}\",\"Error\":{error}}}}}"))
}

/// The envelope of a call of this action that succeeded, with this beside the metadata.
pub fn succeeded(action: &str, rest: &str) -> Answer {
    page(200, &format!("{{\"ResponseMetadata\":{{\"RequestId\":\"r\",\"Action\":\"{action}\"}}{rest}}}"))
}

/// A reply that lists these images: with the code of a failure, or without one.
pub fn listed<'a>(details: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> Answer {
    page(200, &body(details, ""))
}

/// A reply that lists these images, all with the same verdict.
pub fn all(images: &[ImageId], code: Option<&str>) -> Answer {
    listed(images.iter().map(|id| (id.as_str(), code)))
}

/// The same answer, which asks for a wait.
pub fn with_retry_after(answer: Answer, wait: &'static str) -> Answer {
    let Answer::Response(mut response) = answer else { panic!("expected a response, not {answer:?}") };
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(wait));
    Answer::Response(response)
}

/// A reply that lists these images; `none` is how it says that there was no error.
pub(crate) fn body<'a>(details: impl IntoIterator<Item = (&'a str, Option<&'a str>)>, none: &str) -> String {
    let metadata = "{\"RequestId\":\"r\",\"Action\":\"DeleteImages\"}";
    let mut body = format!("{{\"ResponseMetadata\":{metadata},\"Result\":{{\"OperationDetails\":[");
    for (index, (id, code)) in details.into_iter().enumerate() {
        body.push_str(if index == 0 { "{\"ImageId\":\"" } else { ",{\"ImageId\":\"" });
        body.push_str(id);
        body.push('"');
        match code {
            None => body.push_str(none),
            Some(code) => {
                body.push_str(",\"Error\":{\"Code\":\"");
                body.push_str(code);
                body.push_str("\",\"Message\":\"m\"}");
            }
        }
        body.push('}');
    }
    body.push_str("]}}");
    body
}

/// The answer to somebody else's request, which looks like one to ours.
pub(crate) fn to_another_action(status: u16, ids: &[ImageId], script: &mut Script<'_>) -> Answer {
    let metadata = "\"ResponseMetadata\":{\"Action\":\"StopInstances\"";
    let body = match script.pick(&["", "FlowLimitExceeded", "InvalidArgument"]) {
        "" => body(ids.iter().map(|id| (id.as_str(), None)), "").replace("DeleteImages", "StopInstances"),
        code => format!("{{{metadata},\"Error\":{{\"Code\":\"{code}\"}}}}}}"),
    };
    page(status, &body)
}

/// Adds a `Retry-After`; returns what it asks for.
pub(crate) fn ask_for_a_wait(headers: &mut HeaderMap, script: &mut Script<'_>) -> Option<Duration> {
    const TEN: &str = "Tue, 04 Jul 2023 10:00:00 GMT";
    const LATER: &str = "Tue, 04 Jul 2023 10:00:07 GMT";
    let (after, date, seconds) = script.pick(&[
        ("1", None, Some(1)),
        ("0", None, Some(0)),
        ("7", None, Some(7)),
        ("61", None, Some(61)),
        ("3600", None, Some(3_600)),
        ("99999999999999999999", None, Some(u64::MAX)),
        (LATER, Some(TEN), Some(7)),
        (TEN, Some(LATER), Some(0)),
        // By which clock? At least so long.
        (LATER, None, Some(7)),
        ("-1", None, None),
        ("soon", None, None),
        ("", None, None),
    ]);
    headers.insert(RETRY_AFTER, HeaderValue::from_static(after));
    if let Some(date) = date {
        headers.insert(DATE, HeaderValue::from_static(date));
    }
    seconds.map(Duration::from_secs)
}
