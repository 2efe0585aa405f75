use std::error::Error;

use http::{Response, StatusCode};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use volc_proto::ecs::{DeleteImages, DeleteImagesOutput, ImageId, ImageStatus};
use volc_proto::{ApiError, Reply, ReplyError, Unreadable, parse, parse_as};

/// Holds: nothing but the envelope of a success is read as one, and what is read is what was written.
///
/// - No body at any status makes the parser, or anything that its answer can be asked, panic.
/// - A reply that is read was a JSON object with metadata and no error in it, in valid UTF-8, with a 2xx status and at most
///   1,000 details.
/// - Written again and read again it is the same; so is an error of the service.
/// - Every image that it speaks of was asked for or is foreign, none is both, and none is called deleted beside any doubt.
/// - The excerpt of what cannot be read shows the first 256 bytes at most; no text has a control character.
///
/// Input: an HTTP status (two bytes, big-endian; one that HTTP does not have is mapped to one that it has), then the body.
pub fn parse_response(data: &[u8]) {
    let Some((status, body)) = data.split_first_chunk::<2>() else { return };
    let status = u16::from_be_bytes(*status);
    let status = if (100..1000).contains(&status) { status } else { 100 + status % 900 };
    let status = StatusCode::from_u16(status).expect("three digits");
    let response = response(status, body);

    match parse::<DeleteImages>(&response) {
        Ok(reply) => {
            let text = std::str::from_utf8(body).expect("a reply that is read is UTF-8");
            serde_json::from_str::<IgnoredAny>(text).expect("a reply that is read is JSON");
            assert!(text.trim_start().starts_with('{'), "{text}");
            assert!(status.is_success(), "{status}");
            assert_eq!(parse_as::<DeleteImagesOutput>(&response).as_ref().ok(), Some(&reply));
            let written = write_reply(&reply).into_bytes();
            assert_eq!(parse::<DeleteImages>(&self::response(status, &written)).as_ref().ok(), Some(&reply));
            check_details(text, &reply.output);
            check_verdicts(&reply.output);
        }
        Err(error) => {
            assert_eq!(error.status(), status);
            check_error(&error);
            match &error {
                ReplyError::Api(error) => check_api_error(error, body),
                ReplyError::Unreadable(error) => check_excerpt(error, body),
                _ => panic!("expected one of two kinds of error, not {error:?}"),
            }
        }
    }
}

fn response(status: StatusCode, body: &[u8]) -> Response<&[u8]> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

fn write_reply(reply: &Reply<DeleteImagesOutput>) -> String {
    let mut body = json!({"ResponseMetadata": metadata(reply.request_id.as_deref(), reply.action.as_deref())});
    let details = reply.output.operation_details.iter().map(|detail| {
        let mut written = serde_json::Map::new();
        if let Some(id) = &detail.image_id {
            written.insert("ImageId".into(), json!(id));
        }
        if let Some(error) = &detail.error {
            // An error of nothing but a number is one; the number is not kept.
            let number = i32::from(error.code().is_empty() && error.message().is_empty());
            written.insert("Error".into(), json!({"Code": error.code(), "Message": error.message(), "CodeN": number}));
        }
        Value::Object(written)
    });
    body["Result"] = json!({"OperationDetails": details.collect::<Vec<_>>()});
    body.to_string()
}

fn metadata(request_id: Option<&str>, action: Option<&str>) -> Value {
    json!({"RequestId": request_id, "Action": action})
}

/// The details are those of the body, all of them, in its order; long texts are cut short, and secrets masked.
fn check_details(text: &str, output: &DeleteImagesOutput) {
    assert!(output.operation_details.len() <= 1_000, "{}", output.operation_details.len());
    // `Value` refuses some of what the parser skips (numbers beyond a double, very deep nesting): then nothing is compared.
    let Ok(value) = serde_json::from_str::<Value>(text) else { return };
    assert!(value["ResponseMetadata"].is_object(), "{text}");
    assert!(value["Result"].is_object() || value["Result"].is_null(), "{text}");
    assert!(!has_error(&value["ResponseMetadata"]) && !has_error(&value), "{text}");
    let simple = ["ErrorCode", "errorCode", "errorcode"].map(|name| &value[name]);
    assert!(simple.iter().all(|said| said.as_str().is_none_or(str::is_empty)), "{text}");
    let details = value.pointer("/Result/OperationDetails").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    assert_eq!(output.operation_details.len(), details.len(), "{text}");
    for (read, written) in output.operation_details.iter().zip(details) {
        assert!(!has_error(written) || read.error.is_some(), "{text}");
        let (text, error) = (|value: &Value| value.as_str().unwrap_or_default().to_owned(), read.error.as_ref());
        let id = (read.image_id.as_deref().unwrap_or_default(), text(&written["ImageId"]));
        let code = (error.map_or("", |error| error.code()), text(&error_in(written)["Code"]));
        for ((read, written), masked) in [(id, false), (code, true)] {
            let cut = read.len() >= 125 && written.starts_with(read);
            assert!(read == written || cut || masked && is_masked(&written, 64), "{read} of {written}");
        }
        let (read, written) = (error.map_or("", |error| error.message()), text(&error_in(written)["Message"]));
        assert!(read == written || written.len() > 1_024 || is_masked(&written, 40), "{read} of {written}");
        assert!(read.len() <= 1_024, "{read}");
    }
}

/// Whether an object has an error that is not empty, in either letter case.
fn has_error(value: &Value) -> bool {
    ["Error", "error"].iter().any(|name| says_something(&value[*name]))
}

/// Null and `{}` say nothing, nor do members that are null, empty or, as `CodeN`, zero.
fn says_something(error: &Value) -> bool {
    let Value::Object(members) = error else { return !error.is_null() };
    members.iter().any(|(name, member)| match member {
        Value::Null => false,
        Value::Bool(_) => true,
        Value::Number(number) => name != "CodeN" || number.as_i64() != Some(0),
        Value::String(text) => !(text.is_empty() || name == "CodeN" && text.parse() == Ok(0)),
        Value::Array(list) => !list.is_empty(),
        Value::Object(members) => !members.is_empty(),
    })
}

/// The error that stands in an object, in either letter case.
fn error_in(value: &Value) -> &Value {
    value.get("Error").unwrap_or(&value["error"])
}

/// Whether a text has something like a key's ID in it, or a word that is long enough for a secret.
fn is_masked(text: &str, long_word: usize) -> bool {
    const ESCAPES: [&str; 10] = [r"\/", r"\u002b", r"\u002f", r"\u003d", "&#43;", "&#47;", "&#61;", "&#x2b;", "&#x2f;", "&#x3d;"];
    let plain = |text: String, escape: &&str| text.replace(escape, &"/".repeat(escape.len()));
    let spelled = ESCAPES.iter().fold(text.to_ascii_lowercase(), plain);
    let mut words = spelled.split(|c: char| !c.is_ascii_alphanumeric() && !"+/=_-%\0".contains(c));
    text.contains("AKLT") || text.contains("AKTP") || words.any(|word| word.len() >= long_word)
}

/// Half of the images that the reply speaks of are taken as asked for, and one that it does not speak of.
fn check_verdicts(output: &DeleteImagesOutput) {
    let details = &output.operation_details;
    let mut asked: Vec<ImageId> = details.iter().step_by(2).filter_map(|detail| detail.image_id.clone()?.parse().ok()).collect();
    asked.truncate(100);
    asked.push(ImageId::new("image-nobody-has").expect("an ID"));

    let foreign: Vec<&str> = output.foreign(&asked).collect();
    let ids = details.iter().filter_map(|detail| detail.image_id.as_deref());
    let not_asked: Vec<&str> = ids.filter(|id| asked.iter().all(|asked| asked.as_str() != *id)).collect();
    assert_eq!(foreign, not_asked);

    let nameless_failure = details.iter().any(|detail| detail.image_id.is_none() && detail.error.is_some());
    for id in &asked {
        let listed: Vec<_> = details.iter().filter(|detail| detail.image_id.as_deref() == Some(id.as_str())).collect();
        let failed = listed.iter().filter(|detail| detail.error.is_some()).count();
        match output.status_of(id) {
            ImageStatus::NotListed => assert!(listed.is_empty(), "{id}"),
            ImageStatus::Deleted => assert!(!listed.is_empty() && failed == 0 && !nameless_failure, "{id}: {listed:?}"),
            ImageStatus::Failed(error) => {
                assert!(failed > 0 && failed == listed.len(), "{id}: {listed:?}");
                assert!(listed.iter().all(|detail| detail.error.as_ref().is_some_and(|other| other.code() == error.code())));
                assert_one_line(&error.to_string());
                let _ = error.kind();
            }
            ImageStatus::Contradictory => assert!(listed.len() > 1 || nameless_failure, "{id}: {listed:?}"),
        }
    }
}

fn check_error(error: &ReplyError) {
    let _ = (format!("{error:?}"), error.request_id());
    assert_one_line(&error.to_string());
    let mut source = error.source();
    while let Some(error) = source {
        let _ = error.to_string();
        source = error.source();
    }
}

fn check_api_error(error: &ApiError, body: &[u8]) {
    assert!(std::str::from_utf8(body).is_ok_and(|text| text.trim_start().starts_with('{')), "{error:?}");
    let _ = error.kind();
    // An error that has neither code nor message is one all the same, and cannot be written again from what is known of it.
    if error.code().is_empty() && error.message().is_empty() && error.code_number().unwrap_or_default() == 0 {
        return;
    }
    let mut written = json!({"ResponseMetadata": metadata(error.request_id(), error.action())});
    written["ResponseMetadata"]["Error"] =
        json!({"Code": error.code(), "CodeN": error.code_number(), "Message": error.message()});
    let written = written.to_string().into_bytes();
    let read = match parse::<DeleteImages>(&response(error.status(), &written)) {
        Err(ReplyError::Api(read)) => read,
        other => panic!("expected {error:?}, read {other:?}"),
    };
    // Not compared whole: the short form without an envelope is remembered as such.
    assert_eq!(
        (read.code(), read.code_number(), read.request_id(), read.action(), read.kind()),
        (error.code(), error.code_number(), error.request_id(), error.action(), error.kind()),
    );
    // What is left of masked key IDs could look like another one.
    if !error.message().contains("****") {
        assert_eq!(read.message(), error.message());
    }
}

fn check_excerpt(error: &Unreadable, body: &[u8]) {
    let shown = String::from_utf8_lossy(&body[..body.len().min(256)]);
    let mut escaped = String::new();
    for c in shown.chars() {
        if steers(c) { escaped.extend(c.escape_default()) } else { escaped.push(c) }
    }
    // What follows something masked moves up.
    let read = String::from_utf8_lossy(&body[..body.len().min(2_048)]);
    if !is_masked(&read, 40) && std::str::from_utf8(body).is_ok() && read.trim() == read {
        assert!(escaped.starts_with(error.excerpt()), "{} is not the start of {escaped}", error.excerpt());
        // A character at the end may be cut off.
        assert!(escaped.len() <= error.excerpt().len() + 10, "{} is less than {escaped}", error.excerpt());
    }
    assert!(error.excerpt().chars().count() <= 256 * "\\u{7f}".len(), "{}", error.excerpt());
    assert_one_line(error.excerpt());
}

/// Text of another side cannot forge a line of a log or steer a terminal.
fn assert_one_line(text: &str) {
    assert!(!text.contains(steers), "{text:?}");
}

/// Control characters, line ends, and what turns the direction of a text (Unicode's `Bidi_Control`).
fn steers(c: char) -> bool {
    c.is_control()
        || "\u{2028}\u{2029}\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}".contains(c)
        || ('\u{2066}'..='\u{2069}').contains(&c)
}
